"""The executors by their names."""

from __future__ import annotations

from pocket_lab.errors import UsageError
from pocket_lab.run.concurrent import ThreadPool
from pocket_lab.run.pool import Pool, SerialPool
from pocket_lab.run.processes import ProcessPool

_KINDS: dict[str, type[ThreadPool] | type[ProcessPool]] = {"threads": ThreadPool, "processes": ProcessPool}
EXECUTORS = ("serial", *_KINDS)


def open_pool(executor: str, size: int = 1) -> Pool:
    """A pool of the named kind ("serial", "threads" or "processes"); raises UsageError for another name."""
    if executor == "serial":
        return SerialPool()
    if executor not in _KINDS:
        raise UsageError(f"executor {executor!r} is not known; choose from {', '.join(EXECUTORS)}")
    return _KINDS[executor](size)
