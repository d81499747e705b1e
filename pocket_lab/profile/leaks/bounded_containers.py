"""Containers with a bound that runs fill: rings, `lru_cache`, queues. What they keep is no leak, however long they take."""

from __future__ import annotations

import gc
import queue
import sys
from collections import deque
from collections.abc import Iterator
from functools import _lru_cache_wrapper, lru_cache
from types import BuiltinFunctionType, CodeType, FrameType, FunctionType, ModuleType
from typing import Any, NamedTuple

from pocket_lab.records.leaks import Filling
from pocket_lab.records.point import Point

_LRU = type(lru_cache(maxsize=1)(len))
_SHARED = (ModuleType, type, FunctionType, BuiltinFunctionType, CodeType, FrameType)  # not kept by a container alone
_MOST_OBJECTS = 100_000


class Bounded(NamedTuple):
    """A container with its name, its number of entries and the most that it takes."""

    container: Any
    name: str
    entries: int
    limit: int


def bounded_containers() -> Iterator[Bounded]:
    """Yield those of this process that Python's garbage collector knows."""
    for found in gc.get_objects():
        kind = type(found)  # `isinstance` would ask proxies
        if issubclass(kind, deque):
            if found.maxlen is not None:
                yield Bounded(found, f"deque(maxlen={found.maxlen})", len(found), found.maxlen)
        elif kind is _LRU:
            if (info := found.cache_info()).maxsize:
                yield Bounded(found, _name_of(found), info.currsize, info.maxsize)
        elif issubclass(kind, queue.Queue) and found.maxsize > 0:
            yield Bounded(found, f"{kind.__name__}(maxsize={found.maxsize})", found.qsize(), found.maxsize)


def entries() -> dict[int, int]:
    """Return the number of entries by the id of each bounded container."""
    return {id(bounded.container): bounded.entries for bounded in bounded_containers()}


def fillings(point: Point, before: dict[int, int], runs: int) -> Iterator[Filling]:
    """Yield the containers that have filled further in these runs and are not full yet; `before` are the sizes before."""
    for bounded in list(bounded_containers()):
        more = bounded.entries - before.get(id(bounded.container), bounded.entries)
        if more > 0 and bounded.entries < bounded.limit:
            per_run = more / runs
            entry_bytes = _deep_size(bounded.container) / bounded.entries
            yield Filling(point, bounded.name, bounded.entries, bounded.limit, per_run, entry_bytes * per_run)


def _name_of(cache: _lru_cache_wrapper[Any]) -> str:
    return f"lru_cache of {getattr(cache.__wrapped__, '__qualname__', 'a function')}"


def _deep_size(container: Any) -> int:
    """Return the bytes of all that a container keeps, except modules, classes and functions; of very many objects, a part."""
    seen, waiting, size = {id(container)}, [container], 0
    while waiting and len(seen) < _MOST_OBJECTS:
        for found in gc.get_referents(waiting.pop()):
            if id(found) not in seen and not issubclass(type(found), _SHARED):
                seen.add(id(found))
                waiting.append(found)
                size += sys.getsizeof(found, 0)
    return size
