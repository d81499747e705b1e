"""Clients that run a target repeatedly: what they count, and what an open loop shows that a closed one hides."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest

from pocket_lab.executors.pool import Pool
from pocket_lab.executors.registry import open_pool
from pocket_lab.graph.context import INLINE, Context
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node
from pocket_lab.graph.store import Store
from pocket_lab.measure.job import Input
from pocket_lab.measure.load.generator import LoadGenerator
from pocket_lab.measure.planning import plan_job
from pocket_lab.measure.sweep import parse_sweep
from pocket_lab.measure.timing.batch import Answers, Timing
from pocket_lab.measure.timing.runs import build_input

CONCURRENT = ("threads", "processes", "asyncio")


WORKER_PROCESSES: dict[int, Pool] = {}


@pytest.fixture(scope="module", autouse=True)
def _worker_processes() -> Iterator[None]:
    """A pool of one worker process and one of two, which start once for all tests."""
    with open_pool("processes", 1) as one, open_pool("processes", 2) as two:
        for pool in (one, two):
            pool.start()
            WORKER_PROCESSES[pool.size] = pool
        yield
    WORKER_PROCESSES.clear()


@contextmanager
def loaded(
    target: Any, executor: str = "threads", window_s: float = 0.3, input: Any = Input.ABSENT, **options: Any
) -> Iterator[LoadGenerator]:
    """The work of the first point of a sweep, its pool open."""
    sizes = 1 if input is Input.ABSENT else None
    sweep = parse_sweep(**{"drive": "load", "sizes": sizes, "executor": executor, **options})
    job = plan_job(target, input, sweep)
    point = job.points[0]
    if executor == "serial":
        yield LoadGenerator(job, point, build_input(job, point), INLINE, window_s=window_s)
        return
    shared = executor == "processes"
    with nullcontext(WORKER_PROCESSES[point.workers]) if shared else open_pool(executor, point.workers) as pool:
        pool.start()
        load = LoadGenerator(job, point, build_input(job, point), pool, window_s=0.02 if shared else window_s)
        if shared:
            load.time(1)  # the workers get to know the target
            load.window_s = window_s
        yield load


def one_window(target: Any, executor: str = "threads", window_s: float = 0.3, **options: Any) -> Timing:
    with loaded(target, executor, window_s, **options) as load:
        return load.time(1)


def answers_of(timing: Timing) -> Answers:
    assert timing.answers is not None
    return timing.answers


def on(executor: str, function: Callable[[Any], Any], nap_s: float = 0.0) -> Any:
    """The function after a nap: plain, or async where the clients are tasks."""

    async def later(value: Any) -> Any:
        await asyncio.sleep(nap_s)
        return function(value)

    def at_once(value: Any) -> Any:
        time.sleep(nap_s)
        return function(value)

    return later if executor == "asyncio" else at_once


def stalling(nap_s: float, stall_s: float, at: int = 10) -> Callable[[Any], None]:
    """Each call naps, one of them for much longer."""
    calls = iter(range(10**6))

    def target(value: Any) -> None:
        time.sleep(stall_s if next(calls) == at else nap_s)

    return target


@pytest.mark.parametrize("executor", ["serial", *CONCURRENT])
def test_a_closed_loop_answers_one_request_after_the_other(executor: str) -> None:
    timing = one_window(on(executor, lambda value: value, 0.01), executor)
    answers = answers_of(timing)
    assert 10 <= timing.loops <= 31
    assert answers.histogram.count == timing.loops
    assert (answers.errors, answers.late, answers.first_error) == (0, 0, None)
    assert 0.0099 <= timing.run_s < 0.02
    assert timing.run_s == answers.histogram.quantile(0.5)
    assert timing.wall_s / timing.loops == pytest.approx(0.01, rel=0.7)


@pytest.mark.parametrize("executor", CONCURRENT)
def test_two_clients_that_wait_serve_twice_as_many(executor: str) -> None:
    target = on(executor, lambda value: value, 0.01)
    one, two = (one_window(target, executor, workers=workers) for workers in (1, 2))
    assert (two.loops / two.wall_s) / (one.loops / one.wall_s) == pytest.approx(2.0, rel=0.35)
    assert two.run_s == pytest.approx(one.run_s, rel=0.35), "the latency of one is not touched"


@pytest.mark.parametrize("executor", CONCURRENT)
@pytest.mark.parametrize("rate", [None, 100])
def test_errors_are_counted_and_the_clients_go_on(executor: str, rate: float | None) -> None:
    def picky(value: Any) -> None:
        picky.calls = getattr(picky, "calls", 0) + 1  # type: ignore[attr-defined]
        if picky.calls % 3 == 0:  # type: ignore[attr-defined]
            raise (SystemExit if picky.calls % 2 else ValueError)(f"call {picky.calls}")  # type: ignore[attr-defined]

    timing = one_window(on(executor, picky, 0.005), executor, window_s=0.15, rate=rate)
    answers = answers_of(timing)
    assert answers.errors / (answers.errors + timing.loops) == pytest.approx(1 / 3, abs=0.1)
    assert answers.histogram.count == timing.loops > 5
    assert answers.first_error is not None
    assert ": call " in answers.first_error


def test_where_nothing_is_answered_there_is_no_latency() -> None:
    def fails(value: Any) -> None:
        time.sleep(0.001)
        raise LookupError("no data")

    timing = one_window(fails, window_s=0.1)
    assert timing.loops == 0
    assert math.isnan(timing.run_s)
    assert answers_of(timing).errors > 20
    assert answers_of(timing).first_error == "LookupError: no data"


@pytest.mark.parametrize("executor", CONCURRENT)
def test_in_an_open_loop_every_request_is_answered_failed_or_given_up(executor: str) -> None:
    def sometimes(value: Any) -> None:
        sometimes.calls = getattr(sometimes, "calls", 0) + 1  # type: ignore[attr-defined]
        if sometimes.calls % 4 == 0:  # type: ignore[attr-defined]
            raise ValueError("no")

    timing = one_window(on(executor, sometimes, 0.025), executor, window_s=0.25, rate=200)
    answers = answers_of(timing)
    assert answers.histogram.count + answers.errors == 50
    assert timing.loops < 30, "one client can serve 20 of the 50 in twice the window"
    assert answers.late > 30


def test_an_open_loop_sends_at_its_rate_and_waits_for_the_last_answer() -> None:
    timing = one_window(lambda value: time.sleep(0.001), window_s=0.25, rate=120)
    answers = answers_of(timing)
    assert timing.loops == 30
    assert answers.late == 0
    assert timing.loops / timing.wall_s == pytest.approx(120, rel=0.1)
    late = one_window(lambda value: time.sleep(0.2), window_s=0.1, rate=20, workers=2)
    assert late.loops == 2
    assert late.wall_s >= 0.245, "the second one was due at 0.05 s"


def test_a_stall_delays_the_requests_behind_it_in_an_open_loop_and_a_closed_one_does_not_notice() -> None:
    open_loop = answers_of(one_window(stalling(0.001, 0.4, at=25), window_s=1.0, rate=100)).histogram
    closed = answers_of(one_window(stalling(0.001, 0.4, at=25), "serial", window_s=0.8)).histogram
    assert open_loop.count == 100
    assert open_loop.quantile(0.5) < 0.1
    assert 0.2 < open_loop.quantile(0.95) < 0.7, "40 requests were due while it stood still, the last of them hardly waited"
    assert open_loop.quantile(0.99) > 0.3
    assert closed.quantile(0.95) < 0.1
    assert closed.quantile(0.99) < 0.1


def test_a_second_client_takes_over_while_the_first_one_stalls() -> None:
    histogram = answers_of(one_window(stalling(0.001, 0.2, at=10), window_s=0.5, rate=200, workers=2)).histogram
    assert histogram.count == 100
    assert histogram.quantile(0.95) < 0.1
    assert histogram.quantile(1.0) >= 0.195


def test_percentiles_of_known_latencies_are_within_one_per_cent_of_exact_ones() -> None:
    exact: list[float] = []
    naps = iter([0.002, 0.004, 0.006, 0.02] * 1000)

    def target(value: Any) -> None:
        start = time.monotonic()
        time.sleep(next(naps))
        exact.append(time.monotonic() - start)

    with loaded(target, "serial", window_s=0.5) as load:
        histogram = answers_of(load.time(1)).histogram
    exact.sort()
    assert histogram.count == len(exact) > 30
    for share in (0.5, 0.95, 0.99):
        latency_s = exact[int(share * (len(exact) - 1))]
        assert 0.99 * latency_s <= histogram.quantile(share) <= 1.01 * latency_s + 0.001  # preempted between the two clocks


def test_a_request_longer_than_the_window_is_made_once_by_each_client() -> None:
    timing = one_window(lambda value: time.sleep(0.2), window_s=0.02, workers=3)
    assert timing.loops == 3
    assert timing.run_s == pytest.approx(0.2, rel=0.3)


def test_no_more_requests_are_under_way_than_there_are_clients() -> None:
    lock, now, most = threading.Lock(), [0], [0]

    def target(value: Any) -> None:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.01)
        with lock:
            now[0] -= 1

    one_window(target, window_s=0.1, workers=3, rate=1000)
    assert most == [3]


def test_each_request_has_a_fresh_store_or_all_clients_share_one() -> None:
    def post(store: Store, value: int, prepared: int, result: int) -> tuple[int, str]:
        seen.add(store.get("runs", 0))
        store.set("runs", store.get("runs", 0) + 1)
        return result, "default"

    graph = Graph(Node("n", exec=lambda value: time.sleep(0.002), post=post), store=Store({"kept": 1}))
    seen: set[int] = set()
    one_window(graph, window_s=0.15, workers=2)
    assert seen == {0}
    seen = set()
    one_window(graph, window_s=0.15, workers=2, store="shared")
    assert len(seen) > 20
    assert graph.store.items() == [("kept", 1)]


@pytest.mark.parametrize("executor", CONCURRENT)
def test_each_request_has_an_input_of_its_own_that_is_not_in_its_latency(executor: str) -> None:
    def make() -> list[int]:
        time.sleep(0.01)
        return [1]

    timing = one_window(on(executor, lambda value: value.remove(1)), executor, window_s=0.2, input=make, fresh_input=True)
    assert answers_of(timing).errors == 0
    assert timing.loops > 5
    assert timing.run_s < 0.008


@pytest.mark.parametrize("executor", CONCURRENT)
def test_reports_of_the_requests_arrive_under_their_node(executor: str) -> None:
    def told(value: int, ctx: Context) -> int:
        ctx.report("seen", value + 1)
        return value

    async def told_later(value: int, ctx: Context) -> int:
        return told(value, ctx)

    graph = Graph(Node("first", exec=lambda value: value) >> Node("teller", exec=told_later if executor == "asyncio" else told))
    with loaded(graph, executor, window_s=0.05, workers=2) as load:
        timing = load.time(1)
        (metric,) = load.reports.metrics(load.point, 3, timing.loops)
        assert (metric.node, metric.name, metric.value, metric.reports, metric.round) == ("teller", "seen", 2.0, 1.0, 3)
        again = load.time(1)
        (metric,) = load.reports.metrics(load.point, 4, again.loops)
        assert metric.reports == 1.0, "those of the window before are gone"


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_the_cpu_time_of_the_clients_counts(executor: str) -> None:
    def burn(value: int) -> None:
        end = time.thread_time() + 0.01
        while time.thread_time() < end:
            pass

    timing = one_window(burn, executor, window_s=0.2)
    assert timing.cpu_s / timing.loops == pytest.approx(0.01, rel=0.4)


@pytest.mark.parametrize(
    ("budget", "sizes", "rate", "shortest_s", "longest_s"),
    [
        (30, 1, None, 0.1, 0.1),
        (30, 1, 100, 0.2, 0.2),
        (30, 1, 1000, 0.1, 0.1),
        (3, "1..10", None, 0.02, 0.03),
        (30, "1..4", 20, 0.2, 0.75),
    ],
)
def test_a_window_is_long_enough_for_some_requests_and_short_enough_for_some_windows(
    budget: float, sizes: Any, rate: float | None, shortest_s: float, longest_s: float
) -> None:
    with loaded(lambda value: value, "serial", window_s=0.001, budget=budget, sizes=sizes, rate=rate) as load:
        load.calibrate(0.003)
        assert shortest_s <= load.window_s <= longest_s
