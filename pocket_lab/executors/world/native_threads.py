"""The native threads of a process: those that BLAS and OpenMP libraries start by themselves, behind Python's back.

A library takes their number from the environment when it is loaded, so a new process gets it there. Where libraries are loaded
already, threadpoolctl sets it; a number of OpenMP counts only for the thread that sets it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

from pocket_lab.executors.worker_state import STATE

VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")
_MOST_OF_BUILDS = 64  # the usual builds of OpenBLAS start no more, however many cores there are
_SET_BY_IMPORT = "KMP_DUPLICATE_LIB_OK"


class Library(NamedTuple):
    """A library that has native threads: its name for threadpoolctl ("openblas", "openmp", "mkl"), and how many it starts."""

    name: str
    threads: int


class NativeThreads:
    """At most `threads` native threads in this process, and in the worker processes that it starts, until it is closed."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._limits = ExitStack()  # of threadpoolctl, which leaves OpenBLAS to other threads again where each is left
        self.renew()

    def renew(self) -> None:
        """Limit the libraries that have been loaded meanwhile."""
        self._limits.enter_context(_threadpoolctl().threadpool_limits(self.threads))

    def limit_thread(self) -> None:
        """Limit the calling thread, which ends before this object is closed."""
        _threadpoolctl().threadpool_limits(self.threads, user_api="openmp")  # the others have one number for all threads

    def close(self) -> None:
        """Give each library the number that it had."""
        self._limits.close()


@contextmanager
def limited(threads: int | None) -> Iterator[None]:
    """Limit the native threads of this process, on whichever thread; None leaves them alone."""
    if threads is None:
        yield
        return
    outer = STATE.pop(NativeThreads)
    limit = STATE.get_or_create(NativeThreads, lambda: NativeThreads(threads))
    try:
        yield
    finally:
        STATE.pop(NativeThreads)
        limit.close()
        if outer is not None:
            STATE.get_or_create(NativeThreads, lambda: outer)


def variables(threads: int | None) -> dict[str, str]:
    """The environment of a new process with so many native threads; empty where they are left alone."""
    return {} if threads is None else dict.fromkeys(VARIABLES, str(threads))


def loaded_libraries() -> list[Library]:
    """The libraries in this process that can have several native threads, and what the calling thread may use of each."""
    found = _threadpoolctl().threadpool_info()
    able = [library for library in found if library.get("threading_layer") != "disabled"]
    return sorted(Library(library["internal_api"], library["num_threads"]) for library in able)


def chosen_here() -> int | None:
    """The number that code of this process has chosen for OpenBLAS with threadpoolctl; None where there is none.

    Other libraries do not tell: MKL takes physical cores by default, and PyTorch sets that for OpenMP when it is imported.
    """
    if "threadpoolctl" not in sys.modules:
        return None
    full = min(native_cores(), _MOST_OF_BUILDS)
    numbers = [library.threads for library in loaded_libraries() if library.name == "openblas"]
    return min((threads for threads in numbers if threads < full), default=None)


def native_cores() -> int:
    """The cores that a library starts threads for: those of the affinity, as libraries do not know of a container's quota."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _threadpoolctl() -> Any:
    """The module, without the variable that its import leaves in the environment."""
    if "threadpoolctl" in sys.modules:
        return sys.modules["threadpoolctl"]
    was_set = _SET_BY_IMPORT in os.environ
    import threadpoolctl

    if not was_set:
        os.environ.pop(_SET_BY_IMPORT, None)
    return threadpoolctl
