"""The caches of a target, which answer a second call without repeating the work."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

from pocket_lab.executors.registry import is_remote
from pocket_lab.graph.callables import declared
from pocket_lab.graph.graph import Graph
from pocket_lab.measure.job import Job
from pocket_lab.records.caveat import Caveat

_DEEPEST, _MOST_LAYERS = 3, 20


def caches(target: Any) -> list[Callable[[], Any]]:
    """The method `cache_clear` of each cache of a target; `functools.cache` makes objects with such a method.

    The search covers the functions of the target, the functions that they wrap, and the variables that they name, to a
    depth of three.
    """
    roots = [f for node in target.walk() for _, f in node.phases()] if isinstance(target, Graph) else [target]
    found: dict[int, Any] = {}
    for root in roots:
        for obj in _reached(root, _DEEPEST, {}):
            if callable(declared(obj, "cache_clear")) and not inspect.isclass(obj):
                found[id(obj)] = obj
    return [obj.cache_clear for obj in found.values()]


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
    """The number of caches of each target, and whether they are cleared or stay warm."""
    found = [len(caches(job.target)) for job in jobs]
    for job, count in zip(jobs, found, strict=True):
        if count:
            yield from _describe(job, count)
    if not any(found) and any(job.sweep.caches == "cold" for job in jobs):
        message = (
            "no cache was found to clear, so that runs after the first may do less: "
            'caches="cold" clears what has a method cache_clear, as functools.cache makes them'
        )
        yield Caveat("caches-none", message)


def _describe(job: Job, found: int) -> Iterator[Caveat]:
    what = "1 cache of the target was" if found == 1 else f"{found} caches of the target were"
    if job.sweep.caches == "warm":
        hint = 'caches="cold" clears before each run'
        yield Caveat("caches-warm", f"{what} kept warm, so that runs after the first may do less; {hint}")
        return
    yield Caveat("caches-cold", f"{what} cleared before each run")
    if any(is_remote(point.executor) for point in job.points):
        yield Caveat("caches-apart", "caches inside worker processes cannot be cleared from here, and stay warm")


def _reached(obj: Any, depth: int, seen: dict[int, int], layers: int = _MOST_LAYERS) -> Iterator[Any]:
    if seen.get(id(obj), -1) >= depth:
        return
    seen[id(obj)] = depth
    yield obj
    inner = [declared(obj, "__wrapped__"), declared(obj, "__func__")]
    if issubclass(type(obj), functools.partial):
        inner.append(obj.func)
    for other in inner:
        if other is not None and layers:  # a foreign object may have another one inside without end
            yield from _reached(other, depth, seen, layers - 1)
    if depth and inspect.isfunction(obj):
        named = [obj.__globals__[name] for name in _names(obj.__code__) if name in obj.__globals__]
        for other in (*named, *_closed_over(obj)):
            if callable(other) and not inspect.isclass(other):
                yield from _reached(other, depth - 1, seen)
    elif depth and callable(obj) and not inspect.isroutine(obj) and not inspect.isclass(obj):
        yield from _reached(declared(type(obj), "__call__"), depth - 1, seen)


def _names(code: CodeType) -> Iterator[str]:
    """The names that a function and its inner functions use."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _closed_over(function: Any) -> Iterator[Any]:
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # a variable that has no value yet
            continue
