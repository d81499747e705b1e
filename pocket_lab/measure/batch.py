"""One timed batch: a loop of runs between two clock reads, with the cost of the bare loop taken off."""

from __future__ import annotations

from itertools import repeat
from time import perf_counter, process_time
from typing import NamedTuple

from pocket_lab.measure.drive import Work
from pocket_lab.run.pool import Pool

_LOOP_MATTERS_S = 10e-6
_MOST_FRESH = 1000


class Timing(NamedTuple):
    """Wall and CPU seconds of a whole batch, CPU of worker processes included."""

    wall_s: float
    cpu_s: float


def time_batch(work: Work, loops: int, pool: Pool) -> Timing:
    """Run the work `loops` times; what is built fresh for each run is built before the clock starts."""
    prepared = [work.fresh() for _ in range(loops)] if work.fresh else None
    workers_cpu = pool.cpu_s
    cpu, wall = process_time(), perf_counter()
    if prepared is not None:
        _loop_fresh(work, prepared)
    elif work.arguments:
        _loop_one(work, loops)
    else:
        _loop_none(work, loops)
    wall_s = perf_counter() - wall
    cpu_s = process_time() - cpu + pool.cpu_s - workers_cpu
    if wall_s < loops * _LOOP_MATTERS_S:
        bare_s = _bare_loop(max(1, loops // 4)) * loops / max(1, loops // 4)
        return Timing(max(wall_s - bare_s, 0.0), max(cpu_s - bare_s, 0.0))
    return Timing(wall_s, cpu_s)


def calibrate(work: Work, pool: Pool, batch_s: float) -> tuple[int, Timing]:
    """The number of runs that take about `batch_s` seconds, and the timing of the last trial batch."""
    loops, timing = 1, time_batch(work, 1, pool)
    most = _MOST_FRESH if work.fresh else 2**40
    while timing.wall_s < batch_s / 2 and loops < most:
        needed = batch_s / max(timing.wall_s / loops, 1e-9)
        loops = int(min(max(needed, loops * 2), loops * 16, most))
        timing = time_batch(work, loops, pool)
    return loops, timing


def _loop_one(work: Work, loops: int) -> None:
    function, (argument,) = work.function, work.arguments
    for _ in repeat(None, loops):
        function(argument)


def _loop_none(work: Work, loops: int) -> None:
    function = work.function
    for _ in repeat(None, loops):
        function()


def _loop_fresh(work: Work, prepared: list[object]) -> None:
    function = work.function
    for argument in prepared:
        function(argument)


def _bare_loop(loops: int) -> float:
    start = perf_counter()
    for _ in repeat(None, loops):
        pass
    return perf_counter() - start
