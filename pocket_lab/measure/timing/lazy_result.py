"""A result whose work is still to be done: a generator, another iterator, or something to await."""

from __future__ import annotations

import inspect
import io
from collections.abc import Iterator
from typing import Any

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


def _lazy_kind(result: Any) -> str | None:
    if isinstance(result, list) and result:  # of a map: its items are alike
        result = result[0]
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
