"""Which source lines belong to which node."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from pocket_lab.graph.combinators import fan_out
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node, node
from pocket_lab.profile.node_code import NodeFinder, node_codes


def logged(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any) -> Any:
        return function(*args)

    return wrapper


@node
def outer(value: int) -> list[int]:
    return [
        number * number
        for number in
        range(value)
    ]  # fmt: skip


@node
@logged
def wrapped(value: int) -> int:
    return value


class Callable_:
    def __call__(self, value: int) -> int:
        return value


def test_every_phase_of_every_node_is_found_inside_combinators_too() -> None:
    both = Node("both", exec=lambda value: value, post=lambda store, value, prepared, result: (result, "default"))
    graph = Graph(outer >> fan_out(Graph(wrapped >> both)))
    codes, caveats = node_codes(graph, "graph")
    assert [code.node for code in codes] == ["outer", "wrapped", "both", "both"]
    assert not caveats


def test_a_node_whose_name_is_not_unique_has_its_path() -> None:
    graph = Graph(outer >> Graph(Node("outer", exec=wrapped.exec), name="inner"))
    assert [code.node for code in node_codes(graph, "graph")[0]] == ["outer", "inner/outer"]


def test_the_span_of_a_function_reaches_over_its_inner_code() -> None:
    (code,), _ = node_codes(Graph(outer), "graph")
    assert code.last - code.first >= 5


def test_wrappers_partials_methods_and_callable_objects_lead_to_their_function() -> None:
    def plain(value: int, other: int) -> int:
        return value

    for target, name in ((functools.partial(plain, 1), "plain"), (Callable_(), "__call__"), (Callable_().__call__, "__call__")):
        (code,), _ = node_codes(target, "label")
        assert (code.node, code.function.__name__) == ("label", name)


def test_what_is_not_written_in_python_is_a_caveat() -> None:
    codes, (caveat,) = node_codes(Graph(Node("length", exec=len)), "graph")
    assert not codes
    assert '"length"' in caveat.message


def test_a_stack_names_its_nodes_innermost_first() -> None:
    codes, _ = node_codes(Graph(outer >> wrapped), "graph")
    finder = NodeFinder(codes)
    frames = [("any", "elsewhere.py", 1), ("wrapped", codes[1].file, codes[1].last), ("outer", codes[0].file, codes[0].first)]
    assert finder.nodes(frames) == ["wrapped", "outer"]
    assert finder.nodes([("any", codes[0].file, 1)]) == []
