"""The executors by name. A new executor is one module with a `Pool`, and one row of `_TABLE`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pocket_lab.errors import UsageError
from pocket_lab.executors.pool import Pool


def _open_serial(size: int) -> Pool:
    from pocket_lab.executors.serial import SerialPool

    return SerialPool()


def _open_threads(size: int) -> Pool:
    from pocket_lab.executors.threads import ThreadPool

    return ThreadPool(size)


def _open_processes(size: int) -> Pool:
    from pocket_lab.executors.processes import ProcessPool

    return ProcessPool(size)


def _open_asyncio(size: int) -> Pool:
    from pocket_lab.executors.tasks import TaskPool

    return TaskPool(size)


def _open_cluster(size: int) -> Pool:
    from pocket_lab.executors.cluster.pool import own_cluster_pool

    return own_cluster_pool(size)


@dataclass(frozen=True, slots=True)
class _Executor:
    """How to open a pool of so many workers, and whether those are other processes (as `Pool.is_remote`)."""

    open: Callable[[int], Pool]
    is_remote: bool = False


_TABLE = {
    "serial": _Executor(_open_serial),
    "threads": _Executor(_open_threads),
    "processes": _Executor(_open_processes, is_remote=True),
    "asyncio": _Executor(_open_asyncio),
    "cluster": _Executor(_open_cluster, is_remote=True),
}

EXECUTORS = tuple(_TABLE)


def open_pool(executor: str, size: int = 1) -> Pool:
    """A pool of `size` workers of the executor; raises UsageError for a name that is not in `EXECUTORS`."""
    if executor not in _TABLE:
        raise UsageError(f"executor {executor!r} is not known; choose from {', '.join(EXECUTORS)}")
    return _TABLE[executor].open(size)


def is_remote(executor: str) -> bool:
    """Whether the workers of the executor are other processes; False for a name that is not in `EXECUTORS`."""
    return executor in _TABLE and _TABLE[executor].is_remote
