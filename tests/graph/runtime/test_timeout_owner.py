"""A timeout is the error of the node whose timeout it is, with its length, wherever it is noticed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from pocket_lab.errors import DeadlineExceeded, NodeError
from pocket_lab.executors.registry import open_pool
from pocket_lab.graph.combinators import fan_in, fan_out, run_concurrent
from pocket_lab.graph.context import Context
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node, Retry

OUTER = r'^node "outer" failed in exec: it passed its timeout of 50\.0 ms$'
INNER = "60s"
Function = Callable[..., Any]


def block(value: Any) -> Any:
    time.sleep(0.06)
    return value


async def block_the_loop(value: Any) -> Any:
    return block(value)


async def later(value: Any) -> Any:
    return value


def check(value: Any, ctx: Context) -> Any:
    ctx.check()
    return value


def fails(*_: Any) -> Any:
    raise ValueError("no")


def default(store: Any, value: Any, prepared: Any, result: Any) -> tuple[Any, str]:
    return result, "default"


INNER_NODES: dict[str, dict[str, Any]] = {
    "exec": {"exec": abs},
    "prep": {"prep": lambda store, value: value, "exec": abs},
    "post": {"post": default},
    "retry": {"exec": abs, "retry": Retry(3)},
    "fallback": {"exec": abs, "fallback": lambda prepared, error: "rescued"},
    "hooks": {"exec": abs, "on_failure": lambda store, error: None},
    "context": {"exec": check},
    "async": {"exec": later},
    "async retry": {"exec": later, "retry": Retry(3), "fallback": lambda prepared, error: "rescued"},
}


@pytest.mark.parametrize("first", [block, block_the_loop], ids=["sync", "async"])
@pytest.mark.parametrize("timeout", [None, INNER])
@pytest.mark.parametrize("fields", INNER_NODES.values(), ids=INNER_NODES)
def test_before_an_inner_node(fields: dict[str, Any], timeout: str | None, first: Function) -> None:
    inner = Node("inner", timeout=timeout, **fields)
    outer = Graph(Node("first", exec=first) >> inner, name="outer").as_node().with_(timeout="50ms")
    with pytest.raises(NodeError, match=OUTER) as caught:
        Graph(outer).run(1)
    assert isinstance(caught.value.__cause__, DeadlineExceeded)
    with pytest.raises(NodeError, match=OUTER):
        asyncio.run(Graph(outer).arun(1))
    with pytest.raises(NodeError, match=OUTER):
        Graph(Graph(outer, name="around")).run(1)


@pytest.mark.parametrize("phase", ["prep", "exec", "fallback", "post", "post after a fallback"])
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_in_and_after_each_phase_of_an_inner_node(phase: str, is_async: bool) -> None:
    def late(*args: Any, ctx: Context) -> Any:
        time.sleep(0.06)
        ctx.check()
        return "late", "default"

    async def late_on_loop(*args: Any, ctx: Context) -> Any:
        return late(*args, ctx=ctx)

    slow = late_on_loop if is_async else late
    fields: dict[str, Any] = {phase.split()[0]: slow}
    if "fallback" in phase:
        fields = {"exec": fails, "fallback": lambda prepared, error: prepared} | fields
    inner = Node("inner", timeout=INNER, **fields)
    with pytest.raises(NodeError, match=OUTER):
        Graph(Graph(inner, name="outer").as_node().with_(timeout="50ms")).run(1)


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_between_the_attempts_of_an_inner_node(is_async: bool) -> None:
    """The second attempt notices that the time is over; the first one fails in time."""
    attempts: list[int] = []

    def second_is_late(value: int, ctx: Context) -> int:
        attempts.append(value)
        if len(attempts) == 1:
            raise ValueError("no")
        time.sleep(0.6)
        ctx.check()
        return value

    async def on_loop(value: int, ctx: Context) -> int:
        return second_is_late(value, ctx)

    inner = Node("inner", exec=on_loop if is_async else second_is_late, retry=Retry(5, delay="1ms"), timeout=INNER)
    with pytest.raises(NodeError, match=r'^node "outer" failed in exec: it passed its timeout of 500 ms$'):
        Graph(Graph(inner, name="outer").as_node().with_(timeout="500ms")).run(1)
    assert len(attempts) == 2


@pytest.mark.parametrize("kind", ["serial", "threads", "processes"])
def test_in_a_fan_out(kind: str) -> None:
    item = Node("first", exec=block) >> Node("inner", exec=abs, timeout=INNER)
    outer = fan_out(Graph(item), name="outer").with_(timeout="50ms")
    with open_pool(kind, 2) as pool:
        pool.start()
        with pytest.raises(NodeError, match=OUTER):
            Graph(outer).run([1, 2, 3], context=Context(pool))


@pytest.mark.parametrize("first", [block, block_the_loop], ids=["sync", "async"])
def test_in_the_sources_of_a_fan_in_and_in_concurrent_nodes(first: Function) -> None:
    source = Graph(Node("first", exec=first) >> Node("inner", exec=abs, timeout=INNER))
    outer = fan_in(sum, source, Node("quick", exec=abs), name="outer").with_(timeout="50ms")
    with pytest.raises(NodeError, match=OUTER):
        Graph(outer).run(1)
    with pytest.raises(NodeError, match=OUTER.replace("exec:", r"exec \(item 0\):")):
        run_concurrent([Graph(outer)], [1])


def test_in_a_graph_that_a_function_runs_with_the_context_of_its_node() -> None:
    inside = Graph(Node("first", exec=block) >> Node("inner", exec=abs, timeout=INNER))
    outer = Node("outer", exec=lambda value, ctx: inside.run(value, context=ctx), timeout="50ms")
    with pytest.raises(NodeError, match=OUTER):
        Graph(outer).run(1)


@pytest.mark.parametrize("fields", INNER_NODES.values(), ids=INNER_NODES)
def test_the_timeout_of_the_run_itself_is_no_error_of_a_node(fields: dict[str, Any]) -> None:
    graph = Graph(Node("first", exec=block) >> Node("inner", timeout=INNER, **fields))
    around = Graph(Graph(graph, name="outer").as_node().with_(timeout=INNER))
    for tried in (graph, around):
        with pytest.raises(DeadlineExceeded, match=r"^the run passed its deadline$"):
            tried.run(1, context=Context(timeout="50ms"))
        with pytest.raises(DeadlineExceeded, match=r"^the run passed its deadline$"):
            asyncio.run(tried.arun(1, context=Context(timeout="50ms")))
        with pytest.raises(DeadlineExceeded, match=r"^the run passed its deadline$"):
            tried.map([1, 2], context=Context(timeout="50ms"), on_error="collect")


def test_the_timeout_of_an_inner_node_that_comes_first_is_its_own() -> None:
    inner = Node("inner", exec=block, timeout="50ms")
    outer = Graph(inner, name="outer").as_node().with_(timeout=INNER)
    with pytest.raises(NodeError, match=r'^node "inner" failed in exec: it passed its timeout of 50\.0 ms$'):
        Graph(outer).run(1)


def test_a_fallback_that_raises_the_timeout_again_leaves_it_to_its_node() -> None:
    def again(prepared: Any, error: Exception) -> None:
        raise error

    with pytest.raises(NodeError, match=r'^node "n" failed in fallback: it passed its timeout of 50\.0 ms$'):
        Graph(Node("n", exec=block, fallback=again, timeout="50ms")).run(1)


def test_a_fallback_gets_the_timeout_with_its_node_and_its_length() -> None:
    seen: list[str] = []

    def late(value: int, ctx: Context) -> None:
        time.sleep(0.02)
        ctx.check()

    def fallback(value: int, error: BaseException) -> int:
        seen.append(str(error))
        return value

    assert Graph(Node("slow", exec=late, fallback=fallback, timeout="10ms")).run(1) == 1
    assert seen == ['node "slow" passed its timeout of 10.0 ms']
