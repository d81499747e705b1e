"""The executors by name. A new executor is one module with a `Pool`, and one row of `_TABLE`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

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


def parse_executor(executor: Any, what: str = "executor ") -> str:
    """The name of an executor, or the address of a scheduler, also of a Client or a Cluster of Dask.

    Raises a UsageError for anything else, which begins with `what`.
    """
    text = executor if isinstance(executor, str) else _address_of(executor)
    if "://" in text:
        from pocket_lab.executors.cluster.address import parse_address

        return parse_address(text)
    if text not in _TABLE:
        raise UsageError(
            f"{what}{executor!r} is not known; choose from {', '.join(EXECUTORS)}, or give the address of a scheduler of "
            "Dask, such as tcp://host:8786"
        )
    return text


def open_pool(executor: str, size: int = 1) -> Pool:
    """A pool of `size` workers of the executor; raises UsageError for what `parse_executor` refuses."""
    name = parse_executor(executor)
    if name in _TABLE:
        return _TABLE[name].open(size)
    from pocket_lab.executors.cluster.pool import joined_cluster_pool

    return joined_cluster_pool(name, size)


def is_address(executor: str) -> bool:
    """Whether an executor is the address of a scheduler, whose workers do not end with a measurement."""
    return "://" in executor


def is_remote(executor: str) -> bool:
    """Whether the workers of the executor are other processes; False for a name that is not in `EXECUTORS`, nor an address."""
    return is_address(executor) or (executor in _TABLE and _TABLE[executor].is_remote)


def _address_of(value: Any) -> str:
    """Where the scheduler of a Client or a Cluster is; the text of anything else."""
    for owner in (value, getattr(value, "scheduler", None)):
        for name in ("scheduler_address", "address"):
            if isinstance(found := getattr(owner, name, None), str):
                return found
    return repr(value)
