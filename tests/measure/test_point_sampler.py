"""A point under measurement: what it takes over, when it is precise, and which doubts it raises at its end."""

from __future__ import annotations

import itertools
import math
import statistics
import time
from collections.abc import Callable, Generator
from typing import Any

import pytest

from pocket_lab.graph.context import INLINE
from pocket_lab.measure.job import Input, Job
from pocket_lab.measure.planning import plan_job
from pocket_lab.measure.point_sampler import PointSampler
from pocket_lab.measure.points.combinations import Combinations
from pocket_lab.measure.sweep import parse_sweep
from pocket_lab.measure.timing.waits_tally import WaitsTally
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.point import Point
from pocket_lab.records.progress import Closed, Failure, Started
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Latency, Probe, Sample, Waits
from pocket_lab.stats.histogram import Histogram


def job_of(target: Any, given: Any = Input.ABSENT, **options: Any) -> Job:
    return plan_job(target, given, parse_sweep(**{"budget": 1.0, "isolation": "kernel", **options}))


def lane_of(job: Job, earlier: list[Sample | Latency] | None = None) -> PointSampler:
    sampler = PointSampler(job.points[0], INLINE)
    sampler.recall(earlier or [])
    return sampler


def finished(steps: Generator[Record, None, bool]) -> tuple[list[Record], bool]:
    """All records, and what the generator returned."""
    records: list[Record] = []
    while True:
        try:
            records.append(next(steps))
        except StopIteration as end:
            return records, end.value


def ready(target: Callable[..., Any], **options: Any) -> tuple[PointSampler, Job]:
    job = job_of(target, **options)
    sampler = lane_of(job)
    _, is_ready = finished(sampler.prepare(Combinations(job), 0.001))
    assert is_ready
    return sampler, job


def caveats(sampler: PointSampler) -> dict[str, str]:
    *doubts, last = sampler.closed("budget")
    assert last == Closed(sampler.point, "budget"), "the end comes last"
    return {doubt.code: doubt.message for doubt in doubts if isinstance(doubt, Caveat)}


def test_the_warm_up_is_round_zero_and_does_not_count() -> None:
    job = job_of(lambda: time.sleep(0.002))
    sampler = lane_of(job)
    records, is_ready = finished(sampler.prepare(Combinations(job), 0.001))
    assert is_ready
    assert [type(record) for record in records] == [Started, Started, Sample], "before the input, and before the first batch"
    assert isinstance(records[2], Sample)
    assert records[2].round == 0
    assert sampler.runs_s == []


def test_a_round_is_one_batch_and_one_value() -> None:
    sampler, _ = ready(lambda: time.sleep(0.002))
    for number in (1, 2, 3):
        records, goes_on = finished(sampler.visit(number))
        assert goes_on
        (sample,) = [record for record in records if isinstance(record, Sample)]
        assert (sample.round, sample.loops) == (number, sampler.loops)
        assert sampler.runs_s[-1] == sample.wall_s / sample.loops
    assert len(sampler.runs_s) == 3


def test_a_batch_of_short_runs_does_not_count_the_first_one_which_finds_cold_caches() -> None:
    asked = {"cold": False, "runs": 0}

    def target() -> None:
        asked["runs"] += 1
        time.sleep(0.02 if asked.pop("cold", False) else 0.0002)

    sampler, _ = ready(target)
    finished(sampler.visit(1))  # which may choose the number of runs again, if the first ones were interrupted
    for number in range(2, 7):
        asked |= {"cold": True, "runs": 0}
        finished(sampler.visit(number))
        assert asked["runs"] - sampler.loops in (1, 2)
    assert sampler.loops > 1
    assert min(sampler.runs_s) < 0.005 > statistics.median(sampler.runs_s)


def test_what_happens_in_every_second_run_is_in_half_of_the_samples() -> None:
    calls = itertools.count()
    sampler, _ = ready(lambda: time.sleep(0.001 if next(calls) % 2 else 0.004))
    for number in range(1, 41):
        finished(sampler.visit(number))
    assert sampler.loops == 1
    assert 4 <= sum(run_s > 0.0035 for run_s in sampler.runs_s) <= 36


def test_nothing_runs_before_a_batch_of_one_long_run_or_where_each_run_has_its_own_input() -> None:
    calls: list[None] = []

    def slow() -> None:
        calls.append(time.sleep(0.006))

    sampler, _ = ready(slow)
    calls.clear()
    finished(sampler.visit(1))
    assert (sampler.loops, len(calls)) == (1, 1)

    built: list[int] = []
    job = job_of(lambda values: time.sleep(0.0002), lambda: built.append(0) or [1], fresh_input=True)
    sampler = lane_of(job)
    finished(sampler.prepare(Combinations(job), 0.001))
    sampler.target_s = 0.0  # the number of runs is not chosen again, as it is where the first ones were interrupted
    built.clear()
    finished(sampler.visit(1))
    assert len(built) == sampler.loops


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit("gone")])
def test_an_error_ends_it_in_the_round_in_which_it_came(error: BaseException) -> None:
    calls = itertools.count()

    def target() -> None:
        time.sleep(0.002)
        if next(calls) >= 8:  # after its first run and the repetitions of its calibration
            raise error

    sampler, _ = ready(target)
    for number in range(1, 9):
        records, goes_on = finished(sampler.visit(number))
        if not goes_on:
            break
    assert not goes_on
    assert [type(record) for record in records] == [Started, Failure, Sample, Closed]
    failed = records[2]
    assert isinstance(failed, Sample)
    assert (failed.round, failed.loops, failed.error) == (number, 0, f"{type(error).__name__}: {error}")
    assert len(sampler.runs_s) == number - 1


def test_what_an_interrupted_measurement_left_is_taken_over_without_its_warm_ups_and_failures() -> None:
    job = job_of(lambda: None)
    point, other = job.points[0], Point("another", None, 1, "serial", "run")
    earlier: list[Sample | Latency] = [
        Sample(point, 0, 1, 9.0, 9.0, 1),
        Sample(point, 1, 4, 2.0, 2.0, 4),
        Sample(point, 2, 0, math.nan, math.nan, 0, "ValueError: no"),
        Sample(other, 2, 1, 7.0, 7.0, 1),
        Sample(point, 3, 4, 3.0, 3.0, 4),
    ]
    assert lane_of(job, earlier).runs_s == [0.5, 0.75]


def test_under_load_the_median_latency_of_each_window_is_taken_over() -> None:
    job = job_of(lambda value: value, sizes=1, drive="load")
    histogram = Histogram()
    for seconds in (0.1, 0.2, 0.9):
        histogram.record(seconds)
    point = job.points[0]
    earlier: list[Sample | Latency] = [Latency(point, 4, histogram.buckets), Sample(point, 4, 3, 0.3, 0.3, 3)]
    assert lane_of(job, earlier).runs_s == [pytest.approx(0.2, rel=0.01)]


def test_it_is_precise_only_where_it_is_looked_at_and_the_interval_is_narrow() -> None:
    sampler, _ = ready(lambda: None)
    values = [1.0 + 0.001 * (number % 3) for number in range(40)]
    looks = []
    for count in range(1, 41):
        sampler.runs_s, sampler.is_settled = values[:count], False
        if sampler.is_precise(0.02):
            looks.append(count)
    assert looks == [20, 25, 30, 35, 40]
    sampler.runs_s = [1.0 + 0.5 * (number % 3) for number in range(40)]
    assert sampler.is_precise(0.02), "what has settled stays so, while others are compared with it"
    sampler.is_settled = False
    assert not sampler.is_precise(0.02)


def test_a_warm_up_does_not_stand_in_the_way_of_precision() -> None:
    sampler, _ = ready(lambda: None)
    sampler.runs_s = [3.0] * 8 + [1.0 + 0.001 * (number % 3) for number in range(32)]
    assert sampler.is_precise(0.02)
    assert caveats(sampler)["warm-up"] == "serial x 1: the first 8 of 40 rounds were a warm-up and are left out"


def test_a_steady_point_ends_without_a_doubt() -> None:
    sampler, _ = ready(lambda: None)
    sampler.runs_s = [1.0 + 0.01 * (number % 3) for number in range(40)]
    assert caveats(sampler) == {}


def test_errors_under_load_are_counted_with_the_first_one_in_words() -> None:
    calls = itertools.count()

    def target(value: int) -> None:
        time.sleep(0.002)
        if next(calls) % 2:
            raise ValueError("every other one")

    sampler, _ = ready(target, sizes=1, drive="load", executor="serial")
    records: list[Record] = []
    for number in (1, 2):
        told, goes_on = finished(sampler.visit(number))
        assert goes_on, "errors do not end it"
        records += told
    latencies = [record for record in records if isinstance(record, Latency)]
    errors, answered = sum(r.errors for r in latencies), sum(Histogram(r.histogram).count for r in latencies)
    assert abs(errors - answered) <= 2
    expected = f"{errors:,} of {errors + answered:,} runs failed, the first with ValueError: every other one"
    assert caveats(sampler) == {"load-errors": f"size 1, serial x 1, load: {expected}"}


def test_requests_that_were_not_begun_in_time_are_a_doubt() -> None:
    sampler, _ = ready(lambda value: time.sleep(0.05), sizes=1, drive="load", executor="serial", rate=100)
    finished(sampler.visit(1))
    message = caveats(sampler)["load-late"]
    assert message.startswith("size 1, serial x 1, load at 100 requests a second: ")
    assert "of the requests at 100 a second had not begun when their window ended" in message
    share = float(message.split(": ")[1].split(" %")[0])
    assert 60 < share < 95, "one client can serve 20 a second"


def test_where_no_request_is_answered_there_is_a_row_and_no_value() -> None:
    def target(value: int) -> None:
        raise ValueError("never")

    sampler, _ = ready(target, sizes=1, drive="load", executor="serial")
    records, goes_on = finished(sampler.visit(1))
    assert goes_on
    assert sampler.runs_s == []
    (sample,) = [record for record in records if isinstance(record, Sample)]
    assert (sample.loops, sample.items, sample.error) == (0, 0, None)
    assert sample.wall_s > 0


def test_the_second_build_takes_the_odd_rounds() -> None:
    sampler, _ = ready(lambda: time.sleep(0.001))
    assert [type(record) for record in sampler.probe()] == [Started, Probe]
    assert len(sampler.builds) == 2
    times = [0, 0]
    for place, build in enumerate(sampler.builds):
        function = build.function  # type: ignore[attr-defined]

        def counted(place: int = place, function: Any = function) -> None:
            times[place] += 1
            function()

        build.function = counted  # type: ignore[attr-defined]
    for number in (1, 2, 3):
        finished(sampler.visit(number))
    shortest, longest = (sampler.loops + runs for runs in (1, 2))  # that warm up
    assert shortest <= times[0] <= longest
    assert 2 * shortest <= times[1] <= 2 * longest


def test_what_cannot_be_built_twice_is_measured_all_the_same() -> None:
    job = job_of(Unsendable(), isolation="process")
    sampler = lane_of(job)
    assert finished(sampler.prepare(Combinations(job), 0.001))[1]
    assert [type(record) for record in sampler.probe()] == [Started]
    assert len(sampler.builds) == 1
    assert finished(sampler.visit(1))[1]


class Unsendable:
    """A target that knows how to run and not how to travel."""

    __name__ = "unsendable"

    def __call__(self) -> None:
        """One run."""

    def __reduce__(self) -> str:
        raise TypeError("it stays here")


@pytest.mark.parametrize("busy", [True, False])
def test_a_worker_that_keeps_a_core_busy_settles_on_cpu_time(busy: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WaitsTally, "is_cpu_bound", property(lambda self: busy))
    sampler = lane_of(job_of(lambda: None))
    sampler.runs_s[:] = [1.0 + 0.5 * (number % 7) for number in range(20)]
    sampler.cpus_s[:] = [1.0 + 0.001 * (number % 7) for number in range(20)]
    assert sampler.is_precise(0.02) is busy


def test_the_end_of_a_point_tells_what_its_workers_did() -> None:
    sampler, _ = ready(lambda: time.sleep(0.002))
    for number in range(1, 8):
        finished(sampler.visit(number))
    waits = [record for record in sampler.closed("budget") if isinstance(record, Waits)]
    assert sum(record.batches for record in waits) == 7
    assert waits[-1].switches >= 7
