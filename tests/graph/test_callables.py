"""Foreign callables: whatever their attributes answer, inspection ends and says what is certain."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import FunctionType
from typing import Any
from unittest.mock import AsyncMock, MagicMock, Mock, create_autospec

import pytest

from pocket_lab.graph.callables import declared, is_async, name_of, takes, takes_argument, unwrapped
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node, node


def plain(value: int) -> int:
    return value


class Answers:
    """Answers to every name with one more of its kind, as a proxy of a remote service does."""

    def __getattr__(self, name: str) -> Any:
        return Answers()

    def __call__(self, value: Any = None) -> Any:
        return value


class Raises:
    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __call__(self, value: Any = None) -> Any:
        return value


class AnswersAll:
    def __getattribute__(self, name: str) -> Any:
        return AnswersAll()

    def __call__(self, value: Any = None) -> Any:
        return value


class Endless:
    @property
    def __wrapped__(self) -> Any:
        return Endless()

    def __call__(self, value: Any = None) -> Any:
        return value


class Unsigned:
    __signature__ = "none"
    __name__ = 3

    def __call__(self, value: Any = None) -> Any:
        return value


class OfMock:
    __call__ = Mock(side_effect=lambda value=None: value)


def circle() -> Any:
    def function(value: Any = None) -> Any:
        return value

    function.__wrapped__ = function  # type: ignore[attr-defined]
    return function


def echo(value: Any = None) -> Any:
    return value


ODD: dict[str, Callable[[], Any]] = {
    "mock": lambda: Mock(side_effect=echo),
    "magic": lambda: MagicMock(side_effect=echo),
    "mock of a function": lambda: Mock(spec=FunctionType, side_effect=echo),
    "mock of a partial": lambda: Mock(spec=functools.partial, side_effect=echo),
    "autospec": lambda: create_autospec(echo, side_effect=echo),
    "partial of a mock": lambda: functools.partial(Mock(side_effect=echo)),
    "answers": Answers,
    "answers all": AnswersAll,
    "raises": Raises,
    "endless": Endless,
    "circle": circle,
    "unsigned": Unsigned,
    "class with a mock": OfMock,
}


@pytest.mark.parametrize("make", ODD.values(), ids=ODD)
def test_an_odd_callable_is_a_node_like_any_other(make: Callable[[], Any]) -> None:
    function = make()
    assert not is_async(function)
    assert not takes(function, "ctx")
    assert takes_argument(function)
    assert isinstance(name_of(function), str)
    assert callable(unwrapped(function))
    service = node(name="service")(function)
    graph = Graph(service >> Node("plain", exec=plain))
    graph.validate()
    assert graph.run(3) == 3
    assert "service" in graph._repr_html_()
    assert not graph.plan.is_async
    assert service._location() is None


def test_an_async_mock_is_awaited() -> None:
    assert is_async(AsyncMock())
    assert Graph(Node("service", exec=AsyncMock(return_value=4)) >> Node("plain", exec=plain)).run(0) == 4


def test_only_what_exists_is_declared() -> None:
    assert declared(Mock(), "func") is None
    assert declared(Answers(), "__wrapped__") is None
    assert declared(Raises(), "anything") is None
    assert declared(plain, "__name__") == "plain"
    assert declared(functools.lru_cache(plain), "__wrapped__") is plain


def test_what_is_wrapped_is_found_through_decorators_and_partials() -> None:
    @functools.wraps(plain)
    def wrapper(value: int) -> int:
        return plain(value)

    assert unwrapped(functools.partial(functools.cache(wrapper), 1)) is plain
    assert unwrapped(plain) is plain
    assert unwrapped(len) is len
    assert name_of(functools.partial(plain, 1)) == "partial"
