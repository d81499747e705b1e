"""How many native threads each worker of a measurement has, and the caveat where that matters.

Where more than one worker or executor is measured, each has one: else some worker counts and executors would share the cores
among BLAS threads and others would not, and a speed-up would compare that. A number that the user has chosen is kept.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from pocket_lab.errors import ProcessDied
from pocket_lab.executors.pool import Pool
from pocket_lab.executors.process_worker import PayloadCache
from pocket_lab.executors.registry import is_address
from pocket_lab.executors.worker_state import STATE
from pocket_lab.executors.world.native_threads import (
    VARIABLES,
    Library,
    NativeThreads,
    chosen_here,
    loaded_libraries,
    native_cores,
)
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.point import Point

_NAMES = {"openblas": "OpenBLAS", "mkl": "MKL", "blis": "BLIS", "flexiblas": "FlexiBLAS", "openmp": "OpenMP"}


class NativeLimit(NamedTuple):
    """The native threads of a worker, and whether the user has chosen their number."""

    threads: int
    is_chosen: bool


def limit_of(chosen: int | None, points: Iterable[Point]) -> NativeLimit | None:
    """The limit for these points, whichever of them come first; None where the libraries are left alone.

    The option comes first, then the environment, which every process inherits, then what was set in this process.
    """
    if chosen is not None:
        return NativeLimit(chosen, True)
    if any(os.environ.get(name) for name in VARIABLES):
        return None
    if (here := chosen_here()) is not None:
        return NativeLimit(here, True)
    levels = {(point.executor, point.workers) for point in points}
    is_alone = len(levels) == 1 and all(workers == 1 for _, workers in levels)
    return None if is_alone else NativeLimit(1, False)


def native_caveats(limit: NativeLimit | None, pools: Iterable[Pool]) -> Iterator[Caveat]:
    """After the first runs: limit what they have loaded, and say which libraries have fewer threads than by default."""
    if limit is None:
        return
    pools = list(pools)
    if (here := STATE.get(NativeThreads)) is not None:  # measured in place: no environment did it before
        here.renew()
        for pool in pools:
            if not pool.is_remote:
                pool.everywhere(here.limit_thread)
    for pool in pools:
        if is_address(pool.name):
            with suppress(ProcessDied):  # whoever uses the pool next gets the error
                yield from _unlimited(limit.threads, pool)
    if limit.is_chosen or native_cores() <= limit.threads:
        return
    names = set(_names(loaded_libraries(), limit.threads))
    for pool in pools:
        with suppress(ProcessDied):  # whoever uses the pool next gets the error
            names.update(*pool.in_worker_processes(partial(_names_in_worker, limit.threads)))
    if names:
        yield Caveat("one-native-thread", _message(sorted(names)))


def _names(libraries: Iterable[Library], threads: int) -> list[str]:
    """Of the libraries, those that have no more threads than these: the target may have set another number."""
    return [_NAMES.get(library.name, library.name) for library in libraries if library.threads <= threads]


def _names_in_worker(threads: int) -> list[str]:
    return _names(_libraries_in_worker(), threads)


def _unlimited(threads: int, pool: Pool) -> Iterator[Caveat]:
    """Workers that others have started keep their native threads: more than here are said."""
    more = dict(library for there in pool.in_worker_processes(_libraries_in_worker) for library in there)
    named = [f"{most} threads of {_NAMES.get(name, name)}" for name, most in sorted(more.items()) if most > threads]
    if named:
        yield Caveat(
            "other-settings",
            f"workers at {pool.name} have {' and '.join(named)}, where others have {threads}: start them with "
            f"OMP_NUM_THREADS={threads} to compare alike",
        )


def _libraries_in_worker() -> list[Library]:
    libraries = loaded_libraries()
    STATE.get_or_create(PayloadCache, PayloadCache).time_since_last_call()  # so that no run gets the time of this
    return libraries


def _message(names: list[str]) -> str:
    cores = native_cores()
    return (
        f"each worker has one thread of {' and '.join(names)}, on every executor, so that workers are compared alike; by "
        f"default there may be {cores}: native_threads={cores} measures with these, and a number in OMP_NUM_THREADS is kept"
    )
