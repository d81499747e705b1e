"""Which Python functions a call runs: layers of decorators, methods, classes, dispatch, and objects with odd attributes."""

from __future__ import annotations

import contextlib
import functools
import json
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from unittest.mock import MagicMock, Mock, create_autospec

import pytest

from pocket_lab import MapReduce, Node, fan_in
from pocket_lab.profile.lines.called_functions import called_functions


def work(value: int, other: int = 0) -> int:
    return value


def polite(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def polite_layer(*args: Any) -> Any:
        return function(*args)

    return polite_layer


def rude(function: Callable[..., Any]) -> Callable[..., Any]:
    def rude_layer(*args: Any) -> Any:
        return function(*args)

    return rude_layer


class Decorator:
    def __init__(self, function: Callable[..., Any]) -> None:
        self.kept = function

    def __call__(self, *args: Any) -> Any:
        return self.kept(*args)


class Slotted:
    __slots__ = ("empty", "kept")

    def __init__(self, function: Callable[..., Any]) -> None:
        self.kept = function

    def __call__(self, *args: Any) -> Any:
        return self.kept(*args)


class Updated(Decorator):
    def __init__(self, function: Callable[..., Any]) -> None:
        functools.update_wrapper(self, function)


@contextlib.contextmanager
def surrounding() -> Iterator[None]:
    yield


@functools.singledispatch
def area(shape: Any) -> float:
    return 0.0


@area.register
def _(shape: int) -> float:
    return 1.0


@area.register
def _(shape: str) -> float:
    return 2.0


class Machine:
    def method(self) -> int:
        return 1

    @classmethod
    def of_class(cls) -> int:
        return 2

    @staticmethod
    def static() -> int:
        return 3

    @property
    def got(self) -> int:
        return 4

    @got.setter
    def got(self, value: int) -> None: ...

    @functools.cached_property
    def kept(self) -> int:
        return 5

    part = functools.partialmethod(method)

    @functools.singledispatchmethod
    def turn(self, value: Any) -> int:
        return 6

    @turn.register
    def turn_int(self, value: int) -> int:
        return 7


@dataclass
class Shape:
    side: int

    def __post_init__(self) -> None:
        self.side += 1


class Meta(type):
    def __call__(cls, *args: Any) -> Any:
        return super().__call__(*args)


class Made(metaclass=Meta):
    def __new__(cls, value: int) -> Made:
        return super().__new__(cls)


def names(value: Any) -> list[str]:
    return [called.function.__code__.co_name for called in called_functions(value)]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (work, ["work"]),
        (polite(work), ["polite_layer", "work"]),
        (rude(work), ["rude_layer", "work"]),
        (rude(polite(rude(work))), ["rude_layer", "polite_layer", "rude_layer", "work"]),
        (Decorator(work), ["__call__", "work"]),
        (Slotted(polite(work)), ["__call__", "polite_layer", "work"]),
        (Updated(work), ["__call__", "work"]),
        (functools.cache(polite(work)), ["polite_layer", "work"]),
        (surrounding, ["surrounding"]),
        (surrounding()(work), ["work", "surrounding"]),
        (functools.partial(functools.partial(work, 1), other=2), ["work"]),
        (functools.partial(lambda function, value: function(value), work), ["<lambda>", "work"]),
        (area, ["area", "_", "_"]),
        (Machine().method, ["method"]),
        (Machine.of_class, ["of_class"]),
        (Machine.__dict__["static"], ["static"]),
        (Machine.__dict__["got"], ["got", "got"]),
        (Machine.__dict__["kept"], ["kept"]),
        (Machine.__dict__["part"], ["method"]),
        (Machine.__dict__["turn"], ["turn", "turn_int"]),
        (Machine().turn, ["turn", "turn_int"]),
        (Shape, ["__init__", "__post_init__"]),
        (Made, ["__call__", "__new__"]),
        (Node("node", exec=work).exec, ["work"]),
        (fan_in(work, Node("a", exec=work)).post, ["work"]),
        (MapReduce(None, work, polite(work)).post, ["polite_layer", "work"]),
        (statistics.mean, ["mean"]),
        (len, []),
        (json.JSONDecodeError.mro, []),
        (int, []),
    ],
)
def test_the_functions_of_a_call_outermost_first(value: Any, expected: list[str]) -> None:
    assert names(value) == expected


def test_each_layer_names_the_one_around_it() -> None:
    layers = called_functions(rude(Decorator(polite(work))))
    outer = "rude.<locals>.rude_layer"
    inner = "polite.<locals>.polite_layer"
    assert [called.inside for called in layers] == ["", outer, "Decorator.__call__", inner]
    assert [called.is_referred for called in layers] == [False, True, True, True]
    assert [called.inside for called in called_functions(area)] == ["", "", ""]


class Answering:
    """Has every attribute, and none of them ends."""

    def __getattr__(self, name: str) -> Any:
        return Answering()

    def __call__(self, value: int) -> int:
        return value


class Endless:
    @property
    def func(self) -> Any:
        return Endless()

    @property
    def __wrapped__(self) -> Any:
        raise RuntimeError("an attribute that raises")

    def __call__(self, value: int) -> int:
        return value


class Linked:
    def __init__(self, following: Any) -> None:
        self.following = following

    def __call__(self, value: int) -> int:
        return value


def test_objects_with_odd_attributes_come_to_an_end() -> None:
    chain: Any = work
    for _ in range(5000):
        chain = Linked(chain)
    circle = Linked(None)
    circle.following = circle
    for value in (Answering(), Endless(), chain, circle):
        assert names(value)[0] == "__call__"
    assert names(Mock()) == names(MagicMock()) == ["__call__"]
    assert names(Mock(spec=work)) == ["__call__"], "its class says that it is a function"
    assert names(Mock(side_effect=work)) == ["__call__", "work"]
    assert "work" in names(create_autospec(work, side_effect=work)) or names(create_autospec(work))


def test_what_a_closure_keeps_of_a_library_is_not_followed() -> None:
    def with_library(value: str) -> Any:
        return parse(value), here(len(value))

    parse, here = json.loads, work
    assert names(with_library) == ["with_library", "work"]
