"""Records become tidy frames."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pocket_lab.frames.bench import bench_frame, metrics_frame, probe_frame
from pocket_lab.frames.lines import lines_frame
from pocket_lab.frames.memory import memory_frame
from pocket_lab.frames.samples import samples_frame, without_warm_up
from pocket_lab.records.memory import NodeMemory
from pocket_lab.records.point import Point
from pocket_lab.records.progress import Closed, Planned
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Latency, Metric, Probe, Sample, Waits
from pocket_lab.records.sources import LineCost, Source
from pocket_lab.stats.histogram import Histogram

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


def test_a_first_run_is_apart_and_never_a_figure() -> None:
    first = Sample(SMALL, 0, 1, 9.0, 8.0, 1)
    (alone,) = bench_frame([first, Closed(SMALL, "budget")]).to_dict("records")
    assert (alone["first_run_s"], alone["rounds"]) == (9.0, 0)
    figures = ("wall_s", "wall_low_s", "wall_high_s", "cpu_s", "cpu_low_s", "cpu_high_s", "throughput_per_s", "p95_s")
    assert all(math.isnan(alone[name]) for name in figures)
    (row,) = bench_frame([first, *samples(SMALL, 1.0), Closed(SMALL, "budget")]).to_dict("records")
    assert (row["first_run_s"], row["wall_s"], row["rounds"]) == (9.0, 1.0, 1)


def spent(point: Point, wall_s: float, cpu_s: float, queued_s: float, switches: int = 0) -> Waits:
    return Waits(point, 10, wall_s, cpu_s, queued_s, switches)


@pytest.mark.parametrize(
    ("point", "waits", "basis", "shares"),
    [
        (SMALL, [spent(SMALL, 1.0, 0.4, 0.6)], "cpu", (0.0, 0.6)),
        (SMALL, [spent(SMALL, 1.0, 0.99, 0.0), spent(SMALL, 1.0, 0.4, 0.6)], "cpu", (0.005, 0.3)),
        (SMALL, [spent(SMALL, 1.0, 0.4, 0.0)], "wall", (0.6, 0.0)),
        (SMALL, [spent(SMALL, 1.0, 0.99, 0.0, switches=30)], "wall", (0.01, 0.0)),
        (SMALL, [spent(SMALL, 1.0, 0.999, 0.0, switches=30)], "cpu", (0.001, 0.0)),
        (SMALL, [spent(SMALL, 1.0, 0.9, 0.2)], "cpu", (0.0, 0.1)),
        (Point("t", 10, 1, "threads", "run"), [spent(Point("t", 10, 1, "threads", "run"), 1.0, 0.6, 1.2)], "wall", (0.0, 0.4)),
        (SMALL, [spent(SMALL, 1.0, 1.0, math.nan)], "wall", (math.nan, math.nan)),
        (SMALL, [], "wall", (math.nan, math.nan)),
        (Point("t", 10, 1, "threads", "run"), None, "cpu", (0.0, 0.0)),
        (Point("t", 10, 2, "threads", "run"), None, "wall", (0.5, 0.0)),
        (Point("t", 10, 1, "threads", "load"), None, "wall", (0.0, 0.0)),
    ],
    ids=[
        "preempted",
        "two-records",
        "sleeps",
        "switches",
        "hardly-waits",
        "reads-late",
        "queues-beside",
        "unknown",
        "nothing",
        "one-thread",
        "two-threads",
        "load",
    ],
)
def test_the_cpu_clock_is_for_one_worker_that_never_waits(
    point: Point, waits: list[Waits] | None, basis: str, shares: tuple[float, float]
) -> None:
    records = [spent(point, 1.0, 1.0, 0.0, switches=9)] if waits is None else waits
    (row,) = bench_frame([*samples(point, 1.0), *records, Closed(point, "budget")]).to_dict("records")
    assert row["basis"] == basis
    assert (row["waits"], row["queued"]) == pytest.approx(shares, nan_ok=True)


def test_sizes_are_whole_numbers_or_missing() -> None:
    assert bench_frame(samples(SMALL, 1.0))["size"].dtype.kind == "i"
    unsized = bench_frame(samples(Point("t", None, 1, "serial", "run"), 1.0))
    assert unsized["size"].isna().all()


LOADED, PLAIN = Point("t", 10, 2, "threads", "load"), Point("u", None, 1, "serial", "run")


def window(point: Point, number: int, *latencies_s: float, errors: int = 0, wall_s: float = 1.0) -> list[Record]:
    """The records of one window under load."""
    histogram = Histogram()
    for latency_s in latencies_s:
        histogram.record(latency_s)
    count = len(latencies_s)
    return [Latency(point, number, histogram.buckets, errors), Sample(point, number, count, wall_s, wall_s / 2, count)]


def test_under_load_all_latencies_count_for_the_percentiles_and_the_windows_for_the_interval() -> None:
    records: list[Record] = [*window(LOADED, 0, 9.0)]
    for number in range(1, 9):
        records += window(LOADED, number, *[0.010 + 0.001 * number] * 20, *([0.5] if number == 8 else []))
    (row,) = bench_frame([*records, Closed(LOADED, "done")]).to_dict("records")
    assert row["wall_s"] == pytest.approx(0.0145, rel=0.02), "the median of the windows' medians"
    assert row["wall_low_s"] < row["wall_s"] < row["wall_high_s"]
    assert row["p95_s"] == pytest.approx(0.018, rel=0.011)
    assert row["p99_s"] == pytest.approx(0.018, rel=0.011), "one of 161 is not one in a hundred"
    assert row["throughput_per_s"] == pytest.approx(20, rel=0.03)
    assert row["cpu_s"] == pytest.approx(0.025, rel=0.03)
    assert (row["rounds"], row["errors"], row["status"]) == (8, 0, "done")


def test_percentiles_under_load_need_enough_answers_too() -> None:
    few = bench_frame([*window(LOADED, 1, *[0.01] * 10), *window(LOADED, 2, *[0.01] * 9)])
    assert few[["p95_s", "p99_s"]].isna().all(axis=None)
    more = bench_frame([*window(LOADED, 1, *[0.01] * 10), *window(LOADED, 2, *[0.01] * 10)])
    assert more["p95_s"][0] == pytest.approx(0.01, rel=0.01)
    assert math.isnan(more["p99_s"][0])


def test_failed_requests_are_errors_of_a_point_that_goes_on() -> None:
    records = [*window(LOADED, 0, 0.01, errors=9), *window(LOADED, 1, 0.01, errors=2), *window(LOADED, 2, errors=3)]
    (row,) = bench_frame([*records, Closed(LOADED, "budget")]).to_dict("records")
    assert (row["errors"], row["status"], row["rounds"]) == (5, "budget", 2)
    assert row["wall_s"] == pytest.approx(0.01, rel=0.01)
    kinds = samples_frame(records)
    assert list(kinds["kind"]) == ["first run", "usual", "usual"]
    assert math.isnan(kinds["run_s"][2]), "nothing was answered in it"


def test_where_nothing_is_ever_answered_there_is_a_row_of_errors() -> None:
    (row,) = bench_frame([*window(LOADED, 1, errors=3), *window(LOADED, 2, errors=4)]).to_dict("records")
    assert row["errors"] == 7
    assert all(math.isnan(row[name]) for name in ("wall_s", "cpu_s", "p95_s", "p99_s", "throughput_per_s"))


def test_a_leading_warm_up_is_marked_and_left_out_of_the_figures() -> None:
    records = samples(SMALL, *[5.0] * 8, *[1.0 + 0.01 * (number % 5) for number in range(32)])
    frame = samples_frame(records)
    assert list(frame["kind"][:8]) == ["warm-up"] * 8
    assert "warm-up" not in set(frame["kind"][8:])
    assert bench_frame(records)["wall_s"][0] == pytest.approx(1.02)
    assert len(without_warm_up(frame)) == 32


def test_outliers_are_named_and_kept() -> None:
    runs = [1.0 + 0.01 * (number % 5) for number in range(30)] + [1.09, 3.0]
    frame = samples_frame(samples(SMALL, *runs))
    assert list(frame["kind"][-2:]) == ["mild", "severe"]
    assert set(frame["kind"][:-2]) == {"usual"}
    assert bench_frame(samples(SMALL, *runs))["rounds"][0] == 32


places = st.sampled_from([SMALL, LARGE, PLAIN])
timed = st.builds(
    lambda point, number, loops, run_s: Sample(point, number, loops, run_s * loops, run_s, loops),
    places,
    st.integers(0, 30),
    st.integers(1, 5),
    st.floats(1e-6, 10.0),
)
broken = st.builds(
    lambda point, number: Sample(point, number, 0, math.nan, math.nan, 0, "ValueError: no"), places, st.integers(0, 9)
)


@given(st.lists(st.one_of(timed, broken), max_size=40))
def test_every_sample_is_a_row_in_its_order_with_the_time_of_one_run(records: list[Sample]) -> None:
    frame = samples_frame(records)
    assert list(zip(frame["target"], frame["round"], frame["loops"], strict=True)) == [
        (record.point.target, record.round, record.loops) for record in records
    ]
    runs = [record.wall_s / record.loops if record.loops else math.nan for record in records]
    np.testing.assert_array_equal(frame["run_s"].to_numpy(float), runs)
    assert [kind == "failed" for kind in frame["kind"]] == [record.error is not None for record in records]
    assert set(frame["kind"]) <= {"failed", "first run", "warm-up", "usual", "mild", "severe"}
    assert all(kind in ("failed", "first run") for kind in frame["kind"][frame["round"] == 0])


@settings(max_examples=40)
@given(st.lists(st.one_of(timed, broken), max_size=20))
def test_samples_given_as_columns_make_the_same_frame(records: list[Sample]) -> None:
    columns = {
        name: [getattr(record.point, name) for record in records]
        for name in ("target", "size", "workers", "executor", "drive", "rate")
    }
    columns |= {
        name: [getattr(record, name) for record in records] for name in ("round", "loops", "wall_s", "cpu_s", "items", "error")
    }
    pd.testing.assert_frame_equal(samples_frame([], columns), samples_frame(records))


@settings(max_examples=25)
@given(st.lists(timed, min_size=1, max_size=20))
def test_the_figures_of_a_point_rest_on_its_own_samples_alone(records: list[Sample]) -> None:
    together = bench_frame(records).set_index("target")
    for point in {record.point for record in records}:
        (alone,) = bench_frame([record for record in records if record.point == point]).to_dict("records")
        rows = together[together["size"].isna() if point.size is None else together["size"] == point.size]
        np.testing.assert_equal(rows["wall_s"].item(), alone["wall_s"])
        np.testing.assert_equal(rows["first_run_s"].item(), alone["first_run_s"])
        assert rows["rounds"].item() == alone["rounds"]


def test_a_probe_pairs_neighbouring_rounds_of_its_point() -> None:
    records: list[Record] = [Probe(SMALL), Sample(SMALL, 0, 1, 9.0, 9.0, 1), *samples(LARGE, 7.0, 7.0, 7.0, 7.0)]
    records += samples(SMALL, 1.0, 2.0, 3.0, 4.0, 5.0, loops=2)
    frame = probe_frame(records, samples_frame(records))
    assert frame.to_dict("list") == {"wall_a_s": [1.0, 3.0], "wall_b_s": [2.0, 4.0]}, "round 5 has no neighbour yet"


def test_without_a_probe_there_are_no_pairs() -> None:
    records = samples(SMALL, 1.0, 2.0)
    for told in (records, [Probe(LARGE), *records], [Probe(SMALL)]):
        frame = probe_frame(told, samples_frame(told))
        assert list(frame.columns) == ["wall_a_s", "wall_b_s"]
        assert frame.empty


def test_a_metric_is_a_row_for_each_point_node_and_name() -> None:
    metrics = [Metric(SMALL, "tokenize", "tokens", float(number), "1", number, 2.0) for number in range(1, 8)]
    metrics += [Metric(SMALL, "score", "tokens", 5.0, "1", 1, 1.0), Metric(PLAIN, "score", "size", 3.0, "B", 0, 0.5)]
    frame = metrics_frame([Metric(SMALL, "tokenize", "tokens", 99.0, "1", 0), *metrics])
    rows = frame.set_index(["target", "node", "name"])
    tokens = rows.loc[("t", "tokenize", "tokens")]
    assert (tokens["value"], tokens["reports_per_run"], tokens["batches"]) == (4.0, 2.0, 7), "the warm-up does not count"
    assert tokens["low"] < 4.0 < tokens["high"]
    assert math.isnan(rows.loc[("t", "score", "tokens")]["low"])
    alone = rows.loc[("u", "score", "size")]
    assert (alone["value"], alone["unit"], alone["reports_per_run"]) == (3.0, "B", 0.5), "unless it stays alone"
    assert list(metrics_frame([]).columns) == list(frame.columns)
    assert metrics_frame([]).empty


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
