"""Chains of steps: the quickest loop that a node allows, shared by kind, and absent from tracebacks."""

from __future__ import annotations

import asyncio
import inspect
import itertools
import traceback
from typing import Any

import pytest

from pocket_lab.errors import Cancelled, NodeError
from pocket_lab.executors.outcome import root_cause, user_frames
from pocket_lab.graph.context import Context
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node, Retry, Route
from pocket_lab.graph.observers import Visit
from pocket_lab.graph.runtime.block import Block
from pocket_lab.graph.runtime.steps import prepare
from pocket_lab.graph.store import Store


def chain_of(*nodes: Node, checked: bool = False, on_loop: bool = False) -> Any:
    """The function that runs the nodes, which are of one kind."""
    steps = [prepare(node, on_loop, observers=[]) for node in nodes]
    (kind,) = {step.kind for step in steps}
    return Block(steps, kind, on_loop).chain(checked)


def kind_of(node: Node, observers: Any = ()) -> str:
    return prepare(node, False, observers).kind


def plus(name: str, number: int) -> Node:
    return Node(name, exec=lambda value: value + number)


@pytest.mark.parametrize("checked", [False, True])
def test_nodes_that_only_have_an_exec_run_in_one_plain_function(checked: bool) -> None:
    chain = chain_of(plus("a", 1), plus("b", 10), plus("c", 100), checked=checked)
    assert not inspect.iscoroutinefunction(chain)
    assert chain(0, Store(), Context()) == 111
    names = set(chain.__code__.co_names) | set(chain.__code__.co_varnames)
    assert not names & {"prepared", "post", "fallback", "retried", "clock", "sink", "waits_s", "within", "succeed"}
    context = Context()
    context.cancel()
    if checked:
        with pytest.raises(Cancelled):
            chain(0, Store(), context)
    else:
        assert chain(0, Store(), context) == 111


def test_a_run_without_a_context_of_a_plain_chain_is_that_function_itself() -> None:
    bare = Graph(plus("a", 1) >> plus("b", 10)).plan.bare
    assert bare.__code__ is chain_of(plus("x", 1)).__code__
    assert bare(0, Store(), None) == 11


def test_only_a_chain_with_an_async_function_is_a_coroutine_function() -> None:
    async def later(value: int) -> int:
        await asyncio.sleep(0)
        return value + 1

    chain = chain_of(Node("a", exec=later), Node("b", exec=later))
    assert inspect.iscoroutinefunction(chain)
    assert asyncio.run(chain(0, Store(), None)) == 2
    graph = Graph(plus("a", 1) >> plus("b", 10) >> Node("later", exec=later))
    assert graph.plan.is_async
    assert not inspect.iscoroutinefunction(chain_of(graph.nodes["a"], graph.nodes["b"]))
    assert not inspect.iscoroutinefunction(chain_of(graph.nodes["a"], graph.nodes["b"], on_loop=True))


def test_chains_of_one_kind_share_their_code_and_other_kinds_do_not() -> None:
    def with_ctx(value: int, ctx: Context) -> int:
        return value

    async def later(value: int) -> int:
        return value

    plain, other = chain_of(plus("a", 1)), chain_of(plus("b", 2), plus("c", 3))
    posting = chain_of(Node("e", exec=abs, post=lambda s, v, p, r: (r, "default")))
    general = chain_of(Node("d", exec=with_ctx))
    awaited = chain_of(Node("f", exec=later))
    assert plain.__code__ is other.__code__
    assert len({chain.__code__ for chain in (plain, posting, general, awaited)}) == 4


async def _later(*_: Any) -> Any:
    return 1


@pytest.mark.parametrize(
    ("fields", "kind", "observed"),
    [
        ({}, "plain", "observed"),
        ({"prep": lambda store, value: value}, "phased", "general"),
        ({"post": lambda *_: (1, "default")}, "phased", "general"),
        ({"exec": _later}, "awaited", "general"),
        ({"exec": _later, "prep": lambda store, value: value}, "general", "general"),
        ({"prep": _later}, "general", "general"),
        ({"exec": lambda value, ctx: value}, "general", "general"),
        ({"retry": Retry(1)}, "general", "general"),
        ({"timeout": 1}, "general", "general"),
        ({"fallback": lambda *_: 0}, "general", "general"),
        ({"on_complete": lambda store: None}, "general", "general"),
    ],
)
def test_a_node_runs_in_the_fastest_loop_that_has_all_it_needs(fields: dict[str, Any], kind: str, observed: str) -> None:
    node = Node("n", **({"exec": abs} | fields))
    assert kind_of(node) == kind
    assert kind_of(node, [object()]) == observed


class Recorder:
    """An observer that keeps every visit."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def begin(self, run: Any) -> Any:
        return self.events.append


PARTS: dict[str, Any] = {
    "prep": lambda store, value: value + 1,
    "exec": lambda value: value * 2,
    "fallback": lambda prepared, error: -1,
    "post": lambda store, value, prepared, result: (result + value, "default"),
    "retry": Retry(1),
    "timeout": 60,
    "on_complete": lambda store: None,
}


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("observed", [False, True], ids=["unobserved", "observed"])
def test_every_combination_of_the_parts_of_a_node_runs_and_does_the_same(is_async: bool, observed: bool) -> None:
    def fitting(function: Any) -> Any:
        async def call(*args: Any) -> Any:
            await asyncio.sleep(0)
            return function(*args)

        return call if is_async and callable(function) else function

    for count in range(len(PARTS) + 1):
        for names in itertools.combinations(PARTS, count):
            node, recorder = Node("n", **{name: fitting(PARTS[name]) for name in names}), Recorder()
            graph = Graph(node >> plus("end", 100), observers=[recorder] if observed else [])
            prepared = 5 + ("prep" in names)
            result = prepared * 2 if "exec" in names else prepared
            expected = result + 5 if "post" in names else result
            for context in (None, Context()):
                assert graph.run(5, context=context) == expected + 100, names
                assert asyncio.run(graph.arun(5, context=context)) == expected + 100, names
            visits = [Visit.of(event) for event in recorder.events]
            assert [(visit.node, visit.action, visit.failed) for visit in visits] == [
                ("n", "default", ""),
                ("end", "default", ""),
            ] * (4 if observed else 0)


def test_a_chain_leaves_at_the_first_other_action_with_its_position() -> None:
    def turn(value: int) -> Any:
        return Route(value + 1, "aside") if value == 2 else value + 1

    nodes = [Node(name, exec=turn) for name in "abcde"]
    chain = chain_of(*nodes)
    assert chain(10, Store(), None) == 15
    left = chain(0, Store(), None)
    assert (left.value, left.action, left.position) == (3, "aside", 2)


@pytest.mark.parametrize(
    "fields",
    [{}, {"retry": Retry(1)}, {"post": lambda s, v, p, r: (r, "default")}, {"timeout": "20s", "on_complete": lambda s: None}],
    ids=["plain", "retry", "post", "all"],
)
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_the_traceback_of_a_failing_node_shows_the_users_frames_and_ours_by_their_lines(
    fields: dict[str, Any], is_async: bool
) -> None:
    def inner(value: int) -> int:
        return 1 // value

    def outer(value: int) -> int:
        return inner(value)

    async def later(value: int) -> int:
        return inner(value)

    with pytest.raises(NodeError) as caught:
        Graph(plus("a", 0) >> Node("n", exec=later if is_async else outer, **fields)).run(0)
    cause = root_cause(caught.value)
    assert [name for file, _, name in user_frames(cause) if file == __file__] == ["later" if is_async else "outer", "inner"]
    shown = "".join(traceback.format_exception(caught.value))
    assert "return 1 // value" in shown
    assert ("await result" if is_async and fields else "exec_(") in shown
    assert "The above exception was the direct cause" in shown


def test_a_plain_chain_adds_one_frame_of_its_own_to_the_users_traceback() -> None:
    def fails(value: int) -> int:
        return 1 // value

    with pytest.raises(NodeError) as caught:
        Graph(plus("a", 0) >> plus("b", 0) >> Node("n", exec=fails)).run(0)
    assert caught.value.__cause__ is not None
    names = [frame.name for frame in traceback.extract_tb(caught.value.__cause__.__traceback__)]
    assert names == ["chain", "fails"]


@pytest.mark.parametrize("phase", ["prep", "exec", "fallback", "post"])
@pytest.mark.parametrize(
    "fields",
    [{}, {"retry": Retry(1)}, {"timeout": "20s"}, {"on_error": lambda error: None}],
    ids=["plain", "retry", "timeout", "on_error"],
)
def test_the_phase_of_an_error_is_named_in_every_shape_also_for_an_error_that_was_raised_before(
    phase: str, fields: dict[str, Any]
) -> None:
    try:
        raise ValueError("raised before")
    except ValueError as error:
        known = error

    def fails(*_: Any) -> Any:
        raise known

    phases: dict[str, Any] = {"prep": lambda s, v: v, "exec": abs, "fallback": lambda p, e: p, "post": lambda *_: (1, "x")}
    phases |= {phase: fails} | ({"exec": fails} if phase == "fallback" else {})
    if phase == "exec":
        del phases["fallback"]
    for _ in range(2):
        with pytest.raises(NodeError) as caught:
            Graph(Node("n", **phases, **fields)).run(1)
        assert (caught.value.phase, caught.value.__cause__) == (phase, known)
