"""Functions and methods of every kind in a module that another process can import."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any


class Machine:
    def run(self) -> int:
        return 1

    @staticmethod
    def alone() -> int:
        return 2

    @classmethod
    def of_class(cls) -> int:
        return 3

    @property
    def state(self) -> int:
        return 4

    @functools.cached_property
    def kept(self) -> int:
        return 5

    short = functools.partialmethod(run)

    @functools.singledispatchmethod
    def turn(self, value: Any) -> int:
        return 6

    @turn.register
    def turn_int(self, value: int) -> int:
        return 7

    class Inner:
        def deep(self) -> int:
            return 8


@functools.singledispatch
def area(shape: Any) -> int:
    return 9


@area.register
def _(shape: int) -> int:
    return 10


@area.register
def _(shape: str) -> int:
    return 11


def layer(function: Callable[..., int]) -> Callable[..., int]:
    @functools.wraps(function)
    def around(*args: Any) -> int:
        return function(*args) + 1

    return around


@layer
def layered(value: int) -> int:
    return value


@functools.cache
def cached_helper(value: int) -> int:
    return value
