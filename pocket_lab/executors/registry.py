"""The executors by their names."""

from __future__ import annotations

from pocket_lab.errors import UsageError
from pocket_lab.executors.concurrent import ThreadPool
from pocket_lab.executors.pool import Pool, SerialPool
from pocket_lab.executors.processes import ProcessPool

EXECUTORS = ("serial", "threads", "processes", "asyncio")


def open_pool(executor: str, size: int = 1) -> Pool:
    """A pool of the named kind ("serial", "threads", "processes" or "asyncio"); raises UsageError for another name."""
    if executor == "serial":
        return SerialPool()
    if executor == "threads":
        return ThreadPool(size)
    if executor == "processes":
        return ProcessPool(size)
    if executor == "asyncio":
        from pocket_lab.executors.tasks import TaskPool

        return TaskPool(size)
    raise UsageError(f"executor {executor!r} is not known; choose from {', '.join(EXECUTORS)}")
