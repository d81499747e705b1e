"""A pool whose calls run inside a context manager: for an instrument that must be enabled in the worker itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any

from pocket_lab.executors.event_loop import Loop
from pocket_lab.executors.outcome import Outcome
from pocket_lab.executors.pool import Call, Check, Pool, T

ContextFactory = Callable[[], AbstractContextManager[object]]


class WrappedPool(Pool):
    """The workers of another pool; each call runs inside `around()`, which is entered and left in the worker.

    `around` is pickled together with the function, so that an object to which both refer is one object in a worker process.
    """

    def __init__(self, pool: Pool, around: ContextFactory) -> None:
        self.name, self.size, self.is_remote = pool.name, pool.size, pool.is_remote
        self._pool = pool
        self._around = around

    @property
    def cpu_s(self) -> float:  # type: ignore[override]
        """As the other pool's."""
        return self._pool.cpu_s

    @property
    def queued_s(self) -> float:  # type: ignore[override]
        """As the other pool's."""
        return self._pool.queued_s

    @property
    def other_machines(self) -> list[str]:
        """As the other pool's."""
        return self._pool.other_machines

    @property
    def clock_doubts(self) -> list[str]:
        """As the other pool's."""
        return self._pool.clock_doubts

    @property
    def loop(self) -> Loop | None:  # type: ignore[override]
        """As the other pool's."""
        return self._pool.loop

    def imap(
        self, function: Call, items: Iterable[Any], workers: int | None = None, check: Check | None = None
    ) -> Iterator[Outcome]:
        """As the other pool's."""
        return self._pool.imap(self.prepare(function), items, workers, check)

    def imap_collect(
        self, function: Call, items: Iterable[Any], workers: int | None = None, check: Check | None = None
    ) -> Iterator[Outcome]:
        """As the other pool's."""
        return self._pool.imap_collect(self.prepare(function), items, workers, check)

    def prepare(self, function: Call) -> Call:
        """The function inside `around`, prepared for the other pool."""
        if isinstance(getattr(function, "function", function), _Inside):
            return function
        return self._pool.prepare(_Inside(self._around, function))

    def everywhere(self, function: Callable[[], T]) -> list[T]:
        """As the other pool's, outside `around`."""
        return self._pool.everywhere(function)

    def start(self) -> None:
        """As the other pool's."""
        self._pool.start()


class _Inside:
    """A function that is called inside `around`."""

    __slots__ = ("_around", "_function")

    def __init__(self, around: ContextFactory, function: Call) -> None:
        self._around = around
        self._function = function

    def __call__(self, item: Any) -> Any:
        with self._around():
            return self._function(item)

    def __reduce__(self) -> tuple[type[_Inside], tuple[ContextFactory, Call]]:
        return _Inside, (self._around, self._function)
