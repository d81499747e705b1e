"""The sampler: interleaved rounds, closed points, kept budgets, errors as rows."""

from __future__ import annotations

import itertools
import random
import sys
import time
from dataclasses import replace
from typing import Any

import pytest

from pocket_lab.graph.combinators import fan_out
from pocket_lab.graph.context import Context
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node, node
from pocket_lab.graph.store import Store
from pocket_lab.measure.job import Input, Job
from pocket_lab.measure.planning import plan_job
from pocket_lab.measure.sampler import sample
from pocket_lab.measure.sweep import parse_sweep
from pocket_lab.records.environment import Environment
from pocket_lab.records.progress import Closed, Failure, Forecast
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Probe, Reference, Sample


def job_of(target: Any, given: Any = Input.ABSENT, **options: Any) -> Job:
    return plan_job(target, given, parse_sweep(**{"budget": 1.0, **options}))


def of_kind(records: list[Record], kind: type[Any]) -> list[Any]:
    return [record for record in records if isinstance(record, kind)]


def test_each_round_visits_every_open_point_once() -> None:
    records = list(sample(job_of(lambda size: time.sleep(0.001 * size), sizes="1,2,3", precision=1e-9, budget=0.5)))
    samples = of_kind(records, Sample)
    rounds = {number: [s.point.size for s in samples if s.round == number] for number in {s.round for s in samples}}
    full = [sizes for sizes in rounds.values() if len(sizes) == 3]
    assert len(full) >= 5
    assert all(sorted(sizes) == [1, 2, 3] for sizes in full)
    assert len({tuple(sizes) for sizes in full}) > 1, "the order of a round is drawn anew"
    assert len(of_kind(records, Environment)) == 1


def test_a_point_closes_when_it_is_precise_and_the_others_go_on() -> None:
    def target(size: int) -> None:
        end = time.thread_time() + (0.002 if size == 1 else next(alternating))
        while time.thread_time() < end:
            pass

    alternating = itertools.cycle((0.03, 0.1))  # each as long as a batch, in which several would level out
    records = list(sample(job_of(target, sizes="1,2", precision="10%", budget=5.0)))
    status = {closed.point.size: closed.status for closed in of_kind(records, Closed)}
    assert status == {1: "done", 2: "budget"}
    samples = of_kind(records, Sample)
    assert sum(s.point.size == 1 for s in samples) >= 20
    assert sum(s.point.size == 2 for s in samples) > sum(s.point.size == 1 for s in samples)


def test_a_base_that_settled_on_cpu_time_stays_in_the_rounds_of_the_points_that_are_compared_with_it() -> None:
    def spin_or_wait(value: float, ctx: Context) -> None:
        end = time.thread_time() + 0.002
        while time.thread_time() < end:
            pass
        if ctx.workers > 1:
            time.sleep(random.choice((0.001, 0.02)))

    graph = Graph(fan_out(Node("item", exec=spin_or_wait)))
    job = job_of(graph, lambda size: [1], sizes=1, workers="1,2", executors="threads", precision="5%", budget=3.0)
    samples = of_kind(list(sample(job)), Sample)
    rounds = {workers: {s.round for s in samples if s.point.workers == workers and s.round} for workers in (1, 2)}
    assert len(rounds[2]) >= 20
    assert len(rounds[1] & rounds[2]) >= 0.9 * len(rounds[2])


def test_the_budget_holds_to_within_a_batch() -> None:
    start = time.monotonic()
    records = list(sample(job_of(lambda size: time.sleep(0.05), sizes="1..8", budget=0.6, precision=1e-9)))
    assert time.monotonic() - start < 0.6 + 1.0
    assert {closed.status for closed in of_kind(records, Closed)} == {"budget"}
    assert len(of_kind(records, Closed)) == 8


def test_a_run_that_cannot_end_within_the_budget_is_not_begun() -> None:
    records = list(sample(job_of(lambda size: time.sleep(0.3), sizes="1,2", budget=0.5, isolation="kernel")))
    assert [(s.point.size, s.round) for s in of_kind(records, Sample)] == [(1, 0)]


def test_a_large_input_does_not_eat_the_budget() -> None:
    def make(size: int) -> dict[int, list[int]]:
        return {number: [number] for number in range(size)}

    records = list(sample(job_of(lambda value: time.sleep(0.01), make, sizes=500_000, budget=3.0, precision=1e-9)))
    inside = sum(s.wall_s for s in of_kind(records, Sample) if s.round)
    assert inside > 0.2 * 3.0


def test_a_point_beyond_the_budget_is_announced_and_the_others_are_measured() -> None:
    records = list(sample(job_of(lambda size: time.sleep(size / 100), sizes=[1, 2, 100], budget=0.5)))
    samples = of_kind(records, Sample)
    assert {s.point.size for s in samples} == {1, 2}
    assert {closed.point.size: closed.status for closed in of_kind(records, Closed)}[100] == "budget"
    forecast = of_kind(records, Forecast)[-1]
    assert (forecast.planned, forecast.budget_s) == (3, 0.5)
    assert forecast.needed_s > 3.0, "a second for each run of the largest"


@pytest.mark.parametrize("first_s", [0.01, 0.3])
def test_a_first_run_that_loads_a_lot_leaves_no_point_with_single_runs(first_s: float) -> None:
    def target(size: int) -> int:
        if not loaded:
            time.sleep(first_s)
            loaded.append(size)
        return size

    loaded: list[int] = []
    samples = of_kind(list(sample(job_of(target, sizes="1,2", budget=1.0))), Sample)
    for size in (1, 2):
        assert min(s.loops for s in samples if s.point.size == size and s.round > 1) > 100


def test_a_point_that_has_begun_gets_a_round_before_others_begin_in_vain() -> None:
    calls: list[int] = []

    def target(size: int) -> None:
        calls.append(size)
        time.sleep(0.2)

    list(sample(job_of(target, sizes="1..4", budget=0.5)))
    assert calls == [1, 1], "the rest of the budget is for a round of the smallest"


def test_a_function_with_a_default_is_called_without_an_argument() -> None:
    records = list(sample(job_of(lambda size=7: 1 / (size - 7) if size is None else size, budget=0.1)))
    assert not of_kind(records, Failure)


def test_an_exception_fails_its_point_with_a_row_and_the_others_go_on() -> None:
    records = list(sample(job_of(lambda size: 1 / (size - 2), sizes="1,2,3", budget=0.3)))
    status = {closed.point.size: closed.status for closed in of_kind(records, Closed)}
    assert status[2] == "failed"
    assert "failed" not in (status[1], status[3])
    (row,) = [s for s in of_kind(records, Sample) if s.error]
    assert (row.point.size, row.error) == (2, "ZeroDivisionError: division by zero")
    (failure,) = of_kind(records, Failure)
    assert failure.point.size == 2


def test_an_input_that_fails_fails_its_point() -> None:
    def make(size: int) -> int:
        raise LookupError("no data")

    records = list(sample(job_of(lambda value: value, make, sizes=5)))
    assert [s.error for s in of_kind(records, Sample)] == ["LookupError: no data"]


def test_inputs_are_built_once_a_point_and_outside_the_clock() -> None:
    built = []

    def make(size: int) -> int:
        built.append(size)
        time.sleep(0.1)
        return size

    records = list(sample(job_of(lambda value: value, make, sizes="1,2", budget=0.6)))
    assert sorted(built) == [1, 2]
    assert all(s.wall_s / s.loops < 0.01 for s in of_kind(records, Sample))


def test_every_run_of_a_graph_gets_a_fresh_store() -> None:
    seen = []

    def post(store: Store, value: int, prepared: int, result: int) -> tuple[int, str]:
        seen.append(store.get("runs", 0))
        store.set("runs", store.get("runs", 0) + 1)
        return result, "default"

    graph = Graph(Node("count", exec=lambda value: value, post=post), store=Store({"kept": 1}))
    list(sample(job_of(graph, sizes=1, budget=0.2)))
    assert len(seen) > 10
    assert set(seen) == {0}
    assert graph.store.items() == [("kept", 1)], "the graph's own store is not touched"


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_cpu_time_counts_the_workers_too(executor: str) -> None:
    @node
    def burn(value: int) -> int:
        end = time.process_time() + 0.02
        while time.process_time() < end:
            value += 1
        return value

    job = job_of(Graph(fan_out(burn)), lambda size: list(range(size)), sizes=4, workers=1, executors=executor, budget=1.5)
    timed = [s.cpu_s / s.loops for s in of_kind(list(sample(job)), Sample)]
    assert sorted(timed)[len(timed) // 2] == pytest.approx(0.08, rel=0.4)


def test_map_counts_items_and_run_counts_runs() -> None:
    mapped = of_kind(list(sample(job_of(lambda item: item, sizes=7, drive="map", executors="serial", budget=0.2))), Sample)
    assert all(s.items == 7 * s.loops for s in mapped)
    runs = of_kind(list(sample(job_of(lambda item: item, sizes=7, budget=0.2))), Sample)
    assert all(s.items == s.loops for s in runs)


def test_a_short_function_is_timed_without_the_loop_around_it() -> None:
    records = list(sample(job_of(lambda: None, budget=0.5)))
    per_run = sorted(s.wall_s / s.loops for s in of_kind(records, Sample))
    assert 0 <= per_run[len(per_run) // 4] < 200e-9
    assert of_kind(records, Sample)[0].loops == 1, "the first run is apart"
    assert of_kind(records, Sample)[1].loops > 1000


def test_the_budget_holds_to_within_a_batch_with_a_warm_up_and_slow_inputs_too() -> None:
    first = [True] * 7

    def make(size: int) -> int:
        time.sleep(0.1)
        return size

    def target(size: int) -> None:
        time.sleep(0.3 if first[size] else 0.02)
        first[size] = False

    start = time.monotonic()
    records = list(sample(job_of(target, make, sizes="1..6", budget=1.0, precision=1e-9)))
    assert time.monotonic() - start < 1.0 + 0.4 + 0.8
    assert len(of_kind(records, Closed)) == 6
    assert {closed.status for closed in of_kind(records, Closed)} == {"budget"}


codes: list[tuple[int, int]] = []


def tell_code(size: int) -> None:
    codes.append((size, id(sys._getframe().f_code)))
    time.sleep(0.004 * size)


def test_the_quickest_point_is_built_twice_and_its_rounds_take_turns() -> None:
    codes.clear()
    records = list(sample(job_of(tell_code, sizes="1,5", budget=1.5, precision=1e-9)))
    (probe,) = of_kind(records, Probe)
    assert probe.point.size == 1
    assert len({code for size, code in codes if size == 1}) == 2, "the quickest point has two builds"
    assert len({code for size, code in codes if size == 5}) == 1


@pytest.mark.parametrize(("store", "most"), [("fresh", 1), ("shared", 1000)])
def test_runs_have_a_store_each_or_share_that_of_their_point(store: str, most: int) -> None:
    seen: list[int] = []

    def post(store: Store, value: int, prepared: int, result: int) -> tuple[int, str]:
        store.set("runs", store.get("runs", 0) + 1)
        seen.append(store.get("runs"))
        return result, "default"

    graph = Graph(Node("n", exec=lambda value: time.sleep(0.001), post=post))
    list(sample(job_of(graph, sizes=1, budget=1.0, precision=1e-9, store=store)))
    assert len(seen) > 20
    assert (max(seen) > 10) is (most > 1)
    assert graph.store.items() == [], "the graph's own store is not touched"


def test_every_run_gets_an_input_of_its_own_outside_the_clock() -> None:
    built: list[int] = []

    def make(size: int) -> list[int]:
        built.append(size)
        time.sleep(0.002)
        return list(range(size))

    def empty(value: list[int]) -> None:
        assert len(value) == 5, "another run was here before"
        time.sleep(0.005)
        value.clear()

    job = job_of(empty, make, sizes=5, fresh_input=True, budget=0.5, precision=1e-9, isolation="kernel")
    records = list(sample(job))
    assert not of_kind(records, Failure)
    samples = of_kind(records, Sample)
    assert len(built) >= sum(s.loops for s in samples) > 10
    assert sorted(s.wall_s / s.loops for s in samples)[len(samples) // 2] < 0.007


def test_samples_of_an_earlier_measurement_count_and_rounds_go_on() -> None:
    job = job_of(lambda size: time.sleep(0.001), sizes=1, precision=1e-9, budget=1.0)
    earlier = tuple(of_kind(list(sample(job)), Sample))
    resumed = Job(job.target, job.input, job.points, parse_sweep(sizes=1, budget=5, precision="99%"), (), earlier)
    again = of_kind(list(sample(resumed)), Sample)
    assert again[0].round == 0
    assert len(again[1:]) <= 5 * max(1, len(earlier) // 100), "the earlier samples made it precise enough at the next look"
    assert again[1].round == max(s.round for s in earlier) + 1


def test_points_that_seemed_too_slow_after_a_slow_first_run_are_measured_once_the_rounds_show_the_truth() -> None:
    def target(size: int) -> None:
        time.sleep(0.001 if loaded else 0.5)
        loaded.append(size)

    loaded: list[int] = []
    records = list(sample(job_of(target, sizes="1..6", budget=5.0, precision="50%")))
    assert {s.point.size for s in of_kind(records, Sample) if s.round} == {1, 2, 3, 4, 5, 6}
    assert {closed.status for closed in of_kind(records, Closed)} == {"done"}


def test_references_are_in_the_rounds_unless_they_are_left_out() -> None:
    options: dict[str, Any] = {"sizes": 1, "precision": "50%"}
    told = list(sample(job_of(lambda size: time.sleep(0.02), budget=3.5, **options)))
    references = of_kind(told, Reference)
    assert references
    assert {one.round for one in references} <= {s.round for s in of_kind(told, Sample)}
    assert not of_kind(list(sample(job_of(lambda size: time.sleep(0.002), budget=3.5, references=False, **options))), Reference)


def test_time_is_left_for_a_memory_pass() -> None:
    job = replace(job_of(lambda size: time.sleep(0.005), sizes=1, budget=4.0, precision=1e-9), memory_pass=True)
    start = time.monotonic()
    list(sample(job))
    assert time.monotonic() - start < 3.9


def test_the_begin_of_the_measurement_counts() -> None:
    job = replace(job_of(lambda size: time.sleep(0.005), sizes=1, budget=2.0, precision=1e-9), begun_s=time.monotonic() - 0.8)
    start = time.monotonic()
    list(sample(job))
    assert time.monotonic() - start < 1.6
