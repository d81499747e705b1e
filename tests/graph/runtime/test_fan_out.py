"""Many items through one graph: the same results and the same stores on every kind of worker."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections import Counter
from typing import Any

import pytest

from pocket_lab.errors import Cancelled, NodeError, ProcessDied, UsageError
from pocket_lab.executors.outcome import root_cause, user_frames
from pocket_lab.executors.registry import EXECUTORS, open_pool
from pocket_lab.graph.combinators import fan_out
from pocket_lab.graph.context import Context
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node, Retry, Route
from pocket_lab.graph.store import Store

pytestmark = pytest.mark.usefixtures("one_cluster")

CONCURRENT = ("threads", "processes", "asyncio", "cluster")
REMOTE = ("processes", "cluster")


def on(kind: str, made: Node) -> Node:
    """The node itself, or for tasks of an event loop the same one with an async exec."""
    if kind != "asyncio":
        return made

    async def later(value: Any) -> Any:
        await asyncio.sleep(0)
        return made(value)

    return made.with_(exec=later)


def fails_on(*doomed: int) -> Node:
    def check(value: int) -> int:
        if value in doomed:
            raise ValueError(f"no {value}")
        return value

    return Node("check", exec=check)


def counting(kind: str) -> Graph:
    """Counts down in a loop, and writes to its store: sets, deletes, scopes, a time to live."""

    def look(store: Store, value: int) -> int:
        return value + store.get("offset", 0)

    def note(store: Store, value: int, prepared: int, result: int) -> Route:
        store.set("turns", store.get("turns", 0) + 1)
        store.scope("seen").set(str(result), True, ttl="1h")
        store.delete("offset")
        if result % 4 == 3:
            store.delete("seen:*")
        return Route(result, "again" if result > 0 else "default")

    down = on(kind, Node("down", prep=look, exec=lambda value: value - 1, post=note))
    return Graph(down - "again" >> down, down >> on(kind, fails_on(-5)) >> Node("end", exec=lambda value: value * 10))


def stored(kind: str, items: list[int]) -> tuple[list[str], dict[str, Any], dict[str, Any]]:
    """The results, and what the store holds at once and two hours later."""
    now = [0.0]
    store = Store({"item-1:offset": 3, "item-1:turns": 5, "other": 1}, clock=lambda: now[0])
    results = counting(kind).map(items, executor=kind, workers=2, on_error="collect", store=store)
    at_once = dict(store.items())
    now[0] = 7200.0
    return [repr(result) for result in results], at_once, dict(store.items())


@pytest.mark.parametrize("kind", CONCURRENT)
def test_results_and_stores_are_the_same_on_every_kind_of_worker(kind: str) -> None:
    items = list(range(12))
    results, store, later = stored("serial", items)
    assert results == ["-10", *["0"] * 11]
    assert store["item-1:turns"] == 5 + 4
    assert "item-1:offset" not in store
    assert {key for key in store if key.startswith("item-6:")} == {"item-6:turns"} | {f"item-6:seen:{n}" for n in (2, 1, 0)}
    assert set(later) == {"other", *(f"item-{number}:turns" for number in items)}
    assert stored(kind, items) == (results, store, later)


@pytest.mark.parametrize("kind", CONCURRENT)
def test_what_an_item_wrote_before_it_failed_is_the_same_on_every_kind_of_worker(kind: str) -> None:
    items = [2, -4, 3, -4]
    results, store, later = stored("serial", items)
    assert results[3] == "NodeError('node \"check\" failed in exec (item 3): ValueError: no -5')"
    assert store["item-3:turns"] == 1
    assert stored(kind, items) == (results, store, later)


@pytest.mark.parametrize("kind", EXECUTORS)
def test_a_graph_is_taken_as_it_is_at_each_map(kind: str) -> None:
    box = [1]
    graph = Graph(on(kind, Node("plus", exec=lambda value: value + box[0])))
    assert graph.map([0, 10], executor=kind, workers=2) == [1, 11]
    box[0] = 5
    assert graph.map([0, 10], executor=kind, workers=2) == [5, 15]


@pytest.mark.parametrize("kind", EXECUTORS)
def test_the_first_error_in_the_order_of_the_items_is_raised_with_its_index(kind: str) -> None:
    def check(value: int) -> int:
        if value == 2:
            time.sleep(0.1)
        return 1 // (value not in (2, 3))

    with pytest.raises(NodeError, match=r'^node "check" failed in exec \(item 2\): ZeroDivisionError: ') as caught:
        Graph(on(kind, Node("check", exec=check))).map(range(6), executor=kind, workers=2)
    assert (caught.value.node, caught.value.phase, caught.value.item) == ("check", "exec", 2)
    cause = root_cause(caught.value)
    assert isinstance(cause, ZeroDivisionError)
    functions = [function for file, _, function in user_frames(cause) if file == __file__]
    assert functions == (["later", "check"] if kind == "asyncio" else ["check"])


@pytest.mark.parametrize("call", ["map", "imap"])
@pytest.mark.parametrize("kind", EXECUTORS)
def test_a_stop_iteration_is_an_error_of_its_item_and_no_end_of_the_results(kind: str, call: str) -> None:
    """python/cpython 100111: there the results end without a word."""

    def first(values: list[int]) -> int:
        return next(iter(values))

    graph = Graph(on(kind, Node("first", exec=first)))
    with pytest.raises(NodeError, match="StopIteration") as caught:
        list(getattr(graph, call)([[1], [2], [], [4]], executor=kind, workers=2))
    assert caught.value.item == 2
    assert isinstance(root_cause(caught.value), StopIteration)
    results = list(getattr(graph, call)([[1], [], [3]], executor=kind, workers=2, on_error="collect"))
    assert [type(result).__name__ for result in results] == ["int", "NodeError", "int"]


@pytest.mark.parametrize("kind", ["threads", "asyncio"])
def test_every_item_has_its_own_attempts(kind: str) -> None:
    """The-Pocket/PocketFlow 148: there the attempts of one item are counted for the others, which fall back too early."""
    attempts: Counter[int] = Counter()
    together = threading.Barrier(3) if kind == "threads" else None

    def unsteady(value: int) -> int:
        attempts[value] += 1
        if together is not None and attempts[value] == 1:
            together.wait(5)
        if attempts[value] < 3:
            raise ValueError(f"not yet: {value}")
        return value

    node = on(kind, Node("unsteady", exec=unsteady)).with_(retry=Retry(2), fallback=lambda prepared, error: -1)
    assert Graph(node).map(range(3), executor=kind, workers=3) == [0, 1, 2]
    assert attempts == {0: 3, 1: 3, 2: 3}


@pytest.mark.parametrize("kind", EXECUTORS)
def test_collected_errors_stand_in_the_places_of_their_results(kind: str) -> None:
    results = Graph(on(kind, fails_on(1, 4))).map(range(6), executor=kind, workers=2, on_error="collect")
    assert [result for result in results if isinstance(result, int)] == [0, 2, 3, 5]
    assert [(place, result.item) for place, result in enumerate(results) if isinstance(result, NodeError)] == [(1, 1), (4, 4)]


def test_after_an_error_nothing_of_the_map_runs_on_the_callers_pool() -> None:
    running: list[int] = []

    def work(value: int) -> None:
        if value == 0:
            time.sleep(0.05)
            raise ValueError("no")
        running.append(value)
        time.sleep(0.3)
        running.remove(value)

    graph, inside = Graph(Node("work", exec=work)), Graph(fan_out(Node("work", exec=work)))
    with open_pool("threads", 2) as pool:
        with pytest.raises(NodeError) as caught:
            graph.map(iter(range(6)), context=Context(pool))
        assert (running, caught.value.item) == ([], 0)
        with pytest.raises(NodeError) as caught:
            inside.run(range(6), context=Context(pool))
        assert (running, caught.value.item) == ([], 0)


@pytest.mark.parametrize("kind", EXECUTORS)
@pytest.mark.parametrize("items", [[], [1, 2, 3]], ids=["empty", "three"])
def test_any_iterable_of_items_will_do(kind: str, items: list[int]) -> None:
    graph = Graph(on(kind, Node("n", exec=lambda value: value + 1)))
    for iterable in (items, iter(items), tuple(items), dict.fromkeys(items)):
        assert graph.map(iterable, executor=kind, workers=2) == [item + 1 for item in items]


def test_workers_alone_mean_threads_and_nothing_means_the_caller() -> None:
    where = Graph(Node("where", exec=lambda value: (time.sleep(0.01), os.getpid(), threading.current_thread().name)[1:]))
    here = (os.getpid(), threading.current_thread().name)
    assert set(where.map(range(4))) == set(where.map(range(4), workers=1)) == {here}
    threads = set(where.map(range(8), workers=2))
    assert {pid for pid, _ in threads} == {os.getpid()}
    assert all(name.startswith("pocket-lab-worker") for _, name in threads)
    assert os.getpid() not in {pid for pid, _ in where.map(range(4), workers=2, executor="processes")}


@pytest.mark.parametrize("kind", EXECUTORS)
def test_a_result_that_cannot_be_sent_back_is_collected_like_any_error(kind: str) -> None:
    graph = Graph(on(kind, Node("n", exec=lambda value: threading.Lock() if value == 1 else value)))
    results = graph.map(range(3), executor=kind, on_error="collect")
    assert [type(result).__name__ for result in results] == ["int", "NodeError" if kind in REMOTE else "lock", "int"]


@pytest.mark.parametrize("kind", EXECUTORS)
def test_a_fan_out_works_on_the_workers_of_the_run_and_keeps_the_order(kind: str) -> None:
    def slow_first(value: int) -> tuple[int, int]:
        time.sleep(0.05 if value == 0 else 0)
        return value * value, os.getpid()

    graph = Graph(Node("upto", exec=range) >> fan_out(on(kind, Node("square", exec=slow_first))) >> Node("list", exec=list))
    with open_pool(kind, 2) as pool:
        results = graph.run(10, context=Context(pool))
    assert [result for result, _ in results] == [number**2 for number in range(10)]
    assert (os.getpid() in {pid for _, pid in results}) == (kind not in REMOTE)


@pytest.mark.parametrize("kind", EXECUTORS)
def test_fan_outs_inside_fan_outs_run_in_place_and_do_not_wait_for_each_other(kind: str) -> None:
    """On two workers, with eight outer items: were the inner ones given to the same pool, they would wait for ever."""
    inner = fan_out(on(kind, Node("leaf", exec=lambda value: (value, os.getpid(), threading.get_ident()))), name="inner")
    outer = Graph(fan_out(inner, name="outer"))
    with open_pool(kind, 2) as pool:
        results = outer.run([[row * 3 + column for column in range(3)] for row in range(8)], context=Context(pool))
    assert [value for row in results for value, *_ in row] == list(range(24))
    assert [len({(pid, thread) for _, pid, thread in row}) for row in results] == [1] * 8


@pytest.mark.parametrize("kind", EXECUTORS)
def test_each_item_of_a_fan_out_has_a_scope_of_the_runs_store(kind: str) -> None:
    kept = Node("keep", exec=abs, post=lambda store, value, *_: (store.set("value", value), "default"))
    keep = on(kind, kept)
    store = Store({"item-9:value": 9})
    with open_pool(kind, 2) as pool:
        Graph(fan_out(fan_out(keep))).run([[1, 2], [3]], store=store, context=Context(pool))
    expected = {"item-0:item-0:value": 1, "item-0:item-1:value": 2, "item-1:item-0:value": 3, "item-9:value": 9}
    assert dict(store.items()) == expected


@pytest.mark.parametrize("kind", EXECUTORS)
def test_an_error_in_a_fan_out_names_the_inner_node_and_the_item(kind: str) -> None:
    with open_pool(kind, 2) as pool, pytest.raises(NodeError) as caught:
        Graph(Node("upto", exec=range) >> fan_out(Graph(on(kind, fails_on(3))))).run(9, context=Context(pool))
    assert (caught.value.node, caught.value.phase, caught.value.item) == ("check", "exec", 3)
    assert repr(caught.value.__cause__) == "ValueError('no 3')"


def test_a_fan_out_over_what_is_no_list_is_an_error_of_the_fan_out() -> None:
    with pytest.raises(NodeError, match=r'^node "each" failed in exec: TypeError: .*not iterable'):
        Graph(fan_out(fails_on(), name="each")).run(3)


@pytest.mark.parametrize("kind", REMOTE)
def test_a_killed_worker_is_process_died_and_no_error_of_a_node(kind: str) -> None:
    kill = Node("kill", exec=lambda value: os.kill(os.getpid(), 9) if value == 2 else value)
    with open_pool(kind, 2) as pool:
        with pytest.raises(ProcessDied, match=r"was ended by SIGKILL .* while it ran item 2"):
            Graph(kill).map(range(4), context=Context(pool))
        with pytest.raises(ProcessDied):
            Graph(fan_out(kill)).run(range(4), context=Context(pool))
        results = Graph(kill).map(range(4), context=Context(pool), on_error="collect")
        assert [result for result in results if isinstance(result, int)] == [0, 1, 3]
        assert [(type(result), result.item) for result in results if not isinstance(result, int)] == [(ProcessDied, 2)]
        assert Graph(kill).map([0, 1], context=Context(pool)) == [0, 1]


@pytest.mark.parametrize("method", ["map", "imap"])
def test_tasks_of_an_event_loop_are_refused_for_a_graph_without_async_nodes(method: str) -> None:
    graph = Graph(Node("n", exec=abs))
    with pytest.raises(UsageError, match='the executor "asyncio" is for async nodes, and there is none'):
        list(getattr(graph, method)([1], executor="asyncio"))


@pytest.mark.parametrize("workers", [None, 1, 5])
def test_serial_runs_async_items_one_after_the_other(workers: int | None) -> None:
    in_flight, most = 0, 0

    async def count(value: int) -> int:
        nonlocal in_flight, most
        in_flight += 1
        most = max(most, in_flight)
        await asyncio.sleep(0.001)
        in_flight -= 1
        return value

    assert Graph(Node("n", exec=count)).map(range(10), executor="serial", workers=workers) == list(range(10))
    assert most == 1


@pytest.mark.parametrize("kind", EXECUTORS)
@pytest.mark.parametrize("workers", [0, -1])
def test_less_than_one_worker_is_a_usage_error_on_every_kind_and_loses_no_item_in_silence(kind: str, workers: int) -> None:
    graph = Graph(on(kind, Node("n", exec=abs)))
    with pytest.raises(UsageError, match=f"{workers}"):
        graph.map([1, 2], workers=workers, executor=kind)


@pytest.mark.parametrize("kind", EXECUTORS)
def test_a_node_that_cancels_its_context_ends_the_map_on_every_kind_alike(kind: str) -> None:
    def stop(value: int, ctx: Context) -> int:
        if value == 1:
            ctx.cancel()
        return value

    async def later(value: int, ctx: Context) -> int:
        return stop(value, ctx)

    graph = Graph(Node("stop", exec=later if kind == "asyncio" else stop) >> Node("on", exec=abs))
    with pytest.raises(Cancelled):
        graph.map(range(4), executor=kind, on_error="collect")


@pytest.mark.parametrize("kind", EXECUTORS)
def test_a_sync_fan_out_in_a_graph_with_async_nodes_works_on_every_kind(kind: str) -> None:
    with open_pool(kind, 2) as pool:
        graph = Graph(on(kind, Node("a", exec=list)) >> fan_out(Node("square", exec=lambda value: value**2)))
        assert graph.run([1, 2, 3], context=Context(pool)) == [1, 4, 9]


def test_sequential_and_parallel_maps_run_the_same_full_life_cycle() -> None:
    """Comparing a bare exec with the full life cycle is what made the guide's benchmark of the two meaningless."""
    lock, calls = threading.Lock(), []

    def noted(phase: str, answer: Any) -> Any:
        def call(*args: Any) -> Any:
            with lock:
                calls.append(phase)
            return answer(*args)

        return call

    full = Node(
        "full",
        prep=noted("prep", lambda store, value: value),
        exec=noted("exec", lambda prepared: prepared + 1),
        post=noted("post", lambda store, value, prepared, result: (result, "default")),
        on_success=noted("on_success", lambda store, output: None),
        on_complete=noted("on_complete", lambda store: None),
    )
    phases = ("prep", "exec", "post", "on_success", "on_complete")
    for workers in (1, 4):
        calls.clear()
        assert Graph(full).map(range(50), workers=workers) == list(range(1, 51))
        assert Counter(calls) == dict.fromkeys(phases, 50)
        assert calls[:1] == ["prep"]
