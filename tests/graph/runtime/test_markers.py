"""Marker frames: the stack below a visit names its node, and so does the context."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

import pytest

from pocket_lab.graph.combinators import fan_out
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node
from pocket_lab.graph.runtime.markers import CURRENT, current_node, inherited, marked, node_of_callback, node_of_marker
from pocket_lab.profile.lazy_results import Marks


def names_on_stack() -> list[str]:
    """The nodes that markers name, outermost first."""
    frame, names = sys._getframe(1), []
    while frame is not None:
        if (name := node_of_marker(frame.f_code.co_filename)) is not None:
            names.append(name)
        frame = frame.f_back  # type: ignore[assignment]
    return names[::-1]


def test_every_phase_and_hook_of_a_node_runs_below_its_marker() -> None:
    seen: list[tuple[str, list[str]]] = []

    def see(name: str, answer: Any = None) -> Callable[..., Any]:
        def function(*_: Any) -> Any:
            seen.append((name, names_on_stack()))
            return answer

        return function

    def fails(_: Any) -> Any:
        raise ValueError

    phases = Node("phases", prep=see("prep"), exec=fails, fallback=see("fallback"), post=see("post", (1, "default")))
    hooks = Node("hooks", exec=see("exec"), on_success=see("on_success"), on_complete=see("on_complete"))
    Graph(phases >> hooks).observed(Marks()).run(0)
    assert seen == [
        *((name, ["phases"]) for name in ("prep", "fallback", "post")),
        *((name, ["hooks"]) for name in ("exec", "on_success", "on_complete")),
    ]
    seen.clear()
    Graph(phases >> hooks).run(0)
    assert all(names == [] for _, names in seen)


@pytest.mark.parametrize("name", ["a node", "<node:x>", "Größe", "new\nline", "nul\0", "lone \ud800", "back\\slash"])
def test_every_name_comes_back_from_the_file_of_its_marker(name: str) -> None:
    assert marked(names_on_stack, name)() == [name]
    assert marked(current_node, name)() == name
    assert inherited(name)(current_node) == name
    assert current_node() is None


def test_the_innermost_marker_is_the_node_also_inside_combinators() -> None:
    inner = Node("inner", exec=lambda value: (current_node(), names_on_stack()))
    outer = Node("outer", exec=lambda value: [value, inner(value)])
    found = Graph(outer >> fan_out(inner)).observed(Marks()).run(0)
    assert found == [("inner", ["inner"])] * 2


def test_async_nodes_keep_their_node_over_awaits_and_tasks_inherit_it() -> None:
    async def child() -> str | None:
        await asyncio.sleep(0)
        return CURRENT.get()

    async def visit(_: Any) -> Any:
        await asyncio.sleep(0)
        return await asyncio.gather(child(), asyncio.create_task(child())), names_on_stack(), current_node()

    async def after(value: Any) -> Any:
        return value, await asyncio.create_task(child())

    graph = Graph(Node("visit", exec=visit) >> Node("after", exec=after)).observed(Marks())
    assert graph.run(0) == ((["visit", "visit"], ["visit"], "visit"), "after")
    assert CURRENT.get() is None


def test_a_step_of_a_task_belongs_to_the_node_that_has_made_the_task_and_a_callback_to_the_one_that_gives_it() -> None:
    class Rude:
        def __getattr__(self, name: str) -> Any:
            raise ValueError(name)

    async def step_and_callbacks() -> list[str | None]:
        context, task = copy_context(), asyncio.current_task()
        assert task is not None
        return [node_of_callback(function, context) for function in (task.cancel, print, Rude())]

    async def makes_a_task() -> Any:
        inner = marked(step_and_callbacks, "inner")
        return await inner(), await asyncio.create_task(inner()), await step_and_callbacks()

    async def main() -> Any:
        return await marked(makes_a_task, "outer")(), await step_and_callbacks()

    inside, after = asyncio.run(main())
    assert inside == ([None, "inner", "inner"], ["outer", "inner", "inner"], [None, "outer", "outer"])
    assert after == [None, None, None]


def test_a_marked_coroutine_is_driven_without_an_event_loop_too() -> None:
    async def visit() -> str | None:
        return current_node()

    with pytest.raises(StopIteration, match="alone"):
        marked(visit, "alone")().send(None)


def test_an_error_leaves_the_context_as_it_was() -> None:
    def fails() -> None:
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        marked(fails, "x")()
    assert CURRENT.get() is None
    thread = threading.Thread(target=inherited("y"), args=(names_on_stack,))
    thread.start()
    thread.join()
    assert CURRENT.get() is None


def test_a_plain_function_is_marked_as_it_is_called() -> None:
    def add(a: int, /, b: int, *, c: int = 0) -> int:
        return a + b + c

    assert marked(add, "n")(1, b=2, c=3) == 6
