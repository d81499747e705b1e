"""sizes="auto" and workers="auto": what a bench chooses, and what it says of that."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from pocket_lab import Graph, UsageError, bench, compare, fan_out, node, trace
from pocket_lab.lab import automatic
from pocket_lab.lab.automatic import Search, Speedup
from pocket_lab.measure.job import Input, Job
from pocket_lab.measure.planning import plan_job
from pocket_lab.measure.points.scout import LADDER, Limits, scout
from pocket_lab.measure.sweep import parse_sweep
from pocket_lab.records.point import Point
from pocket_lab.records.progress import Closed, Heartbeat, Planned
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Sample


def resolved(target: Any, input: Any = Input.ABSENT, **options: Any) -> tuple[Any, str]:
    """The sweep, and the sentence."""
    sweep, (caveat,) = Search(target, input, None, parse_sweep(**options)).resolved()
    assert caveat.code == "auto"
    return sweep, caveat.message


def scouted(target: Any, limits: Limits, **options: Any) -> list[int | None]:
    """The sizes that were run to their end."""
    records = list(scout(plan_job(target, Input.ABSENT, parse_sweep(sizes=LADDER, **options)), limits))
    done = [record.point.size for record in records if isinstance(record, Closed) and record.status == "done"]
    assert done == [record.point.size for record in records if isinstance(record, Sample) and record.error is None]
    return done


def test_sizes_go_up_by_about_three_to_ten_million() -> None:
    assert LADDER[:5] == (1, 3, 10, 30, 100)
    assert LADDER[-1] == 10_000_000


def test_it_ends_before_a_run_that_is_expected_to_be_too_long() -> None:
    """Waits of 10 ms for each size and a limit of 0.25 s: 30 takes 0.3 s, and nobody expects 100 to take less."""
    assert scouted(lambda size: time.sleep(0.01 * size), Limits(0.25, float("inf"))) == [1, 3, 10]


def test_it_ends_before_a_run_that_is_expected_to_hold_too_much() -> None:
    kept: list[bytes] = []

    def hold(size: int) -> None:
        time.sleep(0.001 * size)
        kept.append(b"\1" * (size * 2**20))

    done = scouted(hold, Limits(60.0, 100 * 2**20))
    assert done[-1] in (30, 100)
    assert done == list(LADDER[: len(done)])


def test_a_size_that_fails_is_the_end_and_is_said() -> None:
    def refuse(size: int) -> int:
        if size > 50:
            raise ValueError("more than fifty")
        return size

    sweep, message = resolved(refuse, sizes="auto", budget=5)
    assert sweep.sizes == (1, 3, 10, 30)
    assert message.startswith('sizes="auto" chose 1 to 30: size 100 failed (ValueError: more than fifty); to find out took ')


def test_the_budget_limits_the_sizes_and_what_it_took_is_taken_from_it() -> None:
    sweep, message = resolved(lambda size: time.sleep(0.004 * size), sizes="auto", budget=6)
    assert sweep.sizes[:3] == (1, 3, 10)
    assert sweep.sizes[-1] in (10, 30)  # runs of 0.17 s
    assert "the budget holds runs of 170 ms" in message
    assert 0.3 * 6 <= sweep.budget_s < 6


def test_where_time_does_not_grow_the_largest_sizes_are_three_decades() -> None:
    sweep, message = resolved(lambda size: None, sizes="auto", budget=5)
    assert sweep.sizes == LADDER[-7:]
    assert "larger ones are not tried" in message


def test_where_no_run_ended_nothing_is_said_of_its_time() -> None:
    sweep, message = resolved(lambda size: time.sleep(20), sizes="auto", budget=3)
    assert sweep.sizes == (1,)
    assert message.startswith('sizes="auto" chose 1: not even one run of this size ended while sizes were looked for')


def test_a_run_that_is_too_long_even_at_the_smallest_size_is_said() -> None:
    said = automatic._end_of_sizes(1, {1: 0.5}, 0.2, None, False)
    assert said == "the budget holds runs of 200 ms, and even one of this size takes longer"


def test_what_was_tried_with_one_of_the_parameters_says_so() -> None:
    def refuse(size: int, k: int) -> None:
        if size * k > 5:
            raise ValueError("more than five")

    sweep, message = resolved(refuse, sizes="auto", params={"k": [1, 2]}, budget=5)
    assert sweep.sizes == (1, 3)
    assert message.startswith('sizes="auto" chose 1 to 3, tried with k 1: size 10 failed (ValueError: more than five)')


def test_what_was_tried_on_one_of_the_executors_says_so() -> None:
    points = tuple(Point("t", 1, 1, executor, "run") for executor in ("serial", "threads"))
    assert automatic._tried(points, "serial") == ", tried on serial"
    assert automatic._tried(points[:1], "serial") == automatic._tried(points) == ""


def test_who_watches_sees_that_it_looks_and_no_points() -> None:
    seen: list[Record] = []
    search = Search(abs, Input.ABSENT, None, parse_sweep(sizes="auto", budget=2), seen.append)
    search.resolved()
    assert seen[0] == Planned((), 2.0)
    assert all(isinstance(record, Heartbeat) for record in seen[1:])


def test_processes_of_workers_may_start_late_but_not_beyond_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 100.0
    given: list[bool] = []
    ended: list[float] = []

    def late(job: Job, task: Any, is_rest: bool) -> Iterator[Record]:
        nonlocal now_s
        given.append(is_rest)
        try:
            for _ in range(10):
                now_s += 1.0
                yield Heartbeat(now_s)
        finally:
            ended.append(now_s)

    monkeypatch.setattr(automatic, "measure", late)
    monkeypatch.setattr(automatic, "monotonic", lambda: now_s)
    search = Search(napping(), Input.ABSENT, None, parse_sweep(sizes=8, executors="cluster", budget=2))
    job = plan_job(search.target, search.input, search.sweep)
    records = search._records(job, scout, 103.5)
    assert [record for record in records if isinstance(record, Closed)] == [Closed(job.points[0], "budget")]
    assert (given, ended) == ([False], [104.0])


def test_a_target_that_fails_with_the_smallest_size_is_refused_with_its_error() -> None:
    def fail(size: int) -> None:
        raise KeyError("nothing")

    with pytest.raises(UsageError, match=r"size 1 failed \(KeyError: 'nothing'\): give sizes that the target takes"):
        bench(fail, sizes="auto", budget=3)


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(automatic, "usable_cores", lambda quota: 2)


def napping() -> Graph:
    @node
    def split(size: int) -> list[int]:
        return list(range(size))

    @node
    def nap(item: int) -> int:
        time.sleep(0.02)
        return item

    return Graph(split >> fan_out(nap))


@pytest.mark.usefixtures("two_cores")
def test_workers_go_past_the_cores_while_they_help(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[tuple[int, int]] = []

    def speedup(search: Search, sweep: Any, fewer: int, more: int, end_s: float) -> Speedup:
        tried.append((fewer, more))
        return Speedup(1.9, 2.0, "threads") if more < 8 else Speedup(0.99, 1.01, "threads")

    monkeypatch.setattr(Search, "_speedup", speedup)
    sweep, message = resolved(napping(), sizes=8, workers="auto", executors="threads", budget=60)
    assert tried == [(2, 4), (4, 8)]
    assert sweep.workers == (1, 2, 4)
    assert message.startswith(
        'workers="auto" chose 1, 2, 4 for 2 cores: 8 were not faster (0.99x to 1.01x on threads); to find out took '
    )


@pytest.mark.usefixtures("two_cores")
@pytest.mark.parametrize(
    ("speedup", "said"),
    [
        (Speedup(), "4 were not measured often enough to tell"),
        (Speedup(0.9, 1.3, "threads"), "4 were not surely faster (0.90x to 1.30x on threads)"),
        (Speedup(refusal="it has 3 slots"), "4 were refused (it has 3 slots)"),
    ],
)
def test_what_is_not_shown_to_help_is_not_chosen(speedup: Speedup, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Search, "_speedup", lambda *_: speedup)
    sweep, message = resolved(napping(), sizes=8, workers="auto", executors="threads", budget=60)
    assert sweep.workers == (1, 2)
    assert f": {said}; to find out took" in message


@pytest.mark.usefixtures("two_cores")
def test_waits_are_faster_with_twice_the_workers_in_real_runs() -> None:
    search = Search(napping(), Input.ABSENT, None, parse_sweep(sizes=8, executors="threads", budget=30))
    assert search._speedup(search.sweep, 2, 4, float("inf")).low == pytest.approx(2.0, abs=0.5)


def test_a_target_whose_run_has_one_worker_has_no_choice_of_them() -> None:
    sweep, message = resolved(abs, sizes=3, workers="auto", budget=5)
    assert sweep.workers == (1,)
    assert "one run of this target has one worker on serial" in message


def test_serial_has_no_choice_of_workers() -> None:
    sweep, message = resolved(napping(), sizes=8, workers="auto", executors="serial", budget=5)
    assert sweep.workers == (1,)
    assert message.startswith('workers="auto": 1 is the whole choice: one run of this target has one worker on serial')


def test_a_bench_measures_what_was_chosen_and_says_so_first() -> None:
    result = bench(lambda size: time.sleep(0.001 * size), sizes="auto", budget=3, references=False)
    sizes = result.frame["size"].tolist()
    assert sizes == sorted(sizes)
    assert {1, 3, 10} <= set(sizes)
    assert result.sweep["sizes"] == tuple(sizes)
    assert [caveat.code for caveat in result.caveats].count("auto") == 1


@pytest.mark.parametrize(
    ("verb", "options"),
    [(trace, {"sizes": "auto"}), (trace, {"size": "auto"}), (compare, {"workers": "auto"}), (compare, {"sizes": "auto"})],
)
def test_other_verbs_refuse_it(verb: Any, options: dict[str, Any]) -> None:
    targets = (napping(), napping()) if verb is compare else (napping(),)
    with pytest.raises(UsageError, match='"auto" is for bench, which looks for them: give numbers here'):
        verb(*targets, **options)


@pytest.mark.parametrize("text", ["automatic", "", "auto,10"])
def test_any_other_word_is_refused_as_before(text: str) -> None:
    with pytest.raises(UsageError, match="sizes"):
        parse_sweep(sizes=text)


def test_what_cannot_be_looked_for_is_refused() -> None:
    with pytest.raises(UsageError, match='under drive="load" give sizes'):
        bench(abs, sizes="auto", drive="load")
    with pytest.raises(UsageError, match='give those of the run that is resumed, not "auto"'):
        bench(abs, sizes="auto", resume=True)
    with pytest.raises(UsageError, match="takes no argument"):
        bench(lambda: None, sizes="auto")


def test_the_sweep_that_is_measured_is_an_ordinary_one() -> None:
    sweep, _ = resolved(abs, sizes="auto", budget=2)
    assert replace(sweep, budget_s=2.0) == parse_sweep(sizes=sweep.sizes, budget=2)
