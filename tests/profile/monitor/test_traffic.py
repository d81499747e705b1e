"""The recording of a monitor: exact counts from every thread, a true window, and bounded memory."""

from __future__ import annotations

import gc
import sys
import threading
import time
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pocket_lab import Graph, Node, NodeError, Route, fan_out, node
from pocket_lab.graph.observers import Event, Run
from pocket_lab.profile.monitor import traffic as monitor
from pocket_lab.profile.monitor.traffic import SLOTS, Traffic
from pocket_lab.records.traffic import NodeTraffic
from pocket_lab.stats.histogram import Histogram

WINDOW_S = 60.0


class Clock:
    """A clock that shows the time that is set."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    fake = Clock()
    monkeypatch.setattr(monitor, "perf_counter", fake)
    return fake


def visit(ended_s: float, took_s: float = 0.001, failed: str = "") -> Event:
    return ("n", ended_s - took_s, ended_s, "default", (ended_s, ended_s, (), failed) if failed else None)


def sink_of(traffic: Traffic, graph: str = "g") -> Any:
    return traffic.begin(Run(0, graph, None, None, "here"))


def only(traffic: Traffic) -> NodeTraffic:
    (record,) = traffic.records()
    return record


def per_s(record: NodeTraffic) -> float:
    return sum(count for _, count in record.recent) / record.window_s


def test_visits_errors_and_times_are_exact_and_percentiles_within_one_per_cent(clock: Clock) -> None:
    traffic = Traffic(WINDOW_S)
    sink = sink_of(traffic)
    for number in range(1, 2001):
        sink(visit(clock.now_s, number / 1000, "exec" if number % 10 == 0 else ""))
    record = only(traffic)
    assert (record.graph, record.node, record.executions, record.errors) == ("g", "n", 2000, 200)
    assert record.total_s == pytest.approx(2001.0)
    histogram = Histogram(record.histogram)
    for share, value in ((0.5, 1.0), (0.95, 1.9), (0.99, 1.98)):
        assert histogram.quantile(share) == pytest.approx(value, rel=0.01)
    assert record.last_at == pytest.approx(time.time(), abs=5.0)


def test_throughput_is_over_a_true_window_and_not_since_the_last_visit(clock: Clock) -> None:
    traffic = Traffic(WINDOW_S)
    sink = sink_of(traffic)
    for _ in range(600):  # ten a second
        clock.now_s += 0.1
        sink(visit(clock.now_s))
    assert per_s(only(traffic)) == pytest.approx(10.0, rel=0.001)
    clock.now_s += 30.0  # the guide would now divide by the thirty seconds since the last one, whatever came before
    assert per_s(only(traffic)) == pytest.approx(5.0, rel=0.03)
    clock.now_s += 31.0
    assert per_s(only(traffic)) == 0.0
    assert only(traffic).executions == 600


def test_before_a_window_has_passed_throughput_is_over_the_time_since_the_beginning(clock: Clock) -> None:
    traffic = Traffic(WINDOW_S)
    sink = sink_of(traffic)
    for _ in range(20):
        clock.now_s += 0.25
        sink(visit(clock.now_s))
    record = only(traffic)
    assert record.window_s == pytest.approx(5.0)
    assert per_s(record) == pytest.approx(4.0)


def test_visits_that_arrive_late_count_at_the_time_when_they_ended(clock: Clock) -> None:
    traffic = Traffic(WINDOW_S)
    sink = sink_of(traffic)
    clock.now_s += 100.0
    sink(visit(clock.now_s))
    for late_s in (3.0, 3.0, 59.0, 200.0):
        sink(visit(clock.now_s - late_s))
    record = only(traffic)
    assert record.executions == 5
    assert dict(record.recent) == {0: 1, -3: 2, -59: 1}


@given(st.lists(st.tuples(st.floats(0.0, 40.0), st.booleans()), max_size=300))
def test_the_window_holds_what_a_list_of_all_visits_says(steps: list[tuple[float, bool]]) -> None:
    traffic = Traffic(WINDOW_S)
    sink = sink_of(traffic)
    now_s, ended = 1000.0, []
    for step_s, is_late in steps:
        now_s += step_s
        ended.append(now_s - (7.25 if is_late else 0.0))
        sink(visit(ended[-1]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(monitor, "perf_counter", lambda: now_s)
        records = list(traffic.records())
    assert sum(record.executions for record in records) == len(ended)
    if records:
        counts = dict(records[0].recent)
        for slot in range(-SLOTS, 1):
            assert counts.get(slot, 0) == sum(int(at) - int(now_s) == slot for at in ended)


def test_a_reset_forgets_in_the_middle_of_a_run(clock: Clock) -> None:
    traffic = Traffic(WINDOW_S)
    sink = sink_of(traffic)
    for _ in range(700):
        sink(visit(clock.now_s))
    traffic.reset()
    assert list(traffic.records()) == []
    clock.now_s += 2.0
    sink(visit(clock.now_s))
    assert only(traffic).executions == 1
    assert only(traffic).window_s == pytest.approx(2.0)


def test_no_visit_of_any_thread_is_lost_while_another_one_reads() -> None:
    traffic = Traffic(WINDOW_S)
    graph = Graph(Node("a", exec=lambda x: x) >> Node("b", exec=lambda x: x)).observed(traffic)
    threads, runs = 6, 4000
    done = threading.Event()
    seen: list[int] = []

    def read() -> None:
        while not done.is_set():
            seen.append(sum(record.executions for record in traffic.records()))

    reader = threading.Thread(target=read)
    reader.start()
    workers = [threading.Thread(target=lambda: [graph.run(1) for _ in range(runs)]) for _ in range(threads)]
    before, interval = sys.getswitchinterval(), 1e-5
    sys.setswitchinterval(interval)
    try:
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    finally:
        sys.setswitchinterval(before)
        done.set()
        reader.join()
    assert {record.node: record.executions for record in traffic.records()} == {"a": threads * runs, "b": threads * runs}
    assert seen == sorted(seen)


def test_threads_that_come_and_go_leave_no_more_than_those_that_were_there_at_once() -> None:
    traffic = Traffic(WINDOW_S)
    graph = Graph(fan_out(Node("n", exec=lambda x: x)), name="outer").observed(traffic)
    for _ in range(30):
        graph.map([[1, 2, 3]] * 8, workers=4)
    assert len(traffic._shards) <= 6
    assert {record.graph: record.executions for record in traffic.records()} == {"outer": 30 * 8, "n": 30 * 8 * 3}


def test_one_endless_run_takes_a_memory_that_does_not_grow() -> None:
    traffic = Traffic(WINDOW_S)

    def count_down(left: int) -> Route[int]:
        return Route(left - 1, "again" if left > 1 else "done")

    down = Node("down", exec=count_down)
    graph = Graph(down - "again" >> down, down - "done" >> Node("end")).observed(traffic)
    tracemalloc.start()
    try:
        graph.run(5_000)
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        graph.run(50_000)
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - before < 30_000  # up to 512 durations are kept as they are
    finally:
        tracemalloc.stop()
    assert {record.node: record.executions for record in traffic.records()} == {"down": 55_000, "end": 2}


def test_failed_and_interrupted_visits_are_errors_and_the_interrupt_goes_on() -> None:
    traffic = Traffic(WINDOW_S)

    @node
    def boom(error: BaseException) -> None:
        raise error

    graph = Graph(boom).observed(traffic)
    with pytest.raises(NodeError):
        graph.run(ValueError("x"))
    with pytest.raises(KeyboardInterrupt):
        graph.run(KeyboardInterrupt())
    assert (only(traffic).executions, only(traffic).errors) == (2, 2)


@pytest.mark.parametrize("executor", ["serial", "threads", "processes"])
def test_every_executor_is_seen(executor: str) -> None:
    traffic = Traffic(WINDOW_S)
    graph = Graph(Node("n", exec=len)).observed(traffic)
    graph.map(["ab", "c", "def"], workers=None if executor == "serial" else 2, executor=executor)
    assert (only(traffic).executions, only(traffic).graph) == (3, "n")


async def _await(value: int) -> int:
    return value


def test_async_graphs_are_seen() -> None:
    traffic = Traffic(WINDOW_S)
    graph = Graph(Node("n", exec=_await)).observed(traffic)
    graph.map(range(50), workers=5)
    assert only(traffic).executions == 50
