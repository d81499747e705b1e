"""Graphs as nodes: by which action they leave, against an interpreter of a few lines, and how deep they may be."""

from __future__ import annotations

import asyncio
import copy
import pickle
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pocket_lab.errors import GraphError, NodeError
from pocket_lab.executors.pickling import dumps
from pocket_lab.graph.combinators import MapReduce, fan_in, fan_out
from pocket_lab.graph.context import Context
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node, Retry, Route
from pocket_lab.graph.observers import Visit

ACTIONS = ("default", "x", "y")
FUEL = 60


@dataclass(frozen=True)
class Leaf:
    """Adds its number, and leaves by an action that depends on the sum."""

    name: str
    number: int
    actions: tuple[str, ...]
    is_async: bool

    def visit(self, value: int) -> tuple[int, str]:
        value += self.number
        return value, self.actions[value % len(self.actions)]


@dataclass(frozen=True)
class Plot:
    """A random graph: leaves and graphs, with their routes by position."""

    name: str
    parts: tuple[Leaf | Plot, ...]
    routes: tuple[dict[str, int], ...]
    strict: bool


class NoRouteError(Exception):
    """In a strict graph."""


class NoFuelError(Exception):
    """A loop that may have no end."""


@dataclass
class Model:
    """Follows a plot by the rules, one visit after the other."""

    fuel: int = FUEL
    warned: list[str] = field(default_factory=list)
    visits: list[tuple[str, str]] = field(default_factory=list)

    def run(self, plot: Plot, value: int, exits: frozenset[str] = frozenset()) -> tuple[int, str]:
        place = 0
        while True:
            self.fuel -= 1
            if self.fuel < 0:
                raise NoFuelError
            part, routes = plot.parts[place], plot.routes[place]
            if isinstance(part, Leaf):
                value, action = part.visit(value)
            else:
                beyond = frozenset() if "default" in routes else exits
                value, action = self.run(part, value, beyond.union(routes))
                if action not in routes and "default" in routes:
                    action = "default"
            self.visits.append((part.name, action))
            if action in routes:
                place = routes[action]
                continue
            is_lost = bool(routes) and (action == "default" or action not in exits)
            if is_lost and plot.strict:
                raise NoRouteError(part.name)
            if is_lost and action != "default":
                self.warned.append(part.name)
            return value, action


@st.composite
def plots(draw: st.DrawFn, depth: int = 3, names: Iterator[int] | None = None) -> Plot:
    numbers = count() if names is None else names
    size = draw(st.integers(1, 3))
    parts: list[Leaf | Plot] = []
    for _ in range(size):
        if depth > 1 and draw(st.booleans()):
            parts.append(draw(plots(depth=depth - 1, names=numbers)))
        else:
            actions = draw(st.lists(st.sampled_from(ACTIONS), min_size=1, max_size=3))
            parts.append(Leaf(f"n{next(numbers)}", draw(st.integers(0, 3)), tuple(actions), draw(st.booleans())))
    places = st.integers(0, size - 1)
    routes = tuple(draw(st.dictionaries(st.sampled_from(ACTIONS), places, max_size=3)) for _ in range(size))
    return Plot(f"g{next(numbers)}", tuple(parts), routes, draw(st.sampled_from([False, False, False, True])))


def leaf_node(leaf: Leaf, is_async: bool) -> Node:
    async def awaited(value: int) -> Route[int]:
        return Route(*leaf.visit(value))

    return Node(leaf.name, exec=awaited if is_async and leaf.is_async else lambda value: Route(*leaf.visit(value)))


def reachable(plot: Plot) -> set[int]:
    found, waiting = set[int](), [0]
    while waiting:
        place = waiting.pop()
        if place not in found:
            found.add(place)
            waiting += plot.routes[place].values()
    return found


def graph_of(plot: Plot, is_async: bool) -> Graph:
    nodes = [leaf_node(part, is_async) if isinstance(part, Leaf) else graph_of(part, is_async).as_node() for part in plot.parts]
    found = sorted(reachable(plot))
    edges = [nodes[place] - action >> nodes[to] for place in found for action, to in plot.routes[place].items()]
    return Graph(nodes[0], *edges, name=plot.name, strict=plot.strict)


class Visits:
    """An observer that keeps the nodes and actions of all visits."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def begin(self, run: Any) -> Any:
        return self.events.append

    def seen(self) -> list[tuple[str, str]]:
        return [(visit.node, visit.action) for visit in map(Visit.of, self.events) if not visit.failed]


def outcome(run: Callable[[int], Any], value: int) -> tuple[Any, list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            end = run(value)
        except (GraphError, NodeError) as error:
            cause: BaseException = error
            while cause.__cause__ is not None:
                cause = cause.__cause__
            end = ("no route", named(cause))
    return end, [named(warning.message) for warning in caught]


def named(message: object) -> str:
    return re.findall(r'node "(\w+)" took', str(message))[0]


@settings(max_examples=60)
@given(plots(), st.integers(0, 5))
def test_graphs_in_graphs_do_what_the_model_does(plot: Plot, value: int) -> None:
    """In plain code and on an event loop, observed and not, in a copy from another process, as items of a fan-out."""
    model = Model()
    try:
        end: Any = model.run(plot, value)[0]
    except NoRouteError as error:
        end = ("no route", str(error))
    except NoFuelError:
        assume(False)
    for is_async in (False, True):
        graph, visits = graph_of(plot, is_async), Visits()
        assert outcome(graph.run, value) == (end, model.warned)
        if is_async:
            assert outcome(lambda given, graph=graph: asyncio.run(graph.arun(given)), value) == (end, model.warned)
        assert outcome(lambda given, graph=graph: graph.run(given, context=Context()), value) == (end, model.warned)
        assert outcome(graph.observed(visits).run, value) == (end, model.warned)
        assert visits.seen() == model.visits
        if not is_async:
            assert outcome(pickle.loads(dumps(graph)).run, value) == (end, model.warned)
        assert outcome(lambda given, graph=graph: Graph(fan_out(graph)).run([given])[0], value) == (end, model.warned)


def leaves(plot: Plot, around: tuple[str, ...] = ()) -> list[tuple[str, Leaf]]:
    """Every leaf that can be reached, with its path."""
    found: list[tuple[str, Leaf]] = []
    for place in sorted(reachable(plot)):
        part = plot.parts[place]
        path = (*around, part.name)
        found += [("/".join(path), part)] if isinstance(part, Leaf) else leaves(part, path)
    return found


def with_leaf(plot: Plot, old: Leaf, new: Leaf) -> Plot:
    parts = tuple(new if part is old else part if isinstance(part, Leaf) else with_leaf(part, old, new) for part in plot.parts)
    return replace(plot, parts=parts)


@settings(max_examples=40)
@given(plots(), st.integers(0, 5), st.data())
def test_a_graph_with_a_replaced_node_is_the_graph_made_with_that_node(plot: Plot, value: int, data: st.DataObject) -> None:
    """By its name and by its path, of the same name or another one."""
    path, old = data.draw(st.sampled_from(leaves(plot)))
    new = replace(old, name=data.draw(st.sampled_from([old.name, "new"])), number=old.number + 1, actions=("x", "default"))
    made, expected = with_leaf(plot, old, new), Model()
    try:
        end: Any = expected.run(made, value)[0]
    except NoRouteError as error:
        end = ("no route", str(error))
    except NoFuelError:
        assume(False)
    for name in (old.name, path):
        changed = graph_of(plot, False).replace(name, leaf_node(new, False))
        assert outcome(changed.run, value) == (end, expected.warned)
        assert {label for label, _ in changed.labelled()} == {label for label, _ in graph_of(made, False).labelled()}


def plus(name: str, number: int) -> Node:
    return Node(name, exec=lambda value: value + number)


def leaving(name: str, action: str) -> Node:
    return Node(name, exec=lambda value: Route(value + 1, action))


FIX, NEXT = plus("fix", 10), plus("next", 100)


@pytest.mark.parametrize(
    ("action", "expected"), [("bad", 11), ("other", 101), ("default", 101)], ids=["routed", "not routed", "default"]
)
def test_an_inner_graph_leaves_by_the_action_that_had_no_route_inside_else_by_default(action: str, expected: int) -> None:
    inner = Graph(leaving("judge", action), name="inner")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Graph(inner - "bad" >> FIX, inner >> NEXT).run(0) == expected


def test_an_action_crosses_graphs_that_route_nothing_and_is_used_up_where_default_leads_on() -> None:
    inner = Graph(leaving("judge", "bad"), name="inner")
    between = Graph(inner, name="between")
    assert Graph(between - "bad" >> FIX).run(0) == 11
    assert Graph(Graph(inner >> plus("use", 1), name="between") - "bad" >> FIX).run(0) == 2


def test_an_action_that_leads_on_outside_is_neither_a_warning_nor_an_error_of_a_strict_graph() -> None:
    judge = leaving("judge", "bad")
    inner = Graph(judge - "again" >> judge, name="inner", strict=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Graph(inner - "bad" >> FIX, strict=True).run(0) == 11
    with pytest.raises(NodeError, match='node "judge" took the action "bad", which has no route \\(it has "again"\\)'):
        Graph(inner >> NEXT).run(0)
    with pytest.raises(GraphError, match='node "inner" took the action "bad", which has no route \\(it has "good"\\)'):
        Graph(Graph(judge, name="inner") - "good" >> FIX, strict=True).run(0)
    with pytest.warns(UserWarning, match='node "inner" took the action "bad", which has no route \\(it has "good"\\)'):
        assert Graph(Graph(judge, name="inner") - "good" >> FIX).run(0) == 1


def test_the_post_of_a_graph_as_a_node_chooses_instead() -> None:
    inner = Graph(leaving("judge", "bad"), name="inner").as_node()
    chosen = inner.with_(post=lambda store, value, prepared, result: (result * 2, "good"))
    assert Graph(chosen - "bad" >> FIX, chosen - "good" >> NEXT).run(0) == 102


def test_a_retried_graph_leaves_by_the_action_of_its_last_attempt() -> None:
    calls: list[int] = []

    def judge(value: int) -> Route[int]:
        calls.append(value)
        if len(calls) < 3:
            raise ValueError
        return Route(value, "bad")

    inner = Graph(Node("judge", exec=judge), name="inner").as_node().with_(retry=Retry(2), timeout="9s")
    assert (Graph(inner - "bad" >> FIX).run(0), len(calls)) == (10, 3)


def test_a_route_as_a_value_is_only_unpacked_once() -> None:
    odd = Graph(Node("odd", exec=lambda value: Route(Route(value, "bad"), "default")), name="odd")
    assert Graph(odd - "bad" >> FIX, odd >> Node("end", exec=lambda value: [value])).run(7) == [Route(7, "bad")]


def test_each_use_of_a_graph_has_the_routes_of_its_place() -> None:
    inner = Graph(leaving("judge", "bad"), name="inner")
    one, other = inner.as_node("one"), inner.as_node("other")
    assert Graph(one - "bad" >> other, other >> NEXT).run(0) == 102
    assert Graph(one >> other, other - "bad" >> FIX).run(0) == 12


def test_the_result_of_a_fan_in_or_map_reduce_may_choose_a_route() -> None:
    def choose(results: list[int]) -> Route[int]:
        return Route(sum(results), "bad" if sum(results) > 5 else "default")

    async def later(results: list[int]) -> Route[int]:
        return choose(results)

    for reduce in (choose, later):
        for made in (fan_in(reduce, plus("a", 1), plus("b", 2), name="all"), MapReduce(lambda store, n: [n, n], abs, reduce)):
            graph = Graph(made - "bad" >> FIX, made >> NEXT)
            assert (graph.run(4), graph.run(1)) == ((21, 105) if made.name == "all" else (18, 102))


def test_a_named_route_out_of_a_fan_out_is_taken_if_its_post_chooses_it_else_found_by_validate() -> None:
    each = fan_out(leaving("judge", "bad"), name="each")
    with pytest.raises(GraphError, match=r'^node "each" never leaves by "bad", so its route to "fix" is never taken$'):
        Graph(each - "bad" >> FIX).validate()
    chosen = each.with_(post=lambda store, value, items, results: (sum(results), "bad"))
    assert Graph(chosen - "bad" >> FIX).validate().run([1, 2]) == 15


def test_the_actions_of_the_items_of_a_fan_out_end_their_runs_as_before() -> None:
    judge = leaving("judge", "bad")
    inner = Graph(fan_out(Graph(judge, name="item")), name="inner")
    assert Graph(inner - "bad" >> FIX, inner >> Node("end")).run([1, 2]) == [2, 3]


def nested(depth: int, step: Callable[[Graph], Node | Graph] = lambda graph: graph, leaf: Node | None = None) -> Graph:
    """A graph of so many levels."""
    graph = Graph(leaf or Node("leaf", exec=add_one), name="g1")
    for level in range(2, depth + 1):
        graph = Graph(step(graph), name=f"g{level}")
    return graph


def add_one(value: int) -> int:
    return value + 1


@pytest.mark.parametrize("step", [lambda graph: graph, fan_out, lambda graph: fan_in(list, graph)], ids=["graph", "each", "in"])
def test_graphs_nested_four_hundred_deep_are_refused_in_a_sentence(step: Callable[[Graph], Node | Graph]) -> None:
    with pytest.raises(GraphError, match=r"has graphs inside each other .* deep .* Python's recursion limit of .* allows"):
        nested(400, step)


async def add_one_later(value: int) -> int:
    return value + 1


@pytest.mark.parametrize("leaf", [add_one, add_one_later], ids=["plain", "async"])
@pytest.mark.parametrize(("per_level", "step"), [(1, lambda graph: graph), (2, fan_out)], ids=["graph", "each"])
def test_the_deepest_graph_that_can_be_built_can_do_everything(
    per_level: int, step: Callable[[Graph], Node | Graph], leaf: Callable[[int], Any]
) -> None:
    levels = (sys.getrecursionlimit() // 9 - 1) // per_level + 1
    graph, one, other = nested(levels, step, Node("leaf", exec=leaf)), Visits(), Visits()
    with pytest.raises(GraphError, match="deep"):
        Graph(step(graph))
    given: Any = 1
    end: Any = 2
    if per_level == 2:
        for _ in range(levels - 1):
            given, end = [given], [end]
    assert graph.run(given) == end
    assert asyncio.run(graph.arun(given)) == end
    assert graph.observed(one, other).run(given) == end
    assert graph.map([given], workers=2) == [end]
    assert graph.validate() is graph
    assert f"g{levels}" in graph._repr_html_()
    assert len(list(graph.walk())) == len(list(graph.labelled())) == levels
    assert copy.deepcopy(graph).run(given) == pickle.loads(dumps(graph)).run(given) == end
    assert graph.replace("leaf", Node("leaf", exec=lambda value: value + 2)).run(given) != end


def test_a_higher_recursion_limit_allows_more() -> None:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(5000)
    try:
        assert nested(400).run(1) == 2
    finally:
        sys.setrecursionlimit(before)


def test_a_graph_that_holds_one_graph_twice_at_each_of_twenty_levels_is_compiled_once_for_each() -> None:
    """A million ways lead to the leaf, and one node chooses one of them."""
    graph = Graph(Node("leaf", exec=add_one), name="leaf graph")
    for level in range(20):
        choose = Node(f"choose {level}", exec=lambda value: Route(value, "left"))
        graph = Graph(
            choose - "left" >> graph.as_node(f"left {level}"),
            choose - "right" >> graph.as_node(f"right {level}"),
            name=f"g{level}",
        )
    assert graph.run(1) == 2
    assert graph.validate() is graph
    assert len(list(graph.walk())) == 20 * 3 + 1
