"""The compiled plan against an interpreter so slow and plain that one can read it."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pocket_lab.errors import GraphError, NodeError
from pocket_lab.graph.context import Context
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node, Retry, Route, node
from pocket_lab.graph.store import Store

ACTIONS = ("default", "x", "y")
Call = tuple[str, str, int]


@dataclass(frozen=True)
class Design:
    """What a random node does. A phase is absent (None) or fails for multiples of its number (0: for none).

    A failing call of `exec` or `prep` works at the attempt after `heals` others; odd results take the `action`.
    """

    prep: int | None
    exec: int | None
    fallback: int | None
    post: int | None
    action: str
    retries: int
    heals: int
    routes: dict[str, int]


def build(name: str, design: Design, calls: list[Call]) -> Node:
    attempts: Counter[Any] = Counter()

    def visit(phase: str, value: int, multiples: int | None) -> None:
        calls.append((name, phase, value))
        attempts[phase, value] += 1
        if multiples and value % multiples == 0 and attempts[phase, value] % (design.heals + 1):
            raise ValueError(f"{name} {phase} {value}")

    def prep(store: Store, value: int) -> int:
        visit("prep", value, design.prep)
        return value + store.get("visits", 0)

    def exec(value: int) -> Any:
        visit("exec", value, design.exec)
        result = (value * 3 + 1) % 50
        return Route(result, design.action) if result % 2 else result

    def fallback(prepared: int, error: Exception) -> Any:
        visit("fallback", prepared, design.fallback)
        return Route(len(str(error)), design.action) if prepared % 3 else len(str(error))

    def post(store: Store, value: int, prepared: int, result: int) -> Any:
        store.set("visits", store.get("visits", 0) + 1)
        store.set(name, (value, prepared, result))
        visit("post", result, design.post)
        return (result + 1, design.action if result % 2 else "default") if value % 2 else Route(result, design.action)

    phases = {"prep": prep, "exec": exec, "fallback": fallback, "post": post}
    present = {phase: function for phase, function in phases.items() if getattr(design, phase) is not None}
    return Node(name, retry=Retry(design.retries), **present)  # type: ignore[arg-type]


def interpret(nodes: list[Node], designs: list[Design], value: int, most: int | None, strict: bool) -> tuple[Any, ...]:
    """What happened, the store and the warnings, told one step after the other."""
    store, place, steps, warned = Store(), 0, 0, []
    while True:
        here, routes = nodes[place], designs[place].routes
        steps += 1
        if most is not None and steps > most:
            return ("too many steps", here.name), dict(store.items()), warned
        phase = ["prep"]
        try:
            value, action = interpret_node(here, value, store, phase)
        except ValueError as error:
            return ("failed", here.name, phase[0], str(error)), dict(store.items()), warned
        if action in routes:
            place = routes[action]
            continue
        if routes and strict:
            return ("no route", here.name), dict(store.items()), warned
        if routes and action != "default":
            warned = [here.name]
        return ("output", value), dict(store.items()), warned


def interpret_node(here: Node, value: int, store: Store, phase: list[str]) -> tuple[Any, str]:
    prepared = value if here.prep is None else attempt(here, here.prep, store, value)
    phase[0], result, action = "exec", prepared, "default"
    if here.exec is not None:
        try:
            result = attempt(here, here.exec, prepared)
        except ValueError as error:
            if here.fallback is None:
                raise
            phase[0] = "fallback"
            result = here.fallback(prepared, error)
    if isinstance(result, Route):
        result, action = result.value, result.action
    if here.post is not None:
        phase[0] = "post"
        answer = here.post(store, value, prepared, result)
        result, action = (answer.value, answer.action) if isinstance(answer, Route) else answer
    return result, action


def attempt(here: Node, function: Callable[..., Any], *args: Any) -> Any:
    for _ in range(here.retry.retries):
        try:
            return function(*args)
        except ValueError:
            pass
    return function(*args)


def observe(graph: Graph, value: int, context: Context | None) -> tuple[Any, ...]:
    store, told = Store(), None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            told = ("output", graph.run(value, store=store, context=context))
        except NodeError as error:
            told = ("failed", error.node, error.phase, str(error.__cause__))
        except GraphError as error:
            told = ("too many steps" if "max_steps" in str(error) else "no route", named(error))
    return told, dict(store.items()), [named(warning.message) for warning in caught]


def named(message: object) -> str:
    return re.findall(r'node "(\w+)"', str(message))[0]


@st.composite
def designs(draw: st.DrawFn) -> list[Design]:
    """Two to seven nodes, most of them plain and in rows, with routes aside and back."""
    count = draw(st.integers(2, 7))
    fails = st.sampled_from([0, 0, 0, 0, 3, 7])
    drawn = []
    for place in range(count):
        is_plain = draw(st.sampled_from([True, True, True, False]))
        phases = dict.fromkeys(("prep", "exec", "fallback", "post"))
        phases |= {"exec": draw(fails)} if is_plain else {phase: draw(fails | st.none()) for phase in phases}
        retries = 0 if is_plain else draw(st.integers(0, 2))
        follows = draw(st.sampled_from([True, True, True, False]))
        routes = {"default": (place + 1) % count} if follows else {}
        aside = draw(st.dictionaries(st.sampled_from(ACTIONS), st.integers(0, count - 1), min_size=1))
        action, heals = draw(st.sampled_from([*ACTIONS, "default"])), draw(st.integers(1, 3))
        drawn.append(Design(**phases, action=action, retries=retries, heals=heals, routes=aside | routes))
    return drawn


def reachable(designs: list[Design]) -> set[int]:
    found, waiting = set(), [0]
    while waiting:
        place = waiting.pop()
        if place not in found:
            found.add(place)
            waiting += designs[place].routes.values()
    return found


@settings(max_examples=400, deadline=None)
@given(designs(), st.integers(1, 20), st.integers(1, 12) | st.just(60), st.booleans(), st.booleans())
def test_a_run_does_what_the_plain_interpreter_does(
    drawn: list[Design], value: int, most: int, strict: bool, with_context: bool
) -> None:
    calls: list[Call] = []
    nodes = [build(f"n{place}", design, calls) for place, design in enumerate(drawn)]
    found = reachable(drawn)
    routes = [(place, *route) for place in sorted(found) for route in drawn[place].routes.items()]
    edges = [nodes[place] - action >> nodes[target] for place, action, target in routes]
    loops = interpret([build(f"n{place}", design, []) for place, design in enumerate(drawn)], drawn, value, 60, strict)
    bound = None if most == 60 and loops[0][0] != "too many steps" else most
    observed = observe(Graph(nodes[0], *edges, max_steps=bound, strict=strict), value, Context() if with_context else None)

    expected_calls: list[Call] = []
    nodes = [build(f"n{place}", design, expected_calls) for place, design in enumerate(drawn)]
    assert observed == interpret(nodes, drawn, value, bound, strict)
    assert calls == expected_calls


def step(name: str, action: str = "default") -> Node:
    return node(lambda value: Route(value + 1, action)).with_(name=name)


def test_only_the_nodes_that_a_run_goes_through_count_as_steps() -> None:
    start = step("start", "aside")
    graph = Graph(start >> step("b") >> step("c"), start - "aside" >> step("d"), max_steps=2)
    assert graph.run(0) == 2


def test_the_step_bound_names_the_node_that_would_be_one_too_many_after_the_others_ran() -> None:
    ran: list[str] = []
    nodes = [Node(name, exec=lambda value, name=name: ran.append(name)) for name in "abc"]
    with pytest.raises(GraphError, match=r'more than max_steps=2 steps, at node "c"'):
        Graph(nodes[0] >> nodes[1] >> nodes[2], max_steps=2).run(0)
    assert ran == ["a", "b"]


def test_a_loop_runs_until_its_action_changes() -> None:
    count = Node("count", exec=lambda value: Route(value + 1, "again" if value < 999 else "default"))
    assert Graph(count - "again" >> count, count >> step("end")).run(0) == 1001


def test_a_long_chain_of_plain_nodes_names_the_one_that_failed() -> None:
    def count(value: int) -> int:
        return 1 // (150 - value) * 0 + value + 1

    nodes = [Node(f"n{number}", exec=count) for number in range(200)]
    path: Any = nodes[0]
    for following in nodes[1:]:
        path = path >> following
    with pytest.raises(NodeError) as caught:
        Graph(path).run(0)
    assert (caught.value.node, caught.value.phase, caught.value.item) == ("n150", "exec", None)


@pytest.mark.parametrize("answer", [None, 3, ("out",), ("out", 3), ["out", "default"]], ids=repr)
def test_a_post_that_returns_no_output_and_action_is_an_error_of_its_node(answer: Any) -> None:
    with pytest.raises(NodeError, match=r'node "n" failed in post: TypeError: post returns \(output, action\) or a Route, got'):
        Graph(Node("n", post=lambda *_: answer)).run(1)


@pytest.mark.parametrize("fields", [{}, {"prep": lambda store, value: value}], ids=["plain", "full"])
def test_an_error_that_cannot_be_printed_still_names_its_node(fields: dict[str, Any]) -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            return self.args[0]

    def fails(value: int) -> int:
        raise Mute(value)

    with pytest.raises(NodeError, match=r'^node "n" failed in exec: Mute') as caught:
        Graph(Node("n", exec=fails, **fields)).run(1)
    assert isinstance(caught.value.__cause__, Mute)


def test_prep_cannot_write_to_the_store() -> None:
    with pytest.raises(NodeError, match=r'node "n" failed in prep: AttributeError: .* has no attribute .set.'):
        Graph(Node("n", prep=lambda store, value: store.set("k", 1))).run(1)


def test_an_interrupt_in_a_node_is_no_error_of_the_node() -> None:
    def interrupted(value: int) -> int:
        raise KeyboardInterrupt

    for made in (Node("n", exec=interrupted), Node("n", prep=lambda store, value: value, exec=interrupted, retry=Retry(3))):
        with pytest.raises(KeyboardInterrupt):
            Graph(made).run(1)
