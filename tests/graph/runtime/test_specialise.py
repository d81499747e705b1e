"""The functions cut from the one life cycle: plain where they can be, shared by shape, out of the way of tracebacks."""

from __future__ import annotations

import asyncio
import inspect
import itertools
import traceback
from typing import Any

import pytest

from pocket_lab.errors import NodeError
from pocket_lab.executors.outcome import root_cause, user_frames
from pocket_lab.graph.context import Context
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node, Retry, Route
from pocket_lab.graph.runtime.lifecycle import FLAGS, Left, Step
from pocket_lab.graph.runtime.specialise import Shape
from pocket_lab.graph.runtime.steps import is_short, prepare
from pocket_lab.graph.store import Store

FUNCTIONS = ("prep", "exec_", "fallback", "post", "succeed", "fail", "pause")


def chain_of(*nodes: Node, checked: bool = False) -> Any:
    """The function that runs the nodes, which are of one shape."""
    prepared = [prepare(node, on_loop=False, observers=[]) for node in nodes]
    (shape,) = {shape for _, shape in prepared}
    return (shape.checked() if checked else shape).chain([step for step, _ in prepared], Left)


def plus(name: str, number: int) -> Node:
    return Node(name, exec=lambda value: value + number)


@pytest.mark.parametrize("checked", [False, True])
def test_nodes_that_only_have_an_exec_run_in_one_plain_function(checked: bool) -> None:
    chain = chain_of(plus("a", 1), plus("b", 10), plus("c", 100), checked=checked)
    assert not inspect.iscoroutinefunction(chain)
    assert chain(0, Store(), Context()) == 111
    names = set(chain.__code__.co_names) | set(chain.__code__.co_varnames)
    assert not names & {"prepared", "post", "fallback", "retried", "clock", "sink", "waits_s", "within", "succeed"}
    assert ("check" in names) == checked


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


def test_chains_of_one_shape_share_their_code_and_other_shapes_do_not() -> None:
    def with_ctx(value: int, ctx: Context) -> int:
        return value

    plain, other, asking = chain_of(plus("a", 1)), chain_of(plus("b", 2), plus("c", 3)), chain_of(Node("d", exec=with_ctx))
    posting = chain_of(Node("e", exec=abs, post=lambda s, v, p, r: (r, "default")))
    assert plain.__code__ is other.__code__
    assert len({chain.__code__ for chain in (plain, asking, posting)}) == 3
    assert prepare(plus("a", 1), False, [])[1] == prepare(plus("b", 2), False, [])[1]


@pytest.mark.parametrize(
    ("fields", "short"),
    [
        ({}, True),
        ({"prep": lambda store, value: value}, True),
        ({"post": lambda *_: (1, "default")}, True),
        ({"retry": Retry(1)}, False),
        ({"timeout": 1}, False),
        ({"fallback": lambda *_: 0}, False),
        ({"on_complete": lambda store: None}, False),
    ],
)
def test_nodes_with_retries_timeouts_fallbacks_or_hooks_have_a_chain_each(fields: dict[str, Any], short: bool) -> None:
    assert is_short(prepare(Node("n", exec=abs, **fields), False, [])[1]) == short


@pytest.mark.parametrize("awaited", [(), FUNCTIONS], ids=["plain", "async"])
def test_every_shape_there_can_be_is_valid_code(awaited: tuple[str, ...]) -> None:
    for count in range(len(FLAGS) + 1):
        for flags in map(frozenset, itertools.combinations(sorted(FLAGS), count)):
            if (flags & {"PREP", "EXEC", "POST"} and not flags & {"OBSERVED"}) or flags == FLAGS:
                shape = Shape(flags, frozenset(awaited))
                steps: list[Step] = []
                assert inspect.iscoroutinefunction(shape.chain(steps, Left)) == bool(awaited)


def test_a_chain_leaves_at_the_first_other_action_with_its_place() -> None:
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
    assert "exec_(" in shown
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
@pytest.mark.parametrize("fields", [{}, {"retry": Retry(1)}, {"timeout": "20s"}, {"on_error": lambda error: None}], ids=str)
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
