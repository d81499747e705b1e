"""The objects that a process keeps from one task to the next: one dictionary, with one object of each type.

A function that `Pool.everywhere` runs in the workers leaves an object in `STATE`, and a later one finds it there.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Protocol, TypeVar, cast

T = TypeVar("T")


class Closeable(Protocol):
    """An object that is closed when another one of its type replaces it."""

    def close(self) -> object:
        """Undo what the object changed in its process."""


C = TypeVar("C", bound=Closeable)


class WorkerState:
    """At most one object of each type; all methods may be called from any thread."""

    def __init__(self) -> None:
        self._objects: dict[type, Any] = {}
        self._lock = threading.RLock()

    def get(self, kind: type[T]) -> T | None:
        """The object of this type, or None."""
        return cast("T | None", self._objects.get(kind))

    def get_or_create(self, kind: type[T], factory: Callable[[], T]) -> T:
        """The object of this type, made by `factory` if there is none."""
        with self._lock:
            if kind not in self._objects:
                self._objects[kind] = factory()
            found: T = self._objects[kind]
            return found

    def replace(self, kind: type[C], factory: Callable[[], C]) -> C:
        """A new object of this type; the earlier one, if any, is closed before `factory` is called."""
        with self._lock:
            self.close(kind)
            return self.get_or_create(kind, factory)

    def pop(self, kind: type[T]) -> T | None:
        """Remove and return the object of this type, which the caller closes; None if there is none."""
        with self._lock:
            return cast("T | None", self._objects.pop(kind, None))

    def close(self, kind: type[C]) -> None:
        """Remove and close the object of this type, if there is one."""
        removed = self.pop(kind)
        if removed is not None:
            removed.close()


STATE = WorkerState()  # the only one in each process
