"""Records become tidy frames."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from pocket_lab.frames import bench_frame, caveats_frame, lines_frame, memory_frame, samples_frame
from pocket_lab.records import Caveat, Closed, LineCost, NodeMemory, Planned, Point, Sample, Source

SMALL, LARGE = (Point("t", size, 1, "serial", "run") for size in (10, 20))


def samples(point: Point, *runs_s: float, loops: int = 1) -> list[Sample]:
    return [Sample(point, n, loops, run * loops, run * loops / 2, loops) for n, run in enumerate(runs_s, 1)]


def test_a_row_has_medians_per_run_and_their_intervals() -> None:
    runs = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    frame = bench_frame([Planned((SMALL,), 1.0), *samples(SMALL, *runs, loops=5), Closed(SMALL, "done")])
    (row,) = frame.to_dict("records")
    assert (row["size"], row["rounds"], row["status"], row["errors"]) == (10, 6, "done", 0)
    assert (row["wall_s"], row["wall_low_s"], row["wall_high_s"]) == (3.5, 1.0, 6.0)
    assert row["cpu_s"] == 1.75
    assert row["throughput_per_s"] == pytest.approx(1 / 3.5)
    assert math.isnan(row["p95_s"]), "batches have no percentiles of single runs"


def test_percentiles_stand_where_enough_single_runs_were_timed() -> None:
    frame = bench_frame([*samples(SMALL, *range(1, 22)), *samples(LARGE, *range(1, 102))])
    assert frame["p95_s"][0] == 20.0
    assert math.isnan(frame["p99_s"][0])
    assert frame["p99_s"][1] == 100.0


def test_planned_points_without_an_end_are_cancelled() -> None:
    frame = bench_frame([Planned((SMALL, LARGE), 1.0), *samples(SMALL, 1.0)])
    assert list(frame["status"]) == ["cancelled", "cancelled"]
    assert list(frame["rounds"]) == [1, 0]
    assert math.isnan(frame["wall_s"][1])


def test_a_failed_batch_is_an_error_and_not_a_time() -> None:
    failed = Sample(SMALL, 7, 0, math.nan, math.nan, 0, "ValueError: no")
    records = [*samples(SMALL, 1.0, 1.0), failed, Closed(SMALL, "failed")]
    (row,) = bench_frame(records).to_dict("records")
    assert (row["rounds"], row["errors"], row["status"], row["wall_s"]) == (2, 1, "failed", 1.0)
    assert list(samples_frame(records)["error"].dropna()) == ["ValueError: no"]


def test_a_warm_up_counts_only_where_it_stays_alone() -> None:
    cold = Sample(SMALL, 0, 1, 9.0, 9.0, 1)
    assert bench_frame([cold, Closed(SMALL, "budget")])["wall_s"][0] == 9.0
    assert bench_frame([cold, *samples(SMALL, 1.0), Closed(SMALL, "budget")])["wall_s"][0] == 1.0


def test_sizes_are_whole_numbers_or_missing() -> None:
    assert bench_frame(samples(SMALL, 1.0))["size"].dtype.kind == "i"
    unsized = bench_frame(samples(Point("t", None, 1, "serial", "run"), 1.0))
    assert unsized["size"].isna().all()


def test_caveats_are_counted_once_each() -> None:
    frame = caveats_frame([Caveat("a", "one"), Caveat("b", "two"), Caveat("a", "one")])
    assert frame.to_dict("list") == {"code": ["a", "b"], "message": ["one", "two"], "times": [2, 1]}


def test_memory_is_sorted_by_own_peak_with_shares_that_add_up() -> None:
    records = [
        NodeMemory(SMALL, name, peak_bytes=peak, inclusive_peak_bytes=peak, at_peak_bytes=at, allocations=1,
                   allocated_bytes=peak, temporary=0, leaked_bytes=0)
        for name, peak, at in (("low", 10, 10), ("high", 50, 30))
    ]  # fmt: skip
    frame = memory_frame(records)
    assert list(frame["node"]) == ["high", "low"]
    assert list(frame["peak_share"]) == [0.75, 0.25]


def test_lines_carry_their_source_and_share() -> None:
    records = [LineCost(SMALL, "n", "f.py", line, 1, time) for line, time in ((1, 1.0), (2, 3.0), (9, 0.0))]
    frame = lines_frame([Source("f.py", 1, ("def f():\n", "    return 1\n")), *records])
    assert list(frame["share"]) == [0.25, 0.75, 0.0]
    assert list(frame["source"]) == ["def f():", "    return 1", ""]
    assert isinstance(lines_frame([]), pd.DataFrame)
