"""Nodes inside fan-outs and inner graphs, found by name or path: to look at, to replace, and as results call them."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pocket_lab.errors import GraphError, NodeError
from pocket_lab.executors.pickling import dumps
from pocket_lab.graph.combinators import MapReduce, fan_in, fan_out, for_each
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.lookup import NoSuchNode, leads
from pocket_lab.graph.node import Node, Retry, Route
from pocket_lab.graph.observers import Visit
from pocket_lab.graph.store import Store


def plus(name: str, number: int) -> Node:
    return Node(name, exec=lambda value: value + number)


READ, SCORE, TOTAL = plus("read", 1), plus("score", 10), Node("total", exec=sum)
PAGES = Graph(fan_out(Graph(READ >> SCORE), name="each page") >> TOTAL)
HUNDRED = plus("score", 100)


@pytest.mark.parametrize("name", ["score", "each page/score"])
def test_a_node_inside_a_fan_out_is_found_and_replaced_by_name_or_path(name: str) -> None:
    assert PAGES.nodes[name] is SCORE
    assert name in PAGES.nodes
    assert (PAGES.run([1, 2]), PAGES.replace(name, HUNDRED).run([1, 2])) == (25, 205)
    assert PAGES.nodes["score"] is SCORE


def test_the_nodes_of_a_graph_are_counted_at_the_top_only() -> None:
    assert (list(PAGES.nodes), len(PAGES.nodes)) == (["each page", "total"], 2)
    assert PAGES.nodes.get("nothing") is None
    assert "nothing" not in PAGES.nodes
    assert 3 not in PAGES.nodes
    with pytest.raises(KeyError, match=r'^the graph has no node "nothing"; it has each page, read, score, total$'):
        PAGES.nodes["nothing"]


@pytest.mark.parametrize(
    ("around", "expected"),
    [
        (lambda inner: Graph(inner, name="outer"), 101),
        (lambda inner: Graph(Graph(inner, name="between"), name="outer"), 101),
        (lambda inner: Graph(fan_in(sum, inner, inner, name="both")), 202),
        (lambda inner: Graph(Node("list", exec=lambda n: [n]) >> MapReduce(None, inner, sum, name="reduce")), 101),
        (lambda inner: Graph(Node("list", exec=lambda n: [n]) >> for_each(inner, name="effects")), 1),
        (lambda inner: Graph(inner.as_node("one") >> inner.as_node("two")), 201),
        (lambda inner: Graph(inner.as_node("here", store="parent").with_(retry=Retry(1))), 101),
    ],
    ids=["graph", "twice", "fan-in", "MapReduce", "for_each", "two places", "parent"],
)
def test_a_node_is_replaced_wherever_it_is(around: Any, expected: int) -> None:
    graph = around(Graph(SCORE, name="inner"))
    changed = graph.replace("score", HUNDRED)
    assert (changed.run(1), pickle.loads(dumps(changed)).run(1)) == (expected, expected)
    assert graph.replace("score", SCORE).run(1) == graph.run(1)


def test_a_replaced_inner_graph_keeps_its_name_routes_store_and_bound() -> None:
    loop = Node("loop", exec=lambda value: Route(value + 1, "again" if value < 5 else "done"))
    keep = Node("keep", post=lambda store, value, prepared, result: ((store.get("unit"), value), "default"))
    inner = Graph(loop - "again" >> loop, loop - "done" >> keep, store=Store({"unit": "m"}), name="inner", max_steps=9)
    graph = Graph(inner >> Node("end"))
    faster = graph.replace("loop", Node("jump", exec=lambda value: Route(value + 3, "again" if value < 5 else "done")))
    assert (graph.run(0), faster.run(0)) == (("m", 6), ("m", 9))
    assert [node.name for node in faster.walk()] == ["inner", "jump", "keep", "end"]
    endless = graph.replace("loop", Node("stay", exec=lambda value: Route(value, "again")))
    with pytest.raises(GraphError, match='more than max_steps=9 steps, at node "stay"'):
        endless.run(0)


def test_a_path_leads_to_one_place_of_several_and_a_name_to_all_places_of_one_node() -> None:
    inner = Graph(SCORE, name="inner")
    graph = Graph(inner.as_node("one") >> inner.as_node("two"))
    assert graph.run(0) == 20
    assert graph.replace("two/score", HUNDRED).run(0) == 110
    assert graph.replace("score", HUNDRED).run(0) == 200


def test_a_name_of_several_nodes_is_refused_with_their_paths_and_a_path_is_taken() -> None:
    graph = Graph(Graph(plus("score", 1), name="a") >> Graph(plus("score", 2), name="b"))
    with pytest.raises(GraphError, match=r'^2 nodes are named "score": give the path of one, "a/score", "b/score"$'):
        graph.replace("score", HUNDRED)
    with pytest.raises(GraphError, match="2 nodes are named"):
        graph.nodes["score"]
    assert graph.replace("b/score", HUNDRED).run(0) == 101
    assert "score" in graph.nodes


def test_a_node_at_the_top_comes_first_and_those_inside_have_paths() -> None:
    graph = Graph(plus("score", 1) >> Graph(plus("score", 2), name="inner"))
    assert graph.replace("score", HUNDRED).run(0) == 102
    assert graph.replace("inner/score", HUNDRED).run(0) == 101
    each = Graph(fan_out(SCORE))
    assert each.replace("score/score", HUNDRED).run([1]) == [101]
    assert each.replace("score", Node("score", exec=len)).run([1]) == 1


def test_the_sources_of_a_fan_in_are_named_by_their_scopes() -> None:
    graph = Graph(fan_in(tuple, Graph(plus("f", 1) >> SCORE), Graph(plus("f", 2) >> SCORE), name="all"))
    assert graph.run(0) == (11, 12)
    with pytest.raises(GraphError, match='"all/concurrent-0/f", "all/concurrent-1/f"'):
        graph.replace("f", plus("f", 7))
    assert graph.replace("all/concurrent-1/f", plus("f", 7)).run(0) == (11, 17)
    assert graph.replace("all/score", HUNDRED).run(0) == (101, 102)
    assert graph.replace("concurrent-0/score", HUNDRED).run(0) == (101, 12)


def test_replace_refuses_a_name_that_the_inner_graph_has_already() -> None:
    with pytest.raises(GraphError, match='two different nodes are named "read"'):
        PAGES.replace("score", plus("read", 1))
    with pytest.raises(GraphError, match='has no node "pages/score" to replace; it has each page, read, score, total'):
        PAGES.replace("pages/score", HUNDRED)


def test_names_with_slashes_are_names_and_parts_of_paths() -> None:
    graph = Graph(plus("a/b", 1) >> Graph(plus("c/d", 2), name="e/f"))
    assert graph.replace("a/b", plus("x", 5)).run(0) == 7
    assert graph.replace("e/f/c/d", plus("x", 5)).run(0) == graph.replace("c/d", plus("x", 5)).run(0) == 6


@settings(max_examples=200)
@given(st.lists(st.sampled_from(["a", "b", "a/b", "b/a", "c"]), min_size=1, max_size=5), st.data())
def test_a_path_of_some_names_around_and_the_own_one_leads_to_the_node(names: list[str], data: st.DataObject) -> None:
    kept = [name for name in names[:-1] if data.draw(st.booleans())]
    assert leads("/".join([*kept, names[-1]]), tuple(names))
    assert not leads("/".join([*names, "z"]), tuple(names))
    assert not leads("z", tuple(names))


class Recorder:
    """Keeps the names of the visited nodes."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def begin(self, run: Any) -> Any:
        return self.events.append


def visited(graph: Graph, value: Any) -> list[str]:
    recorder = Recorder()
    graph.observed(recorder).run(value)
    return [Visit.of(event).node for event in recorder.events]


def test_results_call_a_node_by_its_name_where_it_is_unique_else_by_its_path() -> None:
    deep = Graph(Graph(plus("score", 2) >> READ, name="b"), name="outer")
    graph = Graph(Graph(plus("score", 1), name="a") >> deep >> fan_in(sum, plus("score", 3), plus("f", 1), name="all"))
    names = ["a/score", "a", "b/score", "read", "b", "outer", "all/concurrent-0/score", "f", "all"]
    assert visited(graph, 0) == names
    assert sorted(label for label, _ in graph.labelled()) == sorted(names)
    for label, node in graph.labelled():
        assert graph.nodes[label] is node


def test_one_node_in_several_places_and_a_fan_out_named_like_the_node_in_it_are_unique() -> None:
    inner = Graph(SCORE, name="inner")
    assert visited(Graph(inner.as_node("one") >> inner.as_node("two")), 0) == ["score", "one", "score", "two"]
    assert visited(Graph(fan_out(SCORE)), [0]) == ["score", "score"]


@pytest.mark.parametrize("executor", ["serial", "threads", "processes"])
def test_errors_name_the_path_of_a_node_whose_name_is_not_unique(executor: str) -> None:
    bad = Node("score", exec=lambda value: 1 // 0)
    graph = Graph(plus("score", 1) >> Graph(bad, name="inner"))
    with pytest.raises(NodeError, match=r'^node "inner/score" failed in exec \(item 0\): ZeroDivisionError') as caught:
        graph.map([1], executor=executor, workers=1)
    assert graph.nodes[caught.value.node] is bad


def test_an_unknown_node_is_a_key_error_and_a_graph_error() -> None:
    assert issubclass(NoSuchNode, KeyError)
    assert issubclass(NoSuchNode, GraphError)
