"""The whole Point is the key of every frame: two points that differ in one field stay two rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any

import pandas as pd
import pytest

from pocket_lab.analysis.compare.stored import StoredRun, compare_runs
from pocket_lab.analysis.noise import is_fastest
from pocket_lab.analysis.scaling import add_speedup, log_throughputs
from pocket_lab.frames.bench import bench_frame, metrics_frame, probe_frame
from pocket_lab.frames.calls import own_times, times_frame
from pocket_lab.frames.lines import lines_frame
from pocket_lab.frames.memory import memory_frame, memory_lines_frame, runs_memory_frame
from pocket_lab.frames.nodes import nodes_frame
from pocket_lab.frames.pairs import pairs_frame, sides_frame
from pocket_lab.frames.points import LOCATION_COLUMNS, POINT_COLUMNS, at_point, point_of, points_of
from pocket_lab.frames.references import references_frame
from pocket_lab.frames.samples import samples_frame
from pocket_lab.frames.spans import node_times_frame, spans_frame, traced_nodes_frame
from pocket_lab.records.memory import LineMemory, NodeMemory, RunMemory
from pocket_lab.records.point import Point
from pocket_lab.records.progress import Closed, Planned
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Block, Latency, Metric, Probe, Sample
from pocket_lab.records.sources import LineCost, Stack
from pocket_lab.records.spans import NodeTime, Span, Traced
from pocket_lab.stats.histogram import Histogram
from pocket_lab.view.points import heaviest
from pocket_lab.view.text.progress import ProgressState

SLOW = Point("t", 10, 2, "threads", "load", 50.0)
FAST, CLOSED = replace(SLOW, rate=200.0), replace(SLOW, rate=None)
POINTS = (SLOW, FAST, CLOSED)


def window(point: Point, number: int, latency_s: float, wall_s: float = 1.0, count: int = 20) -> list[Record]:
    histogram = Histogram()
    for _ in range(count):
        histogram.record(latency_s)
    return [Latency(point, number, histogram.buckets), Sample(point, number, count, wall_s, wall_s / 2, count)]


def loaded(*latencies_s: float) -> list[Record]:
    """Nine windows of each point, with its latency."""
    records: list[Record] = [Planned(POINTS, 1.0)]
    for number in range(1, 10):
        for point, latency_s in zip(POINTS, latencies_s, strict=False):
            records += window(point, number, latency_s)
    return [*records, *(Closed(point, "done") for point in POINTS)]


def stack(point: Point) -> Stack:
    return Stack(point, "n", (("f", "f.py", 1),), 1.0, "s", 1)


def memory(point: Point) -> NodeMemory:
    return NodeMemory(point, "n", 1, 1, 1, 1, 1, 0, 0, 1, 1)


def span(point: Point) -> Span:
    return Span(point, 0, 1, None, "n", "exec", "default", 0.0, 1.0, "main", None, 1, "ok")


CASES: dict[str, tuple[Callable[[Sequence[Record]], pd.DataFrame], Callable[[Point], list[Record]]]] = {
    "samples": (samples_frame, lambda point: [Sample(point, 1, 1, 1.0, 1.0, 1)]),
    "bench": (bench_frame, lambda point: [*window(point, 1, 0.01)]),
    "metrics": (metrics_frame, lambda point: [Metric(point, "n", "tokens", 1.0, "1", 1)]),
    "lines": (lines_frame, lambda point: [LineCost(point, "n", "f.py", 1, 1, 1.0)]),
    "memory": (memory_frame, lambda point: [memory(point)]),
    "runs": (runs_memory_frame, lambda point: [RunMemory(point, 5, 1, 5, 0, 0, 5, 1, 1000.0, 0.5)]),
    "memory lines": (memory_lines_frame, lambda point: [LineMemory(point, "n", "f.py", 1, 1, 1, 1, 0, 0, 0)]),
    "node times": (node_times_frame, lambda point: [NodeTime(point, "n", 1, 1.0, 1.0, 0.0, 0)]),
    "nodes": (nodes_frame, lambda point: [NodeTime(point, "n", 1, 1.0, 1.0, 0.0, 0), memory(point)]),
    "spans": (spans_frame, lambda point: [Traced(point, 1.0, 1, 0.0, 0.0), span(point)]),
    "traced nodes": (traced_nodes_frame, lambda point: [Traced(point, 1.0, 1, 0.0, 0.0), span(point)]),
    "calls": (lambda records: own_times(times_frame(records)), lambda point: [stack(point)]),
}


@pytest.mark.parametrize("case", CASES)
def test_points_that_differ_only_in_rate_stay_apart(case: str) -> None:
    make, records_of = CASES[case]
    frame = make([record for point in POINTS for record in records_of(point)])
    assert len(frame) == 3
    assert {50.0, 200.0} == set(frame["rate"].dropna())
    assert frame["rate"].isna().sum() == 1
    if "share" in frame:
        assert (frame["share"] == 1.0).all(), "shares are of one point"


PARAMETERS = tuple(replace(SLOW, rate=None, params=(("chunk", label), ("mode", "a, b"))) for label in ("1", "16", "4"))


@pytest.mark.parametrize("case", CASES)
def test_a_frame_has_params_and_a_column_for_each_only_where_there_are_parameters(case: str) -> None:
    make, records_of = CASES[case]
    without = make([record for point in POINTS for record in records_of(point)])
    assert "params" not in without
    assert "params" not in make([])
    assert len(at_point(without, {"params": "", "rate": 50.0})) == 1
    assert len(at_point(without, {"params": "chunk=1"})) == 0
    frame = make([record for point in PARAMETERS for record in records_of(point)])
    found = [point_of({**row, "target": "t"}) for row in frame.to_dict("records")]
    assert sorted(found, key=PARAMETERS.index) == list(PARAMETERS)
    if case != "calls":
        assert dict(zip(frame["params"], frame["chunk"], strict=True)) == {
            "chunk=1, mode=a\\, b": 1,
            "chunk=16, mode=a\\, b": 16,
            "chunk=4, mode=a\\, b": 4,
        }
        assert (frame["mode"] == "a, b").all()


@pytest.mark.parametrize("passes", ["times", "memory", "both"])
def test_nodes_of_a_sweep_are_in_the_order_of_numbers(passes: str) -> None:
    records: list[Record] = []
    for point in PARAMETERS:
        records += [NodeTime(point, node, 1, 1.0, 0.5, 0.0, 0) for node in ("z", "a") if passes != "memory"]
        records += [replace(memory(point), node=node) for node in ("z", "a") if passes != "times"]
    frame = nodes_frame(records)
    assert list(zip(frame["chunk"], frame["node"], strict=True)) == [(c, node) for c in (1, 4, 16) for node in ("z", "a")]
    assert list(frame.columns[-7:]) == ["size", "workers", "executor", "drive", "rate", "params", "chunk", "mode"][-7:]
    assert frame["wall_s"].notna().all() == (passes != "memory")


def test_pairs_that_differ_only_in_rate_stay_apart() -> None:
    records: list[Record] = [Planned(tuple(replace(point, target=side) for point in POINTS for side in "ab"), 1.0), Block(1)]
    for point, latency_s in zip(POINTS, (0.01, 0.02, 0.04), strict=True):
        for side, factor in (("b", 3), ("a", 1)):
            records += window(replace(point, target=side), 1, latency_s * factor)
    frame = pairs_frame(records)
    assert frame["wall_a_s"].to_list() == pytest.approx([0.01, 0.02, 0.04], rel=0.01)
    assert frame["wall_b_s"].to_list() == pytest.approx([0.03, 0.06, 0.12], rel=0.01)
    assert sides_frame(records)["rate"].fillna(0.0).to_list() == [50.0, 200.0, 0.0]


def test_the_columns_of_a_point_are_its_fields() -> None:
    assert [field.name for field in fields(Point)] == POINT_COLUMNS
    assert POINT_COLUMNS[1:] == LOCATION_COLUMNS
    assert POINT_COLUMNS[4:6] == ["drive", "rate"]


def test_a_row_gives_back_its_point() -> None:
    points = [*POINTS, replace(SLOW, size=None)]
    frame = samples_frame([Sample(point, 1, 1, 1.0, 1.0, 1) for point in points])
    assert [point_of(row) for row in frame.to_dict("records")] == points
    assert list(points_of(frame)) == points
    for point in points:
        assert len(at_point(frame, {name: getattr(point, name) for name in POINT_COLUMNS})) == 1


def test_under_load_every_figure_is_a_latency_and_never_the_length_of_a_window() -> None:
    records = loaded(0.01, 0.02, 0.04)
    frame = bench_frame(records)
    assert frame["wall_s"].to_list() == pytest.approx([0.01, 0.02, 0.04], rel=0.01)
    assert frame["p95_s"].to_list() == pytest.approx([0.01, 0.02, 0.04], rel=0.02)
    assert samples_frame(records)["cpu_run_s"].to_list() == pytest.approx([0.025] * 27)
    probed = probe_frame([Probe(FAST), *records], samples_frame(records))
    assert probed.to_numpy().tolist() == [[pytest.approx(0.02, rel=0.01)] * 2] * 4
    assert is_fastest(SLOW, frame)
    assert not is_fastest(FAST, frame)


def test_stored_runs_under_load_are_compared_by_latency_at_the_same_rate() -> None:
    sides = [loaded(*latencies) for latencies in ((0.01, 0.02, 0.04), (0.1, 0.02))]
    before, after = (StoredRun("t", samples_frame(side), references_frame(side), bench_frame(side)) for side in sides)
    frame = compare_runs(before, replace(after, samples=after.samples[after.samples["rate"].notna()]))
    assert frame["rate"].to_list() == [50.0, 200.0]
    assert frame["ratio"].to_list() == pytest.approx([10.0, 1.0], rel=0.02)
    assert frame["verdict"].to_list() == ["slower", "cannot tell"]


def test_an_open_loop_has_no_speedup_and_is_no_baseline_of_a_closed_one() -> None:
    more = [replace(point, workers=4) for point in POINTS]
    records = loaded(0.01, 0.02, 0.04) + [
        record for point in more for n in range(1, 10) for record in window(point, n, 0.02, 0.25)
    ]
    samples = samples_frame(records)
    frame = add_speedup(bench_frame(records, samples), log_throughputs(samples))
    closed = frame["rate"].isna()
    assert frame["speedup"][~closed].isna().all()
    assert frame["speedup"][closed].to_list() == pytest.approx([1.0, 4.0])


def test_progress_under_load_shows_the_latency() -> None:
    state = ProgressState()
    for record in loaded(0.002):
        state.add(record)
    assert ": 2.00 ms" in state.estimate


def test_the_heaviest_point_is_found_by_its_whole_location() -> None:
    frame: Any = lines_frame([LineCost(point, "n", "f.py", 1, 1, cost) for point, cost in zip(POINTS, (1, 3, 2), strict=True)])
    assert heaviest(frame, "time_s")["rate"] == 200.0
    assert math.isnan(heaviest(frame[frame["rate"] != 200.0], "time_s")["rate"])
