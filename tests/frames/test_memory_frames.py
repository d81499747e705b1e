"""A memory profile as frames."""

from __future__ import annotations

from typing import Any

from pocket_lab.frames.memory import activity_frame, memory_frame, memory_lines_frame, runs_memory_frame, timeline_frame
from pocket_lab.records.memory import HeapPoint, LineMemory, NodeActivity, NodeMemory, RunMemory
from pocket_lab.records.point import Point
from pocket_lab.records.record import Record
from pocket_lab.records.sources import Source

SMALL, LARGE = (Point("t", size, 2, "threads", "run") for size in (10, 100))
LOCATION = ["size", "workers", "executor", "drive", "rate"]


def node(point: Point, name: str, peak: int, at_peak: int) -> NodeMemory:
    return NodeMemory(point, name, peak, peak, at_peak, 1, peak, 0, 0, peak, 1)


def test_points_keep_their_order_and_each_has_shares_and_an_order_of_its_own() -> None:
    records = [node(LARGE, "a", 5, 1), node(LARGE, "b", 50, 3), node(SMALL, "a", 7, 0), node(SMALL, "b", 2, 0)]
    frame = memory_frame(records)
    assert list(zip(frame["size"], frame["node"], strict=True)) == [(100, "b"), (100, "a"), (10, "a"), (10, "b")]
    assert list(frame["peak_share"]) == [0.75, 0.25, 0.0, 0.0], "nothing alive has no shares"
    assert list(frame.columns[-5:]) == LOCATION


def test_lines_have_their_source_and_the_largest_part_of_each_nodes_peak_comes_first() -> None:
    lines: list[Record] = [
        LineMemory(SMALL, name, "f.py", line, 1, allocated, peak, 0, 0, 0)
        for name, line, allocated, peak in (("a", 1, 9, 0), ("a", 2, 1, 1), ("b", 3, 5, 0), ("b", 9, 6, 0))
    ]
    frame = memory_lines_frame([Source("f.py", 1, ("one\n", "  two\n", "three\n")), *lines])
    assert list(zip(frame["node"], frame["line"], strict=True)) == [("a", 2), ("a", 1), ("b", 9), ("b", 3)]
    assert list(frame["source"]) == ["  two", "one", "", "three"]
    first = ["node", "file", "line", "source", "allocations", "allocated_bytes", "peak_bytes", "at_peak_bytes"]
    assert list(frame.columns) == [*first, "temporary", "leaked_bytes", *LOCATION]


def test_runs_moments_and_stretches_carry_their_point() -> None:
    records: list[Record] = [
        RunMemory(SMALL, 5, 1, 5, 0, 0, 5, 1, 1000.0, 0.5),
        HeapPoint(SMALL, 0.1, 3, 100),
        NodeActivity(SMALL, "a", 0.0, 0.4),
    ]
    (run,) = runs_memory_frame(records).to_dict("records")
    assert (run["peak_bytes"], run["wall_s"], run["size"]) == (5, 0.5, 10)
    assert timeline_frame(records).iloc[0].tolist()[:3] == [0.1, 3, 100]
    assert list(activity_frame(records).columns) == ["node", "start_s", "end_s", *LOCATION]


def test_without_records_the_frames_are_empty_and_have_their_columns() -> None:
    makers: list[Any] = [memory_frame, memory_lines_frame, runs_memory_frame, timeline_frame, activity_frame]
    for make in makers:
        frame = make([])
        assert frame.empty
        assert list(frame.columns[-5:]) == LOCATION


def test_a_point_without_a_size_has_none() -> None:
    point = Point("t", None, 1, "serial", "run")
    frame = memory_frame([node(point, "a", 1, 1), node(SMALL, "a", 1, 1)])
    assert frame["size"].isna().tolist() == [True, False]
    assert frame["peak_share"].tolist() == [1.0, 1.0]
