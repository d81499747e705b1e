"""Graphs: what the constructor refuses, that graphs share nodes and nothing else, and graphs as nodes."""

from __future__ import annotations

import asyncio
import pickle
import warnings
from typing import Any

import cloudpickle
import pytest

from pocket_lab.errors import GraphError, NodeError, UsageError
from pocket_lab.graph.combinators import fan_out, run_concurrent
from pocket_lab.graph.context import Context
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node, Route, node
from pocket_lab.graph.store import ReadOnlyStore, Store


def plus(name: str, number: int) -> Node:
    return Node(name, exec=lambda value: value + number)


A, B, C = plus("a", 1), plus("b", 10), plus("c", 100)


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        ([A >> plus("a", 2)], 'two different nodes are named "a"; give one of them another name'),
        (
            [A >> B, A >> C],
            'node "a" routes "default" to both "b" and "c": a run takes one route, and one input goes to several nodes by '
            "fan_in(combine, b, c) or run_concurrent",
        ),
        ([A - "x" >> B, B >> A, A - "x" >> C], 'node "a" routes "x" to both "b" and "c"'),
        ([A >> B, C], 'node "c" cannot be reached from the first node "a"'),
        ([A, B >> C], 'node "b" cannot be reached from the first node "a"'),
        ([A >> B - "x"], 'node "b": the action "x" leads nowhere'),
        ([A, 3], "a graph is made of nodes and paths, not of 3, which is not a node"),
        ([abs], "not of <built-in function abs>, which is not a node, decorate the function with @node"),
        ([], "a graph needs at least one node"),
    ],
)
def test_a_graph_that_cannot_be_is_refused_with_the_names_of_its_nodes(paths: list[Any], message: str) -> None:
    with pytest.raises(GraphError) as caught:
        Graph(*paths)
    assert message in str(caught.value)


def test_a_graph_can_be_made_of_a_list_of_edges() -> None:
    graph = Graph.from_edges([(A, B), (A, "x", C), (C, B)], name="made", strict=True)
    assert repr(graph) == 'Graph(a >> b, a - "x" >> c, c >> b)'
    assert (graph.first, graph.name, graph.strict, graph.run(0)) == (A, "made", True, 11)
    inner = Graph(B >> C, name="inner")
    assert Graph.from_edges(edge for edge in [(A, inner)]).run(0) == 111


@pytest.mark.parametrize(
    ("edges", "message"),
    [
        ([(A,)], "an edge is (source, target) or (source, action, target), got (Node('a'),)"),
        (
            [(A, "x", B, C)],
            "an edge is (source, target) or (source, action, target), got (Node('a'), 'x', Node('b'), Node('c'))",
        ),
        ([[A, B]], "an edge is (source, target) or (source, action, target), got [Node('a'), Node('b')]"),
        ([A >> B], "an edge is (source, target) or (source, action, target), got Path("),
        ([("a", "b")], "an edge leads from a node, not from 'a', which is not a node"),
        (
            [(A, abs)],
            'node "a" routes "default" to <built-in function abs>, which is not a node, decorate the function with @node',
        ),
        ([(A, 3, B)], 'node "a": an action is a text, got 3'),
        ([(A, "", B)], "node \"a\": an action is a text, got ''"),
        ([(A, "x", 3)], 'node "a" routes "x" to 3, which is not a node'),
        ([(A, B), (A, C)], 'node "a" routes "default" to both "b" and "c"'),
        ([(A, B), (C, A)], 'node "c" cannot be reached from the first node "a"'),
        ([], "a graph needs at least one node"),
    ],
)
def test_an_edge_that_is_none_is_refused(edges: list[Any], message: str) -> None:
    with pytest.raises(GraphError) as caught:
        Graph.from_edges(edges)
    assert str(caught.value).startswith(message)


def test_a_graph_does_not_change() -> None:
    graph = Graph(A >> B)
    with pytest.raises(GraphError, match=r"a graph does not change: build a new one, or use replace \(setting 'store'\)"):
        graph.store = Store()
    with pytest.raises(TypeError):
        graph.nodes["a"] = B  # type: ignore[index]


@pytest.mark.parametrize("max_steps", [0, -1])
def test_a_bound_of_less_than_one_step_is_refused(max_steps: int) -> None:
    with pytest.raises(GraphError, match=f"max_steps={max_steps}: a run takes at least one step"):
        Graph(A, max_steps=max_steps)


def test_paths_are_merged_and_the_first_node_of_the_first_path_starts() -> None:
    graph = Graph(A >> B, B >> C, A >> B, A - "skip" >> C)
    assert list(graph.nodes) == ["a", "b", "c"]
    assert len(graph.edges) == 3
    assert graph.run(0) == 111
    assert repr(graph) == 'Graph(a >> b, b >> c, a - "skip" >> c)'


def test_the_name_is_that_of_the_ends_or_the_given_one() -> None:
    assert [Graph(A).name, Graph(A >> B >> C).name, Graph(A >> B, name="mine").name] == ["a", "a_to_c", "mine"]


def test_graphs_that_share_nodes_do_not_touch_each_other() -> None:
    def count(store: Store, value: int, prepared: int, result: int) -> tuple[int, str]:
        store.set("runs", store.get("runs", 0) + 1)
        return result, "default"

    start = A.with_(name="start", post=count)
    chain, direct, alone = Graph(start >> B >> C), Graph(start >> C, C - "back" >> start), Graph(start)
    assert [graph.run(0) for graph in (chain, direct, alone, chain)] == [111, 101, 1, 111]
    assert [graph.store.get("runs") for graph in (chain, direct, alone)] == [2, 1, 1]
    assert [repr(graph) for graph in (chain, alone)] == ["Graph(start >> b, b >> c)", "Graph(start)"]


def test_a_run_works_on_the_store_it_is_given_and_else_on_the_graphs() -> None:
    keep = Node("keep", post=lambda store, value, prepared, result: (store.set("last", value), "default"))
    graph, other = Graph(keep), Store()
    graph.run(1)
    graph.run(2, store=other)
    assert (graph.store.get("last"), other.get("last")) == (1, 2)


@pytest.mark.parametrize("several", [[B, C], (B, C), {B}], ids=["list", "tuple", "set"])
def test_a_route_to_several_nodes_points_to_what_gives_them_one_input(several: Any) -> None:
    for refused in (lambda: A >> several, lambda: A - "x" >> several, lambda: Graph.from_edges([(A, several)])):
        with pytest.raises(
            GraphError, match=r"\(one input goes to several nodes by fan_in\(combine, ...\) or run_concurrent\)"
        ):
            refused()


def unit(store: Any, value: Any) -> Any:
    return store.get("unit"), value


def note(store: Store, value: Any, prepared: Any, result: Any) -> tuple[Any, str]:
    store.get("seen", []).append(value)
    store.set("count", store.get("count", 0) + 1)
    return (*result, store.get("count"), store.get("seen")), "default"


NOTE = Node("note", prep=unit, post=note)


def test_a_run_can_be_given_the_first_contents_of_its_store() -> None:
    graph, given = Graph(NOTE, store=Store({"count": 5})), {"unit": "m", "seen": [0]}
    assert graph.run(1, store=given) == graph.run(1, given, Context()) == ("m", 1, 6, [0, 1])
    assert asyncio.run(graph.arun(2, store=given)) == ("m", 2, 6, [0, 2])
    assert given == {"unit": "m", "seen": [0]}
    assert graph.store.snapshot() == {"count": 5}
    assert Graph(NOTE, store=Store(max_entries=1)).run(1, store={"unit": "m", "seen": [0]})[0] is None  # the bound holds


@pytest.mark.parametrize("executor", [None, "serial", "threads", "processes"])
def test_each_item_of_a_map_begins_with_the_first_contents(executor: str | None) -> None:
    graph, given = Graph(NOTE), {"unit": "m", "seen": [0]}
    expected = [("m", item, 1, [0, item]) for item in range(3)]
    assert graph.map(range(3), store=given, executor=executor, workers=1 if executor == "serial" else 2) == expected
    assert given == {"unit": "m", "seen": [0]}
    assert len(graph.store) == 0


def test_each_item_of_imap_and_amap_and_each_concurrent_node_begins_with_them_too() -> None:
    graph, given = Graph(NOTE), {"unit": "m", "seen": [0]}
    expected = [("m", item, 1, [0, item]) for item in range(3)]
    assert list(graph.imap(range(3), store=given)) == expected
    assert list(graph.imap(range(3), store=given, context=Context())) == expected
    assert asyncio.run(graph.amap(range(3), store=given)) == expected

    async def later(value: Any) -> Any:
        return value

    waiting = Graph(Node("later", exec=later) >> NOTE)
    assert asyncio.run(waiting.amap(range(3), store=given)) == waiting.map(range(3), store=given) == expected
    assert run_concurrent([NOTE, graph], [0, 1], store=given) == expected[:2]


def test_first_contents_reach_scopes_by_their_keys() -> None:
    each = Graph(fan_out(NOTE), name="each")
    assert each.run([7], store={"item-0:unit": "m"}) == [("m", 7, 1, None)]
    inner = Graph(NOTE, name="inner").as_node(store="parent")
    assert Graph(inner).run(7, store={"inner:unit": "m"})[0] == "m"


@pytest.mark.parametrize("store", [3, "fresh", [("unit", "m")], ReadOnlyStore(Store())], ids=lambda store: type(store).__name__)
def test_what_is_neither_a_store_nor_a_dictionary_is_refused(store: Any) -> None:
    for run in (Graph(NOTE).run, lambda value, store: Graph(NOTE).map([value], store=store, workers=1)):
        with pytest.raises(UsageError, match="give a Store, or a dictionary with the first contents of a run's own store"):
            run(1, store=store)


def test_a_graph_on_another_store_is_a_new_graph() -> None:
    graph = Graph(NOTE, store=Store({"count": 5}, max_entries=4), name="g", max_steps=3, strict=True)
    other, store = graph.with_store({"unit": "m"}), Store({"unit": "s"})
    assert [other.run(1)[:3], other.run(1)[:3], other.run(1, other.store.fresh())[:3]] == [
        ("m", 1, 6),
        ("m", 1, 7),
        ("m", 1, 6),
    ]
    assert (other.name, other.max_steps, other.strict, other.store.limits) == ("g", 3, True, graph.store.limits)
    assert graph.with_store(store).store is store
    assert graph.run(1)[:2] == (None, 1)


def test_replace_gives_a_new_graph_on_a_fresh_store_and_leaves_the_old_one() -> None:
    old = Graph(A >> B >> C, B - "x" >> A, store=Store({"seed": 1}, max_entries=5), name="g", max_steps=7, strict=True)
    old.store.set("seed", 2)
    new = old.replace("b", plus("b2", 20))
    assert (old.run(0), new.run(0)) == (111, 121)
    assert (list(old.nodes), list(new.nodes)) == (["a", "b", "c"], ["a", "b2", "c"])
    assert repr(new) == 'Graph(a >> b2, b2 >> c, b2 - "x" >> a)'
    assert (new.name, new.max_steps, new.strict) == ("g", 7, True)
    assert (old.store.get("seed"), new.store.get("seed")) == (2, 1)


def test_replace_takes_the_first_node_and_a_loop_along() -> None:
    loop = Graph(A - "again" >> A, max_steps=9)
    replaced = loop.replace("a", Node("n", exec=lambda value: Route(value + 1, "again" if value < 5 else "default")))
    assert replaced.run(0) == 6
    assert Graph(A).replace("a", B).run(0) == 10


def test_replace_refuses_a_name_the_graph_does_not_have_or_has_already() -> None:
    with pytest.raises(GraphError, match='the graph has no node "z" to replace; it has a, b'):
        Graph(A >> B).replace("z", C)
    with pytest.raises(GraphError, match='two different nodes are named "b"'):
        Graph(A >> B).replace("a", plus("b", 1))


def test_replace_refuses_what_is_no_node() -> None:
    with pytest.raises(GraphError, match="<built-in function abs>"):
        Graph(A >> B).replace("a", abs)  # type: ignore[arg-type]


def test_a_graph_as_a_node_runs_on_a_fresh_store_and_leaves_by_default() -> None:
    def note(store: Store, value: int, prepared: int, result: int) -> Route:
        store.set("notes", store.get("notes", 0) + 1)
        return Route(store.get("notes"), "elsewhere")

    inner = Graph(Node("note", post=note), name="inner")
    outer = Graph(A >> inner >> B)
    assert [outer.run(0), outer.run(0)] == [11, 11]
    assert len(inner.store) == len(outer.store) == 0
    assert inner.as_node("other").name == "other"


def test_an_error_in_an_inner_graph_names_the_inner_node() -> None:
    bad = Node("bad", exec=lambda value: 1 // 0)
    with pytest.raises(NodeError, match=r'^node "bad" failed in exec: ZeroDivisionError: ') as caught:
        Graph(A >> Graph(B >> bad, name="inner")).run(0)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_walk_gives_the_nodes_inside_after_the_one_around_them() -> None:
    graph = Graph(A >> Graph(B >> fan_out(C, name="each"), name="inner"))
    assert [inside.name for inside in graph.walk()] == ["a", "inner", "b", "each", "c"]
    assert [node.fans_out for node in graph.nodes.values()] == [False, True]


@pytest.mark.parametrize("wrap", [lambda n: n, lambda n: n.with_(prep=lambda store, value: value)], ids=["plain", "full"])
def test_an_action_without_a_route_ends_the_run_with_a_warning_and_in_a_strict_graph_with_an_error(wrap: Any) -> None:
    lost = wrap(node(lambda value: Route(value + 1, "lost")).with_(name="start"))
    message = 'node "start" took the action "lost", which has no route'
    with pytest.warns(UserWarning, match=message) as told:
        assert Graph(lost >> B).run(0) == 1
    assert told[0].filename == __file__
    with pytest.raises(GraphError, match=message):
        Graph(lost >> B, strict=True).run(0)


def test_the_default_without_a_route_ends_the_run_and_is_an_error_only_in_a_strict_graph() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Graph(A - "x" >> B).run(0) == 1
        assert Graph(A >> B, strict=True).run(0) == 11
    with pytest.raises(GraphError, match='node "a" took the action "default", which has no route \\(it has "x"\\)'):
        Graph(A - "x" >> B, strict=True).run(0)


def test_a_graph_crosses_with_its_routes_its_store_and_without_what_was_compiled() -> None:
    graph = Graph(A >> B, store=Store({"k": 1}), name="g", max_steps=5)
    assert graph.run(0) == 11
    arrived = pickle.loads(cloudpickle.dumps(graph))
    assert "plan" not in vars(arrived)
    assert (arrived.run(0), arrived.name, arrived.max_steps, arrived.store.get("k")) == (11, "g", 5, 1)
    arrived.store.set("k", 2)
    assert graph.store.get("k") == 1


def test_an_unknown_way_to_treat_errors_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match='on_error=\'skip\': choose "raise" or "collect"'):
        Graph(A).map([1], on_error="skip")  # type: ignore[arg-type]
