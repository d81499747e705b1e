"""Nodes made of nodes: fan-in, concurrent nodes, map and reduce, filter, graphs as nodes; the same on every executor."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from pocket_lab.errors import GraphError, NodeError, UsageError
from pocket_lab.executors.pool import Pool
from pocket_lab.executors.registry import EXECUTORS, open_pool
from pocket_lab.graph.combinators import MapReduce, fan_in, fan_out, for_each, run_concurrent
from pocket_lab.graph.combinators import filter as keep_where
from pocket_lab.graph.context import Context
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node, Retry, Route
from pocket_lab.graph.store import Store


@pytest.fixture(params=EXECUTORS)
def pool(request: pytest.FixtureRequest) -> Iterator[Pool]:
    with open_pool(request.param, 2) as opened:
        yield opened


def on(pool: Pool, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, or for tasks of an event loop an async one that does the same."""
    if pool.name != "asyncio":
        return function

    async def later(*args: Any) -> Any:
        await asyncio.sleep(0)
        return function(*args)

    return later


def keeping(pool: Pool, name: str, function: Callable[[Any], Any]) -> Node:
    """A node that also writes what it got and gave to its store."""

    def keep(store: Store, value: Any, prepared: Any, result: Any) -> tuple[Any, str]:
        store.set("seen", (value, result))
        return result, "default"

    return Node(name, exec=on(pool, function), post=keep)


def test_fan_in_gives_its_input_to_every_source_and_combines_their_results_in_order(pool: Pool) -> None:
    def slowly(value: int) -> int:
        time.sleep(0.02)
        return value + 1

    sources = [
        keeping(pool, "slow", slowly),
        Graph(keeping(pool, "double", lambda value: value * 2)),
        keeping(pool, "same", abs),
    ]
    store = Store()
    graph = Graph(fan_in(lambda results: results, *sources, name="all") >> Node("end", exec=tuple))
    assert graph.run(5, store=store, context=Context(pool)) == (6, 10, 5)
    assert dict(store.items()) == {
        "concurrent-0:seen": (5, 6),
        "concurrent-1:seen": (5, 10),
        "concurrent-2:seen": (5, 5),
    }


def test_fan_in_is_named_after_its_function_and_needs_a_source() -> None:
    def total(results: list[int]) -> int:
        return sum(results)

    assert [fan_in(total, Node("a")).name, fan_in(total, Node("a"), name="mine").name] == ["total", "mine"]
    with pytest.raises(GraphError, match="fan_in needs at least one source"):
        fan_in(total)


def test_one_source_gets_the_input_once() -> None:
    assert Graph(fan_in(list, Node("a", exec=lambda value: value + 1))).run(1) == [2]


def test_an_error_of_a_source_names_its_node_and_its_place(pool: Pool) -> None:
    def fails(value: int) -> int:
        raise ValueError("no")

    graph = Graph(fan_in(sum, Node("good", exec=on(pool, abs)), Node("bad", exec=on(pool, fails)), name="all"))
    with pytest.raises(NodeError, match=r'^node "bad" failed in exec \(item 1\): ValueError: no$'):
        graph.run(1, context=Context(pool))


def test_an_error_in_the_function_that_combines_is_one_of_the_combinator() -> None:
    with pytest.raises(NodeError, match=r'^node "all" failed in post: TypeError: '):
        Graph(fan_in(lambda results: results + 1, Node("a"), name="all")).run(1)


def test_run_concurrent_gives_each_node_its_input_and_keeps_the_order_and_the_scopes(pool: Pool) -> None:
    nodes = [keeping(pool, "plus", lambda value: value + 1), Graph(keeping(pool, "minus", lambda value: value - 1))]
    store = Store()
    assert run_concurrent(nodes, [10, 20], store=store, context=Context(pool)) == [11, 19]
    assert dict(store.items()) == {"concurrent-0:seen": (10, 11), "concurrent-1:seen": (20, 19)}
    assert run_concurrent(nodes, iter([1, 2]), executor=pool.name, workers=2) == [2, 1]


def test_run_concurrent_without_inputs_gives_none_to_each() -> None:
    assert run_concurrent([Node("a", exec=repr), Node("b", exec=lambda value: value)]) == ["None", None]
    assert run_concurrent([]) == []


@pytest.mark.parametrize("inputs", [[], [1], [1, 2, 3]], ids=repr)
def test_run_concurrent_with_another_number_of_inputs_is_a_usage_error(inputs: list[int]) -> None:
    with pytest.raises(UsageError, match=f"run_concurrent got 2 nodes and {len(inputs)} inputs: give each node one"):
        run_concurrent([Node("a"), Node("b")], inputs)


def test_run_concurrent_gives_each_node_a_thread_and_async_ones_a_task() -> None:
    """Each waits for the others, so that it ends only where all run at the same time."""
    barrier, met = threading.Barrier(5), []
    assert run_concurrent([Node(f"n{n}", exec=lambda value: barrier.wait(20) >= 0) for n in range(5)]) == [True] * 5

    async def meet(value: int) -> int:
        met.append(value)
        while len(met) < 5:
            await asyncio.sleep(0.001)
        return value

    assert run_concurrent([Node(f"n{n}", exec=meet) for n in range(5)], range(5)) == list(range(5))


def test_the_first_error_of_run_concurrent_in_the_order_of_its_nodes_is_raised() -> None:
    def fails(value: float) -> None:
        time.sleep(value)
        raise ValueError(f"after {value}")

    with pytest.raises(NodeError, match=r'^node "late" failed in exec \(item 1\): ValueError: after 0.05$'):
        run_concurrent([Node("good"), Node("late", exec=fails), Node("early", exec=fails)], [0, 0.05, 0.0])


def test_map_reduce_extracts_transforms_each_item_and_reduces(pool: Pool) -> None:
    def words(store: Any, text: str) -> list[str]:
        return text.split(store.get("separator"))

    made = MapReduce(words, keeping(pool, "length", len), sum, name="count")
    store = Store({"separator": ","})
    assert Graph(made).run("a,bb,ccc", store=store, context=Context(pool)) == 6
    assert {key: value for key, value in store.items() if key != "separator"} == {
        "item-0:seen": ("a", 1),
        "item-1:seen": ("bb", 2),
        "item-2:seen": ("ccc", 3),
    }


def test_map_reduce_takes_a_function_a_node_or_a_graph_and_a_list_without_extract() -> None:
    square = Node("square", exec=lambda value: value**2)
    for transform in (square, Graph(square), lambda value: value**2):
        assert Graph(MapReduce(None, transform, sum)).run([1, 2, 3]) == 14
    assert Graph(MapReduce(None, partial(pow, 2), max)).run([1, 2, 3]) == 8
    assert Graph(MapReduce(None, abs, list)).run([]) == []
    assert [MapReduce(None, abs, sum).name, MapReduce(None, square, sum).name, MapReduce(None, abs, sum, name="m").name] == [
        "abs",
        "square",
        "m",
    ]


def test_every_function_of_map_reduce_may_be_async() -> None:
    async def extract(store: Any, value: int) -> range:
        return range(value)

    async def transform(value: int) -> int:
        return value * 2

    async def reduce(results: list[int]) -> int:
        return sum(results)

    graph = Graph(MapReduce(extract, transform, reduce))
    assert (graph.run(4), asyncio.run(graph.arun(4))) == (12, 12)
    kept = keep_where(lambda value: value % 2, extract=extract)
    assert Graph(kept).run(5) == [1, 3]


def test_an_async_predicate_keeps_the_items_it_awaits_as_true() -> None:
    async def is_odd(value: int) -> bool:
        return value % 2 == 1

    assert Graph(keep_where(is_odd)).run(range(6)) == [1, 3, 5]


def test_for_each_runs_for_its_effects_and_gives_their_number(pool: Pool) -> None:
    store = Store()
    graph = Graph(for_each(keeping(pool, "keep", lambda value: value * 2), name="each") >> Node("end"))
    assert graph.run((number for number in range(3)), store=store, context=Context(pool)) == 3
    assert dict(store.items()) == {f"item-{n}:seen": (n, n * 2) for n in range(3)}
    assert Graph(for_each(abs, extract=lambda store, value: range(value))).run(7) == 7


@pytest.mark.parametrize(
    "make", [list, tuple, iter, lambda items: (item for item in items)], ids=["list", "tuple", "iter", "gen"]
)
def test_filter_keeps_the_items_whose_predicate_holds_in_their_order(pool: Pool, make: Callable[[Any], Any]) -> None:
    store = Store()
    graph = Graph(keep_where(keeping(pool, "odd", lambda value: value % 2), name="odd_ones"))
    assert graph.run(make(range(6)), store=store, context=Context(pool)) == [1, 3, 5]
    assert dict(store.items()) == {f"item-{n}:seen": (n, n % 2) for n in range(6)}


def test_filter_with_extract_filters_what_that_makes() -> None:
    assert Graph(keep_where(str.isupper, extract=lambda store, text: iter(text))).run("aBcD") == ["B", "D"]


@pytest.mark.parametrize(
    "make", [lambda f: MapReduce(None, f, sum, name="n"), lambda f: for_each(f, name="n"), lambda f: keep_where(f, name="n")]
)
def test_an_item_that_fails_is_an_error_with_its_index_in_every_combinator(make: Callable[[Any], Node]) -> None:
    with pytest.raises(NodeError, match=r'^node "invert" failed in exec \(item 2\): ZeroDivisionError: '):
        Graph(make(Node("invert", exec=lambda value: 1 // value))).run([1, 2, 0, 4])


@pytest.mark.parametrize(
    "combine",
    [fan_out, for_each, keep_where, lambda thing: MapReduce(None, thing, sum)],
    ids=["fan_out", "for_each", "filter", "MapReduce"],
)
def test_what_is_neither_function_nor_node_is_a_graph_error(combine: Callable[[Any], Node]) -> None:
    with pytest.raises(GraphError, match="3"):
        combine(3)


def test_a_combinator_stands_in_loops_and_routes_like_any_node() -> None:
    grow = MapReduce(None, lambda value: value + 1, list, name="grow")
    check = Node("check", exec=lambda items: Route(items, "again" if items[0] < 5 else "default"))
    assert Graph(grow >> check, check - "again" >> grow).run([0, 10]) == [5, 15]


def test_a_combinator_can_be_retried_as_a_whole() -> None:
    calls: list[int] = []

    def unsteady(value: int) -> int:
        calls.append(value)
        return 1 // (len(calls) > 3) + value

    assert Graph(fan_out(Node("n", exec=unsteady), name="each").with_(retry=Retry(3))).run([1, 2]) == [2, 3]
    assert calls == [1, 1, 1, 1, 2]


def counting() -> Graph:
    """Counts its runs in its store, which began with ten of them."""

    def count(store: Store, value: int, prepared: int, result: int) -> tuple[int, str]:
        store.set("runs", store.get("runs", 0) + 1)
        return store.get("runs"), "elsewhere"

    return Graph(Node("count", post=count), store=Store({"runs": 10}), name="inner")


def test_a_graph_as_a_node_with_a_store_of_its_own_starts_each_run_with_its_first_contents(pool: Pool) -> None:
    inner = counting()
    outer, store = Graph(Node("before", exec=on(pool, abs)) >> inner.as_node("named")), Store()
    assert outer.map([1, 2, 3], store=store, executor=pool.name) == [11, 11, 11]
    assert (len(store), inner.store.items()) == (0, [("runs", 10)])


def test_a_graph_as_a_node_on_the_parents_store_works_on_the_scope_of_its_name(pool: Pool) -> None:
    node = counting().as_node("named", store="parent")
    outer, store = Graph(Node("before", exec=on(pool, abs)) >> node), Store({"item-1:named:runs": 4})
    assert outer.map([1, 2, 3], store=store, executor=pool.name) == [1, 5, 1]
    assert dict(store.items()) == {"item-0:named:runs": 1, "item-1:named:runs": 5, "item-2:named:runs": 1}
    assert [Graph(node).run(0, store=store) for _ in range(2)] == [1, 2]
    assert store.get("named:runs") == 2


def test_a_graph_stands_in_two_paths_as_one_node_and_under_two_names_as_two() -> None:
    inner = Graph(Node("plus", exec=lambda value: value + 1), name="inner")
    start, end = Node("start", exec=lambda value: Route(value, "x")), Node("end")
    assert Graph(start - "x" >> inner, inner >> end).run(1) == 2
    assert Graph(inner.as_node("one") >> inner.as_node("two")).run(1) == 3
    assert inner.as_node() is inner.as_node()


def test_a_store_of_another_kind_for_a_graph_as_a_node_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match='store=\'mine\': choose "own" or "parent"'):
        counting().as_node(store="mine")  # type: ignore[arg-type]


def test_combinators_inside_combinators_have_scopes_inside_scopes(pool: Pool) -> None:
    leaf = keeping(pool, "leaf", lambda value: value)
    graph, store = Graph(fan_out(fan_in(sum, leaf, leaf.with_(name="other"), name="both"))), Store()
    assert graph.run([1, 2], store=store, context=Context(pool)) == [2, 4]
    assert dict(store.items()) == {f"item-{i}:concurrent-{c}:seen": (i + 1, i + 1) for i in range(2) for c in range(2)}
