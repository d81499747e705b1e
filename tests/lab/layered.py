"""Nodes with decorators and a class with methods of every kind, in a module that a measuring process imports."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

from pocket_lab import node


def layered(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def around(*args: Any) -> Any:
        layer = args
        return function(*layer)  # of the layer

    return around


class Kept:
    def __init__(self, function: Callable[..., Any]) -> None:
        functools.update_wrapper(self, function)
        self.function = function

    def __call__(self, *args: Any) -> Any:
        kept = args
        return self.function(*kept)


@node
@layered
def counted(size: int) -> list[int]:
    return list(range(size))


@node
@layered
@layered
def twice(value: int) -> int:
    return value + 100


@node
@layered
@Kept
def tally(value: int) -> int:
    return value + 200


class Workshop:
    def plain(self) -> int:
        return 1  # plain

    @classmethod
    def of_class(cls) -> int:
        return 2  # of_class

    @staticmethod
    def static() -> int:
        return 3  # static

    @property
    def state(self) -> int:
        return 4  # getter

    @state.setter
    def state(self, value: int) -> None:
        self.value = value  # setter

    @functools.cached_property
    def kept(self) -> int:
        return 5  # kept

    partial = functools.partialmethod(plain)

    @functools.singledispatchmethod
    def turn(self, value: Any) -> int:
        return 6  # turn any

    @turn.register
    def _(self, value: int) -> int:
        return 7  # turn int

    class Inner:
        def deep(self) -> int:
            return 8  # deep


@functools.singledispatch
def area(shape: Any) -> int:
    return 9  # area any


@area.register
def _(shape: int) -> int:
    return 10  # area int


@area.register
def _(shape: str) -> int:
    return 11  # area str


@node
def use(value: int) -> int:
    shop = Workshop()
    shop.plain()
    shop.of_class()
    shop.static()
    shop.state = shop.state
    shop.partial()
    _ = shop.kept, shop.kept
    shop.turn("text")
    shop.turn(1)
    area(1)
    area("text")
    shop.Inner().deep()
    return value


class OwnRun(threading.Thread):
    def __init__(self, count: list[int]) -> None:
        super().__init__()
        self.count = count

    def run(self) -> None:
        self.count.append(1)  # in the thread


@node
def many(value: int) -> int:
    count: list[int] = []
    threads = [OwnRun(count) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(count)
