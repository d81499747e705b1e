"""The workers that a call opens for itself, where the caller brings none."""

from __future__ import annotations

from pocket_lab.graph.context import INLINE
from pocket_lab.run.executors import open_pool
from pocket_lab.run.pool import Pool

TASKS_IN_FLIGHT = 100


def pool_for(workers: int | None, executor: str | None, is_async: bool) -> Pool:
    """The pool of the named executor; by default tasks of an event loop for async work, and for other work threads.

    Without a number of workers, other work runs in place.
    """
    if executor is None:
        executor = "asyncio" if is_async else "serial" if workers in (None, 1) else "threads"
    if executor == "serial":
        return INLINE
    return open_pool(executor, workers or (TASKS_IN_FLIGHT if executor == "asyncio" else 1))
