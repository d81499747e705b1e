"""The parameter `ctx` of functions: where it receives the Context, and where it is an argument like any other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any
from unittest.mock import MagicMock

import pytest

from pocket_lab.errors import GraphError
from pocket_lab.graph.context import Context
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node


def answer(ctx: Any) -> Any:
    return ("answer", ctx)


def shortened(ctx: Any, top: int = 3) -> Any:
    return ("shortened", ctx, top)


def last(value: Any, ctx: Any) -> Any:
    return ("last", value, ctx)


def first(ctx: Any, value: Any) -> Any:
    return ("first", value, ctx)


def by_name(value: Any, *, ctx: Any) -> Any:
    return ("by name", value, ctx)


def optional(value: Any = None, ctx: Any = None) -> Any:
    return ("optional", value, ctx)


def by_position(value: Any, ctx: Any, /) -> Any:
    return ("by position", value, ctx)


def context_named(context: Any) -> Any:
    return ("context", context)


def variable(*ctx: Any) -> Any:
    return ("variable", ctx)


class Steps:
    """Methods of each kind."""

    def method(self, ctx: Any) -> Any:
        return ("method", ctx)

    def method_first(self, ctx: Any, value: Any) -> Any:
        return ("method first", value, ctx)

    @classmethod
    def of_class(cls, ctx: Any) -> Any:
        return ("class", ctx)

    @staticmethod
    def static(ctx: Any) -> Any:
        return ("static", ctx)

    def __call__(self, ctx: Any) -> Any:
        return ("called", ctx)


class Answer:
    """A class whose instances are the results."""

    def __init__(self, ctx: Any) -> None:
        self.ctx = ctx

    def __eq__(self, other: object) -> bool:
        return other == ("made", self.ctx)

    __hash__ = None  # type: ignore[assignment]


INPUT = "input"
CONTEXT = Context()


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (answer, ("answer", INPUT)),
        (shortened, ("shortened", INPUT, 3)),
        (context_named, ("context", INPUT)),
        (variable, ("variable", (INPUT,))),
        (Steps().method, ("method", INPUT)),
        (Steps.of_class, ("class", INPUT)),
        (Steps.static, ("static", INPUT)),
        (Steps(), ("called", INPUT)),
        (Answer, ("made", INPUT)),
        (partial(last, "bound"), ("last", "bound", INPUT)),
        (partial(last, ctx="bound"), ("last", INPUT, "bound")),
        (last, ("last", INPUT, CONTEXT)),
        (first, ("first", INPUT, CONTEXT)),
        (by_name, ("by name", INPUT, CONTEXT)),
        (by_position, ("by position", INPUT, CONTEXT)),
        (optional, ("optional", INPUT, CONTEXT)),
        (Steps().method_first, ("method first", INPUT, CONTEXT)),
    ],
    ids=lambda value: getattr(value, "__qualname__", None),
)
@pytest.mark.parametrize("fields", [{}, {"timeout": "9s"}], ids=["plain", "timed"])
def test_ctx_is_the_context_where_another_parameter_takes_the_input(
    function: Callable[..., Any], expected: Any, fields: dict[str, Any]
) -> None:
    async def later(value: Any) -> Any:
        return value

    for made in (Graph(Node("n", exec=function)), Graph(Node("later", exec=later) >> Node("n", exec=function))):
        assert made.run(INPUT, context=CONTEXT) == expected
        assert asyncio.run(made.arun(INPUT, context=CONTEXT)) == expected
    timed = Graph(Node("n", exec=function, **fields)).run(INPUT, context=CONTEXT)
    assert timed == expected or isinstance(timed[-1], Context)


@pytest.mark.parametrize("timeout", [None, "9s"])
def test_an_async_function_takes_ctx_in_the_same_places(timeout: str | None) -> None:
    async def afirst(ctx: Any, value: Any) -> Any:
        return first(ctx, value)

    async def aanswer(ctx: Any) -> Any:
        return answer(ctx)

    assert Graph(Node("n", exec=aanswer, timeout=timeout)).run(INPUT) == ("answer", INPUT)
    name, value, context = Graph(Node("n", exec=afirst, timeout=timeout)).run(INPUT)
    assert (name, value, type(context)) == ("first", INPUT, Context)


def test_the_phases_and_hooks_take_their_arguments_by_any_names() -> None:
    seen: list[Any] = []
    node = Node(
        "n",
        prep=lambda store, ctx: ctx + 1,
        exec=lambda ctx: 1 // 0,
        fallback=lambda ctx, error: ctx + 1,
        post=lambda store, ctx, prepared, result: ((ctx, prepared, result), "default"),
        on_success=lambda store, ctx: seen.append(ctx),
        on_complete=lambda ctx: seen.append(type(ctx).__name__),
    )
    assert Graph(node).run(1) == (1, 2, 3)
    assert seen == [(1, 2, 3), "Store"]


def test_the_phases_and_hooks_take_a_context_besides_their_arguments() -> None:
    seen: list[Any] = []
    node = Node(
        "n",
        prep=lambda ctx, store, value: (value, type(ctx)),
        exec=lambda value, *, ctx: (*value, type(ctx)),
        post=lambda store, value, prepared, result, ctx: ((*result, type(ctx)), "default"),
        on_success=lambda store, output, ctx: seen.append(type(ctx)),
        on_complete=lambda ctx, store: seen.append(type(ctx)),
    )
    assert Graph(node).run(1) == (1, Context, Context, Context)
    assert seen == [Context, Context]


def no_input(*, ctx: Any) -> Any:
    return ctx


def declared(ctx: Context) -> Any:
    return ctx


def declared_in_text(ctx: Context | None = None) -> Any:
    return ctx


def too_many(ctx: Any, one: Any, other: Any) -> Any:
    return (ctx, one, other)


@pytest.mark.parametrize("function", [no_input, declared, declared_in_text, too_many], ids=lambda function: function.__name__)
def test_a_function_that_has_no_parameter_for_its_input_besides_ctx_is_refused_when_the_node_is_made(function: Any) -> None:
    message = 'node "n": exec has a parameter ctx, and cannot be called with its argument and the Context'
    with pytest.raises(GraphError, match=message):
        Node("n", exec=function)
    with pytest.raises(GraphError, match='node "n": prep has a parameter ctx, and cannot be called with its 2 arguments'):
        Node("n", prep=lambda ctx: ctx)


def test_what_has_no_signature_or_every_attribute_gets_its_input() -> None:
    assert Graph(Node("n", exec=MagicMock(return_value=3))).run(1) == 3
    assert Graph(Node("n", exec=len)).run("abc") == 3
