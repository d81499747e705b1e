"""The compiled plan against an interpreter so slow and plain that one can read it."""

from __future__ import annotations

import asyncio
import re
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pocket_lab.errors import Cancelled, GraphError, NodeError
from pocket_lab.graph.context import Context
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node, Retry, Route, node
from pocket_lab.graph.observers import Visit
from pocket_lab.graph.store import Store

ACTIONS = ("default", "x", "y")
PHASES = ("prep", "exec", "fallback", "post")
HOOKS = ("on_success", "on_failure", "on_complete", "on_error")
Call = tuple[Any, ...]


@dataclass(frozen=True)
class Design:
    """What a random node does. A phase is absent (None) or fails for multiples of its number (0: for none).

    A failing call of `exec` or `prep` works at the attempt after `heals` others; odd results take the `action`. The
    functions named in `later` are async.
    """

    prep: int | None
    exec: int | None
    fallback: int | None
    post: int | None
    action: str
    retries: int
    heals: int
    hooks: frozenset[str]
    later: frozenset[str]
    routes: dict[str, int]


class World:
    """One run: what was called, in order, and the context that is cancelled at the call of this number."""

    def __init__(self, cancel_at: int | None) -> None:
        self.context = Context()
        self.calls: list[Call] = []
        self.phases = 0
        self.cancel_at = cancel_at

    def visit(self, *call: Any) -> None:
        self.calls.append(call)
        if call[1] in PHASES:
            self.phases += 1
            if self.phases == self.cancel_at:
                self.context.cancel()


def build(name: str, design: Design, world: World) -> Node:
    attempts: Counter[Any] = Counter()

    def visit(phase: str, value: int, multiples: int | None) -> None:
        world.visit(name, phase, value)
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

    def hook(which: str) -> Callable[..., None]:
        return lambda *args: world.visit(
            name, which, *[arg if isinstance(arg, int) else str(arg) for arg in args[-1:]][: which != "on_complete"]
        )

    phases: dict[str, Callable[..., Any]] = {"prep": prep, "exec": exec, "fallback": fallback, "post": post}
    present = {phase: function for phase, function in phases.items() if getattr(design, phase) is not None}
    present |= {which: hook(which) for which in design.hooks}
    fitting = {which: later(function) if which in design.later else function for which, function in present.items()}
    return Node(name, retry=Retry(design.retries), **fitting)  # type: ignore[arg-type]


def later(function: Callable[..., Any]) -> Callable[..., Any]:
    async def call(*args: Any) -> Any:
        await asyncio.sleep(0)
        return function(*args)

    return call


@dataclass
class Told:
    """What came of a run."""

    end: tuple[Any, ...]
    calls: list[Call]
    store: dict[str, Any]
    warned: list[str]
    visits: list[tuple[str, str, int, str]]


class Interpreter:
    """Goes through a graph one plain step after the other."""

    def __init__(self, drawn: list[Design], cancel_at: int | None) -> None:
        self.designs, self.world, self.store = drawn, World(cancel_at), Store()
        plain = [replace(design, later=frozenset()) for design in drawn]
        self.nodes = [build(f"n{place}", design, self.world) for place, design in enumerate(plain)]
        self.visits: list[tuple[str, str, int, str]] = []

    def run(self, value: int, most: int | None, strict: bool) -> Told:
        warned: list[str] = []
        end = self.end(value, most, strict, warned)
        return Told(end, self.world.calls, dict(self.store.items()), warned, self.visits)

    def end(self, value: int, most: int | None, strict: bool, warned: list[str]) -> tuple[Any, ...]:
        place, steps = 0, 0
        try:
            while True:
                self.world.context.check()
                here, routes = self.nodes[place], self.designs[place].routes
                steps += 1
                if most is not None and steps > most:
                    return ("too many steps", here.name)
                value, action = self.visit(here, value)
                if action in routes:
                    place = routes[action]
                    continue
                if routes and strict:
                    return ("no route", here.name)
                if routes and action != "default":
                    warned.append(here.name)
                return ("output", value)
        except Cancelled as error:
            return ("cancelled", str(error))
        except NodeError as error:
            return ("failed", error.node, error.phase, str(error.__cause__))

    def visit(self, here: Node, value: int) -> tuple[int, str]:
        """One node with its hooks."""
        self.phase, self.attempts = "prep", 1
        try:
            output, action = self.phases(here, value)
        except (ValueError, Cancelled) as error:
            self.visits.append((here.name, "", self.attempts, self.phase))
            self.tell(here, ("on_failure", self.store, error), ("on_complete", self.store), ("on_error", error))
            if isinstance(error, Cancelled):
                raise
            raise NodeError(here.name, self.phase, None, "") from error
        self.visits.append((here.name, action, self.attempts, ""))
        self.tell(here, ("on_success", self.store, output), ("on_complete", self.store))
        return output, action

    def tell(self, here: Node, *hooks: tuple[Any, ...]) -> None:
        for name, *args in hooks:
            if (hook := getattr(here, name)) is not None:
                hook(*args)

    def phases(self, here: Node, value: int) -> tuple[int, str]:
        prepared = value if here.prep is None else self.attempt(here, here.prep, self.store, value)
        self.phase, result, action = "exec", prepared, "default"
        if here.exec is not None:
            try:
                result = self.attempt(here, here.exec, prepared)
            except ValueError as error:
                if here.fallback is None:
                    raise
                self.phase = "fallback"
                result = here.fallback(prepared, error)
        if isinstance(result, Route):
            result, action = result.value, result.action
        if here.post is not None:
            self.phase = "post"
            answer = here.post(self.store, value, prepared, result)
            result, action = (answer.value, answer.action) if isinstance(answer, Route) else answer
        return result, action

    def attempt(self, here: Node, function: Callable[..., Any], *args: Any) -> Any:
        for _ in range(here.retry.retries):
            try:
                return function(*args)
            except ValueError:
                self.world.context.check()
                self.attempts += 1
        return function(*args)


class Diary:
    """An observer that keeps the visits of its runs."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def begin(self, run: Any) -> Any:
        return self.events.append

    def visits(self) -> list[tuple[str, str, int, str]]:
        visits = [Visit.of(event) for event in self.events]
        times = [time for v in visits for time in (v.begun_s, v.prepared_s, v.executed_s, v.ended_s)]
        assert times == sorted(times)
        return [(visit.node, visit.action, visit.attempts, visit.failed) for visit in visits]


@dataclass(frozen=True)
class Case:
    """A run to make: bounded, strict, in a context that is cancelled at a call, or without a context."""

    designs: list[Design]
    value: int
    most: int | None
    strict: bool
    with_context: bool
    cancel_at: int | None

    def tell(self, on_loop: bool, observed: bool) -> Told:
        world, store, diary = World(self.cancel_at), Store(), Diary()
        nodes = [build(f"n{place}", design, world) for place, design in enumerate(self.designs)]
        found = reachable(self.designs)
        routes = [(place, *route) for place in sorted(found) for route in self.designs[place].routes.items()]
        edges = [nodes[place] - action >> nodes[target] for place, action, target in routes]
        graph = Graph(nodes[0], *edges, max_steps=self.most, strict=self.strict, observers=[diary] if observed else [])
        context = world.context if self.with_context else None
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                if on_loop:
                    end = ("output", asyncio.run(graph.arun(self.value, store, context)))
                else:
                    end = ("output", graph.run(self.value, store, context))
            except NodeError as error:
                end = ("failed", error.node, error.phase, str(error.__cause__))
            except GraphError as error:
                end = ("too many steps" if "max_steps" in str(error) else "no route", named(error))
            except Cancelled as error:
                end = ("cancelled", str(error))
        return Told(end, world.calls, dict(store.items()), [named(w.message) for w in caught], diary.visits())


def named(message: object) -> str:
    return re.findall(r'node "(\w+)"', str(message))[0]


@st.composite
def designs(draw: st.DrawFn) -> list[Design]:
    """Two to seven nodes, most of them plain and in rows, with routes aside and back."""
    count = draw(st.integers(2, 7))
    fails = st.sampled_from([0, 0, 0, 0, 3, 7])
    asynchronous = draw(st.booleans())
    drawn = []
    for place in range(count):
        is_plain = draw(st.sampled_from([True, True, True, False]))
        phases = dict.fromkeys(PHASES)
        phases |= {"exec": draw(fails)} if is_plain else {phase: draw(fails | st.none()) for phase in phases}
        hooks = frozenset() if is_plain else draw(st.sampled_from([(), (), HOOKS, HOOKS[:1], HOOKS[1:3], HOOKS[3:]]))
        delayed = draw(st.sampled_from([(), ("exec",), PHASES, ("post", "on_failure"), ("prep", "fallback", "on_complete")]))
        retries = 0 if is_plain else draw(st.integers(0, 2))
        follows = draw(st.sampled_from([True, True, True, False]))
        routes = {"default": (place + 1) % count} if follows else {}
        aside = draw(st.dictionaries(st.sampled_from(ACTIONS), st.integers(0, count - 1), min_size=1))
        drawn.append(
            Design(
                **phases,
                action=draw(st.sampled_from([*ACTIONS, "default"])),
                retries=retries,
                heals=draw(st.integers(1, 3)),
                hooks=frozenset(hooks),
                later=frozenset(delayed) if asynchronous else frozenset(),
                routes=aside | routes,
            )
        )
    return drawn


@st.composite
def cases(draw: st.DrawFn) -> Case:
    drawn, value, strict = draw(designs()), draw(st.integers(1, 20)), draw(st.booleans())
    most = draw(st.integers(1, 12) | st.just(60))
    with_context = draw(st.booleans())
    cancel_at = draw(st.none() | st.integers(1, 12)) if with_context else None
    loops = Interpreter(drawn, cancel_at).run(value, 60, strict).end[0] == "too many steps"
    return Case(drawn, value, most if loops or most < 60 else None, strict, with_context, cancel_at)


def reachable(designs: list[Design]) -> set[int]:
    found, waiting = set(), [0]
    while waiting:
        place = waiting.pop()
        if place not in found:
            found.add(place)
            waiting += designs[place].routes.values()
    return found


@settings(max_examples=300)
@given(cases())
def test_a_run_does_what_the_plain_interpreter_does(case: Case) -> None:
    """On an event loop and off it, observed and not, with the same calls in the same order."""
    expected = Interpreter(case.designs, case.cancel_at).run(case.value, case.most, case.strict)
    unobserved = replace(expected, visits=[])
    assert case.tell(on_loop=False, observed=False) == unobserved
    assert case.tell(on_loop=True, observed=False) == unobserved
    assert case.tell(on_loop=False, observed=True) == expected
    assert case.tell(on_loop=True, observed=True) == expected


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


@pytest.mark.parametrize("answer", [None, 3, ("out",), ("out", "x", 3), ["out", "default"]], ids=repr)
def test_a_post_that_returns_no_output_and_action_is_an_error_of_its_node(answer: Any) -> None:
    with pytest.raises(NodeError, match=r'node "n" failed in post: TypeError: post returns \(output, action\) or a Route, got'):
        Graph(Node("n", post=lambda *_: answer)).run(1)


@pytest.mark.parametrize("action", [3, None, b"x", ["x"]], ids=repr)
def test_an_action_that_is_no_text_is_an_error_of_its_node(action: Any) -> None:
    for made in (Node("n", post=lambda *_: ("out", action)), Node("n", exec=lambda value: Route(value, action))):
        with pytest.raises(NodeError) as caught:
            Graph(made >> step("after")).run(1)
        assert str(caught.value) == f'node "n" failed in {caught.value.phase}: TypeError: an action is a text, got {action!r}'
    with pytest.raises(NodeError, match=r'^node "n" failed in post: TypeError: an action is a text, got 3$'):
        Graph(Node("n", post=lambda *_: (1, 3))).run(1)


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
    with pytest.raises(
        NodeError,
        match=r'^node "n" failed in prep: AttributeError: prep only reads the store, so it has no set: write to it in post$',
    ):
        Graph(Node("n", prep=lambda store, value: store.set("k", 1))).run(1)


def test_an_interrupt_in_a_node_is_no_error_of_the_node() -> None:
    def interrupted(value: int) -> int:
        raise KeyboardInterrupt

    for made in (Node("n", exec=interrupted), Node("n", prep=lambda store, value: value, exec=interrupted, retry=Retry(3))):
        with pytest.raises(KeyboardInterrupt):
            Graph(made).run(1)
