"""Looks for the sizes that a budget holds: one run each, about three times as large, until one would be too long."""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from time import perf_counter, process_time
from typing import NamedTuple

from pocket_lab.executors.faults.interrupts import INTERRUPTS
from pocket_lab.measure.failed_point import failed_point, with_hint
from pocket_lab.measure.job import Job
from pocket_lab.measure.points.combinations import Combinations
from pocket_lab.measure.timing.batch import Work
from pocket_lab.measure.timing.pools import Pools
from pocket_lab.measure.timing.runs import build_input
from pocket_lab.measure.work import build_work
from pocket_lab.records.point import Point
from pocket_lab.records.progress import Closed, Started
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Sample

LADDER = tuple(step * 10**power for power in range(8) for step in (1, 3))[:15]  # 1, 3, 10, 30, ... 10 million
_SHORT_S = 0.001  # a shorter run is repeated, since it may have loaded or filled something


class Limits(NamedTuple):
    """What one run may take at most: seconds, and bytes of memory."""

    run_s: float
    memory_bytes: float


def scout(job: Job, limits: Limits) -> Iterator[Record]:
    """A Sample of one run for each point, in their order, until the next is expected to be above a limit, or one fails.

    A next run is expected to grow as the last one did, and not to shrink.
    """
    yield from job.caveats
    combinations = Combinations(job)
    with ExitStack() as stack:
        pools = Pools(job.points, stack)
        before_s, growth, least_bytes = 0.0, 1.0, _resident()
        for number, point in enumerate(job.points):
            if before_s * growth > limits.run_s or (_resident() - least_bytes) * max(growth, 1) > limits.memory_bytes:
                return
            yield Started(point)
            try:
                sample = _timed(combinations.of(point), point, pools, is_first=number == 0)
            except BaseException as error:
                INTERRUPTS.pass_on(error)
                yield from failed_point(point, 1, with_hint(error, job, point))
                return
            growth = max(sample.wall_s / before_s, 1.0) if before_s else 1.0
            before_s = sample.wall_s
            yield sample
            yield Closed(point, "done")


def _timed(job: Job, point: Point, pools: Pools, is_first: bool) -> Sample:
    work = build_work(job, point, build_input(job, point), pools.of(point))
    for _ in range(2 if is_first else 1):
        wall_s, cpu_s = _once(work)
    if wall_s < _SHORT_S:
        wall_s, cpu_s = min((wall_s, cpu_s), _once(work))
    return Sample(point, 1, 1, wall_s, cpu_s, work.items)


def _once(work: Work) -> tuple[float, float]:
    begun_s, cpu_s = perf_counter(), process_time()
    work.once()
    return perf_counter() - begun_s, process_time() - cpu_s


def _resident() -> int:
    """The most bytes that this process ever held."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
