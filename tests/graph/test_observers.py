"""What observers are told: runs in runs, visits with their times, the same from every executor."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest

from pocket_lab.errors import GraphError, NodeError
from pocket_lab.executors.registry import EXECUTORS, is_remote, open_pool
from pocket_lab.graph.combinators import fan_in, fan_out
from pocket_lab.graph.context import Context
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node, Retry, Route
from pocket_lab.graph.observers import Event, Run, Visit


class Recorder:
    """Keeps every run with its visits."""

    def __init__(self) -> None:
        self.runs: list[tuple[Run, list[Event]]] = []
        self.lock = threading.Lock()

    def begin(self, run: Run) -> Callable[[Event], object]:
        events: list[Event] = []
        with self.lock:
            self.runs.append((run, events))
        return events.append

    def visits(self) -> list[Visit]:
        return [Visit.of(event) for _, events in self.runs for event in events]

    def trees(self) -> list[Any]:
        """The runs as (graph, item, (node, action, attempts, failed) of its visits, runs inside), in an order of their own."""
        inside: dict[int | None, list[tuple[Run, list[Event]]]] = {}
        for run, events in self.runs:
            inside.setdefault(run.parent.number if run.parent else None, []).append((run, events))

        def tree(run: Run, events: list[Event]) -> Any:
            visits = [Visit.of(event) for event in events]
            told = [(visit.node, visit.action, visit.attempts, visit.failed) for visit in visits]
            return (run.graph, run.item, told, sorted((tree(*pair) for pair in inside.get(run.number, [])), key=repr))

        return sorted((tree(*pair) for pair in inside.get(None, [])), key=repr)


def on(kind: str, function: Callable[..., Any]) -> Callable[..., Any]:
    if kind != "asyncio":
        return function

    async def later(*args: Any) -> Any:
        await asyncio.sleep(0)
        return function(*args)

    return later


def deep(kind: str) -> Graph:
    """A loop, a retry, a fan-out, a graph in a graph, a fan-in: and a failure for the number 3."""
    count = Node("count", exec=on(kind, lambda value: Route(value + 1, "again" if value % 4 else "default")))
    fails = Node("fails", exec=on(kind, lambda value: 1 // (value != 5) + value), fallback=lambda value, error: value)
    inner = Graph(fails >> Node("pass", post=lambda store, value, *_: (value, "default")), name="inner")
    fan_out_plan = fan_out(Graph(inner >> Node("leaf"), name="item"), name="fan_out_plan").with_(
        prep=lambda store, value: [value, value + 1]
    )
    both = fan_in(sum, Node("first", exec=len), Node("last", exec=lambda items: 1 // (items != [9, 10])), name="both")
    return Graph(count - "again" >> count, count >> fan_out_plan >> both, name="outer")


def told(kind: str, observer: Recorder) -> list[Any]:
    results = deep(kind).observed(observer).map([1, 2, 5, 6], executor=kind, workers=2, on_error="collect")
    return [str(result) for result in results]


@pytest.mark.parametrize("kind", EXECUTORS[1:])
def test_runs_and_visits_are_the_same_from_every_executor(kind: str) -> None:
    serial, other = Recorder(), Recorder()
    assert told("serial", serial) == told(kind, other)
    assert other.trees() == serial.trees()


@pytest.mark.parametrize("kind", EXECUTORS)
def test_a_run_inside_a_node_has_that_of_the_node_as_its_parent(kind: str) -> None:
    recorder = Recorder()
    graph = Graph(fan_out(Graph(Node("leaf", exec=on(kind, abs)), name="item"), name="each"), name="outer")
    with open_pool(kind, 2) as pool:
        graph.observed(recorder).run([1, -2, 3], context=Context(pool))
    assert recorder.trees() == [
        ("outer", None, [("each", "default", 1, "")], [("item", n, [("leaf", "default", 1, "")], []) for n in range(3)])
    ]
    assert len({run.number for run, _ in recorder.runs}) == 4


@pytest.mark.parametrize("kind", EXECUTORS)
def test_the_runs_of_a_map_are_each_of_its_item(kind: str) -> None:
    recorder = Recorder()
    graph = Graph(Node("n", exec=on(kind, abs)), name="g", observers=[recorder])
    graph.map([5, 6, 7], executor=kind, workers=2)
    assert recorder.trees() == [("g", item, [("n", "default", 1, "")], []) for item in range(3)]


@pytest.mark.parametrize("kind", EXECUTORS)
def test_an_inner_graph_of_an_item_is_a_run_without_an_item_or_with_that_item_on_every_executor_alike(kind: str) -> None:
    inner = Graph(Node("leaf", exec=on(kind, abs)), name="inner")
    graph = Graph(Node("a") >> inner, name="outer")
    serial, other = Recorder(), Recorder()
    graph.observed(serial).map([1, 2], executor="serial")
    graph.observed(other).map([1, 2], executor=kind, workers=2)
    assert other.trees() == serial.trees()


@pytest.mark.parametrize("kind", EXECUTORS)
def test_an_observer_of_an_inner_graph_alone_is_told_the_same_from_every_worker_of_its_own_process(kind: str) -> None:
    """A graph is sent to another process without its observers; only those of the outer graph are told from there."""
    recorder = Recorder()
    inner = Graph(Node("leaf", exec=on(kind, abs)), name="inner", observers=[recorder])
    Graph(Node("a") >> inner, name="outer").map([1, 2], executor=kind, workers=2)
    tree = ("inner", None, [("leaf", "default", 1, "")], [])
    assert recorder.trees() == ([] if is_remote(kind) else [tree] * 2)


@pytest.mark.parametrize("hooks", [{}, {"on_complete": lambda store: None}], ids=["plain", "hooked"])
def test_a_visit_with_an_action_that_is_no_text_is_a_failed_one(hooks: dict[str, Any]) -> None:
    for fields in ({"post": lambda *_: (1, 3)}, {"exec": lambda value: Route(value, 3)}):  # type: ignore[arg-type]
        recorder = Recorder()
        with pytest.raises(NodeError, match="an action is a text, got 3"):
            Graph(Node("n", **fields, **hooks)).observed(recorder).run(1)
        ((node, action, failed),) = [(visit.node, visit.action, visit.failed) for visit in recorder.visits()]
        assert (node, action) == ("n", "")
        assert failed in ("exec", "post")


def test_each_run_knows_its_worker() -> None:
    recorder = Recorder()
    graph = Graph(Node("n", exec=lambda value: (time.sleep(0.01), value)[1])).observed(recorder)

    def workers(**options: Any) -> set[str]:
        recorder.runs.clear()
        graph.map(range(6), **options)
        return {run.worker for run, _ in recorder.runs}

    assert workers() == {threading.current_thread().name}
    assert {name.rpartition("_")[0] for name in workers(workers=2)} == {"pocket-lab-worker"}
    processes = workers(workers=2, executor="processes")
    assert {name.split()[0] for name in processes} == {"process"}
    assert str(os.getpid()) not in {name.split()[1] for name in processes}


@pytest.mark.parametrize("kind", EXECUTORS)
def test_the_times_of_a_visit_are_in_order_and_inside_the_run(kind: str) -> None:
    def nap(answer: Any) -> Callable[..., Any]:
        return on(kind, lambda *_: (time.sleep(0.01), answer)[1])

    node = Node("n", prep=nap(1), exec=nap(2), post=nap((3, "default")))
    recorder = Recorder()
    begun_s = time.perf_counter()
    Graph(node).observed(recorder).map([0, 0], executor=kind, workers=2)
    ended_s = time.perf_counter()
    assert len(recorder.visits()) == 2
    for visit in recorder.visits():
        assert begun_s <= visit.begun_s <= visit.prepared_s <= visit.executed_s <= visit.ended_s <= ended_s
        for share_s in (
            visit.prepared_s - visit.begun_s,
            visit.executed_s - visit.prepared_s,
            visit.ended_s - visit.executed_s,
        ):
            assert share_s >= 0.009


@pytest.mark.parametrize("phase", ["prep", "exec", "fallback", "post"])
def test_a_failed_visit_names_its_phase_and_its_attempts(phase: str) -> None:
    def fails(*_: Any) -> Any:
        raise ValueError("no")

    phases: dict[str, Any] = {"prep": lambda store, value: value, "exec": abs, "post": lambda *_: (1, "default")}
    phases |= {phase: fails} | ({"exec": fails} if phase == "fallback" else {})
    recorder = Recorder()
    with pytest.raises(NodeError):
        Graph(Node("n", retry=Retry(2), **phases)).observed(recorder).run(1)
    (visit,) = recorder.visits()
    attempts = 1 if phase == "post" else 3
    assert (visit.node, visit.action, visit.attempts, visit.failed) == ("n", "", attempts, phase)
    assert visit.begun_s <= visit.prepared_s <= visit.executed_s <= visit.ended_s


def test_a_visit_that_was_interrupted_is_told_with_hooks_and_without() -> None:
    def interrupted(value: int) -> None:
        raise KeyboardInterrupt

    for hooks in ({}, {"on_complete": lambda store: None}):
        recorder = Recorder()
        with pytest.raises(KeyboardInterrupt):
            Graph(Node("a", exec=abs) >> Node("n", exec=interrupted, **hooks)).observed(recorder).run(1)
        assert [(visit.node, visit.failed) for visit in recorder.visits()] == [("a", ""), ("n", "exec")]


def test_a_visit_that_was_cancelled_in_an_async_hook_is_told_once() -> None:
    recorder, begun = Recorder(), []

    async def slow(store: Any, output: int) -> None:
        begun.append(output)
        await asyncio.sleep(30)

    async def main() -> None:
        task = asyncio.create_task(Graph(Node("n", exec=abs, on_success=slow), observers=[recorder]).arun(1))
        while not begun:
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert [visit.node for visit in recorder.visits()] == ["n"]


def test_a_node_that_was_never_started_is_not_visited() -> None:
    recorder = Recorder()
    with pytest.raises(GraphError, match="max_steps=2"):
        Graph(Node("a", exec=abs) >> Node("b", exec=abs) >> Node("c", exec=abs), max_steps=2, observers=[recorder]).run(1)
    assert [visit.node for visit in recorder.visits()] == ["a", "b"]


def test_several_observers_are_told_the_same() -> None:
    one, other = Recorder(), Recorder()
    Graph(Node("a") >> Node("b"), observers=[one]).observed(other).run(1)
    assert [visit.node for visit in one.visits()] == ["a", "b"]
    assert one.visits() == other.visits()


@pytest.mark.parametrize("others", [0, 1])
@pytest.mark.parametrize("place", ["begin", "event"])
def test_what_an_observer_raises_is_logged_and_changes_nothing(
    place: str, others: int, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        def begin(self, run: Run) -> Callable[[Event], object]:
            if place == "begin":
                raise LookupError("broken")
            return lambda event: 1 // 0

    recorder = Recorder()
    graph = Graph(Node("a", exec=abs) >> Node("b", exec=abs), observers=[Broken(), *[recorder] * others])
    assert graph.run(-1) == 1
    where = ["an observer failed at the beginning of a run"]
    if place == "event":
        where = [f"an observer failed at a visit to {node}" for node in "ab"]
    assert [(logger, message) for logger, _, message in caplog.record_tuples] == [("pocket_lab", text) for text in where]
    assert [visit.node for visit in recorder.visits()] == ["a", "b"] * others


def test_a_deque_bounds_what_is_kept() -> None:
    class Bounded:
        def __init__(self) -> None:
            self.events: deque[Event] = deque(maxlen=3)

        def begin(self, run: Run) -> Callable[[Event], object]:
            return self.events.append

    bounded = Bounded()
    count = Node("count", exec=lambda value: Route(value + 1, "again" if value < 99 else "default"))
    Graph(count - "again" >> count >> Node("end"), observers=[bounded]).run(0)
    assert [Visit.of(event).action for event in bounded.events] == ["again", "default", "default"]


def test_what_is_no_observer_is_refused() -> None:
    with pytest.raises(GraphError, match="3 is no observer: it has no begin"):
        Graph(Node("a"), observers=[3])  # type: ignore[list-item]


def test_an_observed_graph_shares_the_store_and_leaves_the_unobserved_one_as_it_was() -> None:
    recorder = Recorder()
    graph = Graph(Node("keep", post=lambda store, value, *_: (store.set("last", value), "default")))
    observed = graph.observed(recorder)
    graph.run(1)
    assert recorder.runs == []
    observed.run(2)
    assert (graph.store.get("last"), len(recorder.runs)) == (2, 1)
    assert observed.replace("keep", Node("other")).run(3) == 3
    assert len(recorder.runs) == 2


def test_an_observer_that_cannot_be_sent_stays_at_home_and_is_told_there() -> None:
    """It holds a lock, as most do; inner graphs may have it, too."""
    recorder = Recorder()
    inner = Graph(Node("leaf", exec=lambda value: value + 1), name="inner", observers=[recorder])
    graph = Graph(Node("a", exec=lambda value: value) >> inner, name="outer", observers=[recorder])
    assert graph.map([1, 2], executor="processes", workers=2) == [2, 3]
    assert {(run.graph, visit) for run, events in recorder.runs for visit in [event[0] for event in events]} == {
        ("outer", "a"),
        ("outer", "inner"),
        ("inner", "leaf"),
    }


@pytest.mark.parametrize("hooks", [{}, {"on_complete": lambda store: None}], ids=["plain", "hooked"])
@pytest.mark.parametrize("kind", ["serial", "asyncio"])
def test_a_retried_visit_tells_when_each_later_attempt_began(kind: str, hooks: dict[str, Any]) -> None:
    failures = {"prep": 1, "exec": 2}

    def trying(phase: str, answer: Any) -> Callable[..., Any]:
        def call(*_: Any) -> Any:
            time.sleep(0.01)
            failures[phase] -= 1
            return answer if failures[phase] < 0 else 1 // 0

        return on(kind, call)

    recorder = Recorder()
    node = Node("n", prep=trying("prep", 1), exec=trying("exec", 2), retry=Retry(3, delay="20ms"), **hooks)
    assert Graph(node).observed(recorder).map([0], executor=kind) == [2]
    (visit,) = recorder.visits()
    second_prep, second_exec, third_exec = visit.retried
    assert visit.attempts == 4
    assert second_prep - visit.begun_s >= 0.029
    assert visit.prepared_s - second_prep >= 0.009
    assert second_exec - visit.prepared_s >= 0.029
    assert third_exec - second_exec >= 0.029
    assert visit.executed_s - third_exec >= 0.009


def test_the_time_of_a_post_that_fails_is_its_own() -> None:
    def fails(*_: Any) -> Any:
        time.sleep(0.02)
        raise ValueError("no")

    recorder = Recorder()
    with pytest.raises(NodeError):
        Graph(Node("n", exec=abs, post=fails)).observed(recorder).run(1)
    (visit,) = recorder.visits()
    assert visit.ended_s - visit.executed_s >= 0.019


def test_tasks_are_workers_with_names_that_are_used_again() -> None:
    recorder = Recorder()

    async def nap(value: int) -> int:
        await asyncio.sleep(0.005)
        return value

    inner = fan_out(Graph(Node("leaf", exec=nap), name="inner"), name="each")
    Graph(inner, name="outer").observed(recorder).map([[1], [2, 3], [4], [5]], workers=2)
    workers = {(run.graph, run.worker) for run, _ in recorder.runs}
    assert workers == {(graph, f"pocket-lab-task_{n}") for graph in ("outer", "inner") for n in (0, 1)}
    recorder.runs.clear()
    Graph(inner, name="outer").observed(recorder).run([1, 2, 3])
    assert {run.worker for run, _ in recorder.runs if run.graph == "inner"} == {f"pocket-lab-task_{n}" for n in range(3)}
