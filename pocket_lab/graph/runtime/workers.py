"""The workers that a call opens where the caller gives no context."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pocket_lab.errors import UsageError
from pocket_lab.executors.registry import open_pool, parse_executor
from pocket_lab.graph.context import INLINE, Context

TASKS_IN_FLIGHT = 100


@dataclass(frozen=True, slots=True)
class Workers:
    """An executor and a number of workers; `context` opens them."""

    executor: str
    count: int | None

    @classmethod
    def requested(cls, workers: int | None, executor: str | None, is_async: bool) -> Workers:
        """The workers that a caller requests; raises UsageError for an unknown executor or a wrong number.

        By default async work gets tasks of an event loop, and other work threads, or is done in place where no number of
        workers is given.
        """
        if executor is None:
            executor = "asyncio" if is_async else "serial" if workers in (None, 1) else "threads"
        executor = parse_executor(executor)
        if executor == "asyncio" and not is_async:
            raise UsageError('the executor "asyncio" is for async nodes, and there is none: use "threads" or "processes"')
        if workers is not None and workers < 1:
            raise UsageError(f"{executor}: {workers} workers do no work, use at least 1")
        return cls(executor, 1 if executor == "serial" else workers)

    @contextmanager
    def context(self) -> Iterator[Context]:
        """A context with a pool of these workers, which is closed at the end."""
        if self.executor == "serial":
            yield Context(INLINE, self.count)
            return
        with open_pool(self.executor, self.count or (TASKS_IN_FLIGHT if self.executor == "asyncio" else 1)) as pool:
            yield Context(pool, self.count)
