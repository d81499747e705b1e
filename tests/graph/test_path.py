"""Paths are values: joining them makes new ones, and says at once what cannot be joined."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pocket_lab.errors import GraphError
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node
from pocket_lab.graph.path import Path

A, B, C, D = (Node(name) for name in "abcd")


def routes(path: Path) -> list[tuple[str, str, str]]:
    return [(edge.source.name, edge.action, edge.target.name) for edge in path.edges]


def test_an_arrow_is_a_route_on_default() -> None:
    path = A >> B >> C
    assert routes(path) == [("a", "default", "b"), ("b", "default", "c")]
    assert (path.first, path.last) == (A, C)


def test_a_minus_names_the_action_of_the_next_arrow_only() -> None:
    path = A - "retry" >> B >> C
    assert routes(path) == [("a", "retry", "b"), ("b", "default", "c")]
    assert routes(A >> B - "back" >> A) == [("a", "default", "b"), ("b", "back", "a")]


def test_a_path_goes_on_from_its_last_node() -> None:
    assert routes((A >> B) - "x" >> C) == [("a", "default", "b"), ("b", "x", "c")]


def test_joining_leaves_the_parts_as_they_were() -> None:
    left, right = A >> B, C >> D
    before = (left, right)
    joined = left >> right
    assert routes(joined) == [("a", "default", "b"), ("b", "default", "c"), ("c", "default", "d")]
    assert (left, right) == before == (Path(A, B, left.edges), Path(C, D, right.edges))
    assert len(left.edges) == len(right.edges) == 1


def test_paths_of_the_same_routes_are_equal() -> None:
    assert A >> B == A >> B
    assert A - "x" >> B != A >> B
    assert len({A >> B, A >> B, B >> A}) == 2


@given(st.lists(st.sampled_from([A, B, C, D]), min_size=2, max_size=8), st.randoms(use_true_random=False))
def test_any_grouping_of_a_chain_is_the_same_path(nodes: list[Node], chance: Any) -> None:
    parts: list[Any] = list(nodes)
    while len(parts) > 1:
        place = chance.randrange(len(parts) - 1)
        parts[place : place + 2] = [parts[place] >> parts[place + 1]]
    expected = [(one.name, "default", other.name) for one, other in pairwise(nodes)]
    assert routes(parts[0]) == expected


def test_a_graph_in_a_path_stands_as_one_node_of_its_name() -> None:
    inner = Graph(B >> C, name="inner")
    assert routes(A >> inner >> D) == [("a", "default", "inner"), ("inner", "default", "d")]
    assert routes(inner >> D) == [("inner", "default", "d")]


@pytest.mark.parametrize(
    "thing", [3, None, "b", [B], object()], ids=lambda value: "object" if type(value) is object else repr(value)
)
def test_an_arrow_to_what_is_no_node_is_an_error_that_names_the_node_before_it(thing: Any) -> None:
    with pytest.raises(GraphError, match=r'^node "a" routes "default" to .* which is not a node$'):
        A >> thing
    with pytest.raises(GraphError, match=r'^node "b" routes "x" to .* which is not a node$'):
        (A >> B) - "x" >> thing


def test_an_arrow_to_a_plain_function_says_what_is_missing() -> None:
    with pytest.raises(GraphError, match=r'^node "a" routes "default" to .*, decorate the function with @node$'):
        A >> len


@pytest.mark.parametrize("action", ["", None, 3, B], ids=repr)
def test_an_action_that_is_no_text_is_an_error_that_names_the_node(action: Any) -> None:
    with pytest.raises(GraphError, match=r'^node "a": an action is a text, got '):
        A - action


def test_an_action_that_leads_nowhere_is_an_error_that_names_both() -> None:
    with pytest.raises(GraphError, match=r'^node "b": the action "x" leads nowhere, add >> and a node$'):
        Graph(A >> B - "x")
