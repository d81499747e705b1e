"""The caches of a target: what answers a second call without doing the work again."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

from pocket_lab.executors.registry import is_remote
from pocket_lab.graph.graph import Graph
from pocket_lab.measure.job import Job
from pocket_lab.records.caveat import Caveat

_DEEPEST = 3


def caches(target: Any) -> list[Callable[[], Any]]:
    """What clears each cache of a target, once each: anything with a method `cache_clear`, as `functools.cache` makes them.

    Looked for are the functions of the target, what they wrap, and what those name as variables, three steps deep.
    """
    roots = [f for node in target.walk() for _, f in node.phases()] if isinstance(target, Graph) else [target]
    found: dict[int, Any] = {}
    for root in roots:
        for thing in _reached(root, _DEEPEST, {}):
            if callable(_attribute(thing, "cache_clear")) and not inspect.isclass(thing):
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


def cache_caveats(*jobs: Job) -> Iterator[Caveat]:
    """Which caches of the targets there are, and what is done about them."""
    found = [len(caches(job.target)) for job in jobs]
    for job, count in zip(jobs, found, strict=True):
        if count:
            yield from _told(job, count)
    if not any(found) and any(job.sweep.caches == "cold" for job in jobs):
        message = (
            "no cache was found to clear, so that runs after the first may do less: "
            'caches="cold" clears what has a method cache_clear, as functools.cache makes them'
        )
        yield Caveat("caches-none", message)


def _told(job: Job, found: int) -> Iterator[Caveat]:
    what = "1 cache of the target was" if found == 1 else f"{found} caches of the target were"
    if job.sweep.caches == "warm":
        way = 'caches="cold" clears before each run'
        yield Caveat("caches-warm", f"{what} kept warm, so that runs after the first may do less; {way}")
        return
    yield Caveat("caches-cold", f"{what} cleared before each run")
    if any(is_remote(point.executor) for point in job.points):
        yield Caveat("caches-apart", "caches inside worker processes cannot be cleared from here, and stay warm")


def _reached(thing: Any, deep: int, seen: dict[int, int]) -> Iterator[Any]:
    if seen.get(id(thing), -1) >= deep:
        return
    seen[id(thing)] = deep
    yield thing
    inner = [_attribute(thing, "__wrapped__"), _attribute(thing, "__func__")]
    if isinstance(thing, functools.partial):
        inner.append(thing.func)
    for other in inner:
        if other is not None:
            yield from _reached(other, deep, seen)
    if deep and inspect.isfunction(thing):
        named = [thing.__globals__[name] for name in _names(thing.__code__) if name in thing.__globals__]
        for other in (*named, *_closed_over(thing)):
            if callable(other) and not inspect.isclass(other):
                yield from _reached(other, deep - 1, seen)
    elif deep and callable(thing) and not inspect.isroutine(thing) and not inspect.isclass(thing):
        yield from _reached(_attribute(type(thing), "__call__"), deep - 1, seen)


def _names(code: CodeType) -> Iterator[str]:
    """What a function and those written inside it name."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _attribute(thing: Any, name: str) -> Any:
    """An attribute, or None where there is none; a foreign `__getattr__` raises what it likes."""
    try:
        return getattr(thing, name, None)
    except Exception:
        return None


def _closed_over(function: Any) -> Iterator[Any]:
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # a variable that has no value yet
            continue
