"""A result whose work is still to be done: a generator, another iterator, something to await, or a graph."""

from __future__ import annotations

import inspect
import io
from collections.abc import Iterator
from typing import Any

from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.point import Point, describe


def is_lazy(result: Any) -> bool:
    """Whether the work of a result is still to be done."""
    return _lazy_kind(result) is not None


def lazy_caveats(result: Any, point: Point) -> Iterator[Caveat]:
    """A Caveat where a run returned something that nothing has consumed, so that its work was not measured."""
    if kind := _lazy_kind(result):
        message = f"{describe(point)}: a run returns {kind} that nothing consumes, so its work is not in the times"
        yield Caveat("lazy-result", f"{message}: return a list of it, or measure what consumes it", point)
    elif isinstance(_one_of(result), Graph | Node):
        message = f"{describe(point)}: a run builds a {type(_one_of(result)).__name__} and does not run it"
        hint = 'give what it returns, or, where it takes parameters, write "-> Graph" behind it'
        yield Caveat("lazy-result", f"{message}, so only the building is in the times: {hint}", point)


def _one_of(result: Any) -> Any:
    """The result of a run, one of them where a map has many alike."""
    return result[0] if isinstance(result, list) and result else result


def _lazy_kind(result: Any) -> str | None:
    result = _one_of(result)
    if inspect.isgenerator(result):
        return "a generator"
    if inspect.isasyncgen(result):
        return "an async generator"
    if inspect.iscoroutine(result):
        return "a coroutine"
    if inspect.isawaitable(result):
        return f"an awaitable ({type(result).__name__})"
    if isinstance(result, Iterator) and not isinstance(result, io.IOBase):
        return f"an iterator ({type(result).__name__})"
    return None
