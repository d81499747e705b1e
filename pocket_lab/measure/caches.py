"""The caches of a target: what answers a second call without doing the work again."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

from pocket_lab.graph.graph import Graph
from pocket_lab.measure.job import Job
from pocket_lab.records import Caveat

_DEEPEST = 3


def caches(target: Any) -> list[Callable[[], Any]]:
    """What clears each cache of a target, once each: anything with a method `cache_clear`, as `functools.cache` makes them.

    Looked for are the functions of the target, what they wrap, and what those name as variables, three steps deep.
    """
    roots = [f for node in target.walk() for _, f in node.phases()] if isinstance(target, Graph) else [target]
    found: dict[int, Any] = {}
    seen: set[int] = set()
    for root in roots:
        for thing in _reached(root, _DEEPEST, seen):
            if callable(getattr(thing, "cache_clear", None)) and not inspect.isclass(thing):
                found[id(thing)] = thing
    return [thing.cache_clear for thing in found.values()]


def cleared(target: Any) -> Callable[[], None] | None:
    """A function that clears every cache of the target; None where there is none."""
    clears = caches(target)
    if not clears:
        return None

    def clear() -> None:
        for one in clears:
            one()

    return clear


def cache_caveats(job: Job) -> Iterator[Caveat]:
    """Which caches of the target there are, and what is done about them."""
    found = len(caches(job.target))
    if not found:
        return
    what = "1 cache of the target was" if found == 1 else f"{found} caches of the target were"
    if job.sweep.caches == "warm":
        way = 'caches="cold" clears before each run'
        yield Caveat("caches-warm", f"{what} kept warm, so that runs after the first may do less; {way}")
        return
    yield Caveat("caches-cold", f"{what} cleared before each run")
    if any(point.executor == "processes" for point in job.points):
        yield Caveat("caches-apart", "caches inside worker processes cannot be cleared from here, and stay warm")


def _reached(thing: Any, deep: int, seen: set[int]) -> Iterator[Any]:
    if id(thing) in seen:
        return
    seen.add(id(thing))
    yield thing
    if isinstance(thing, functools.partial):
        yield from _reached(thing.func, deep, seen)
    if (wrapped := getattr(thing, "__wrapped__", None)) is not None:
        yield from _reached(wrapped, deep, seen)
    if deep and inspect.isfunction(thing):
        named = [thing.__globals__[name] for name in thing.__code__.co_names if name in thing.__globals__]
        for other in (*named, *_closed_over(thing)):
            if callable(other) and not inspect.isclass(other):
                yield from _reached(other, deep - 1, seen)


def _closed_over(function: Any) -> Iterator[Any]:
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # a variable that has no value yet
            continue
