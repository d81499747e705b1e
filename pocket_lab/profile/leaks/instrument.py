"""The instrument of leaks: repeated runs, resources and memory of the process after each, and the lines that retain memory."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from time import perf_counter

from pocket_lab.errors import UsageError
from pocket_lab.executors.pool import Pool
from pocket_lab.executors.registry import is_address
from pocket_lab.measure.job import Job
from pocket_lab.measure.own_processes.child_processes import counted_children
from pocket_lab.measure.timing.batch import Work
from pocket_lab.profile.inheritance import inheriting
from pocket_lab.profile.instrument import Instrument, profile_points
from pocket_lab.profile.lazy_results import Marks
from pocket_lab.profile.leaks.bounded_containers import entries, fillings
from pocket_lab.profile.leaks.extension import Extension, Limits
from pocket_lab.profile.leaks.footprint import Footprints, footprint
from pocket_lab.profile.leaks.origin import origin_of
from pocket_lab.profile.leaks.process_watch import (
    Watch,
    begin_here,
    end_here,
    keeps_leaving_here,
    observe_here,
    remaining_here,
    set_baseline_here,
)
from pocket_lab.profile.leaks.resources import Resource
from pocket_lab.profile.leaks.retained import Growth, retained
from pocket_lab.profile.marked_target import with_markers
from pocket_lab.profile.node_code import NodeFinder, stack_codes
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.leaks import MAIN, WORKER, Leftover, MemoryReading
from pocket_lab.records.point import Point
from pocket_lab.records.record import Record
from pocket_lab.stats.theil_sen import RISES, UNCLEAR, course_of

WARM_UP = 3
# The smallest growth that counts, in blocks, bytes of malloc and resident bytes over all runs: Python itself, or a pool of
# processes, keeps as much for a while (each text file that is opened leaves a block of 67 bytes, the first sixty times).
LEAST = (100.0, 8_192.0, 163_840.0)
LEAST_APART = (500.0, 65_536.0, 1_048_576.0)

_PATIENCE_S = 1.0
_UNTRACED = Caveat("leaks-worker-lines", "the source lines that keep memory are not traced inside worker processes")


def find_leaks(job: Job, runs: int) -> Iterator[Record]:
    """Repeat the run of each point `runs` times after a warm-up, and longer where memory rises.

    Yields Caveats, and for each point a MemoryReading after each run, a Leftover for each resource that is left, if memory
    grows a Retained for each source line that keeps some, and Closed; or Failure and Closed. Raises UsageError for the address
    of a cluster.
    """
    if addresses := sorted({point.executor for point in job.points if is_address(point.executor)}):
        raise UsageError(
            f"the workers of {', '.join(addresses)} keep records of Dask from run to run, which would count as leaks: look for "
            'leaks with executors="processes" or "cluster"'
        )
    finder = NodeFinder(stack_codes(job.target, job.points[0].target))
    yield from profile_points(with_markers(job, Marks()), _LeakInstrument(finder, runs, Extension.of(job)))


@dataclass(frozen=True, slots=True)
class _Judge:
    """Says what memory does, by the least growth that counts over the runs that were requested; further runs add to it."""

    least: tuple[float, float, float]
    runs: int

    def grows(self, memory: Footprints) -> bool:
        """Whether any of the three measures of memory keeps rising from run to run, by more than Python keeps itself."""
        return RISES in self._courses(memory)

    def is_open(self, memory: Footprints) -> bool:
        """Whether memory keeps rising, or rose and may do so again."""
        courses = self._courses(memory)
        settling = courses[:2] if memory.last.heap_bytes >= 0 else courses  # resident memory varies
        return RISES in courses or UNCLEAR in settling

    def _courses(self, memory: Footprints) -> list[str]:
        pairs = zip(memory.series(), self.least, strict=True)
        return [course_of(series, most, self.runs) for series, most in pairs if len(series) > 1]


class _LeakInstrument(Instrument):
    name = "leaks"

    def __init__(self, finder: NodeFinder, runs: int, extension: Extension) -> None:
        self._finder = finder
        self._runs = runs
        self._extension = extension

    @contextmanager
    def watching(self, point: Point, pool: Pool) -> Iterator[None]:
        """A watch over this process and over each worker process."""
        self._watch = watch = Watch()
        watch.begin()
        try:
            pool.in_worker_processes(begin_here)
            yield
            pool.in_worker_processes(end_here)  # after an error the workers end with their pool
        finally:
            watch.close()

    def run(self, point: Point, pool: Pool, work: Work) -> Iterator[Record]:
        """Run the point repeatedly; yields all records."""
        most_runs = self._extension.most_runs(self._runs)
        here, there = Footprints(most_runs), Footprints(most_runs)
        judge = _Judge(LEAST_APART if pool.is_remote else LEAST, self._runs)
        with inheriting(pool), counted_children(pool) as children, self.watching(point, pool):
            for _ in range(WARM_UP):
                work.once()
            course_of(range(most_runs), 1.0, 1)  # what a first judgement loads belongs to the baseline
            if pool.is_remote:
                there.keep(0, pool.everywhere(set_baseline_here))
            here.keep(0, [self._watch.set_baseline()])
            begun_s = perf_counter()
            for run in range(1, self._runs + 1):
                work.once()
                if pool.is_remote:
                    there.keep(run, pool.everywhere(partial(observe_here, run)))
                here.keep(run, [self._watch.observe(run)])
            if not (self._watch.keeps_leaving() or any(pool.in_worker_processes(keeps_leaving_here))):
                limits = self._extension.limits(self._runs, perf_counter() - begun_s)
                self._extend(pool, work, (here, there), judge, limits)
            if pool.loop is not None:  # its tasks make progress only while it runs
                import asyncio

                pool.loop.run(asyncio.sleep(_PATIENCE_S / 10))
            left = [(MAIN, self._watch.remaining(_PATIENCE_S))]
            left += [(WORKER, found) for found in pool.in_worker_processes(partial(remaining_here, _PATIENCE_S / 10))]
        yield from children.caveats(point, "memory")
        for process, memory in ((MAIN, here), *([(WORKER, there)] if pool.is_remote else [])):
            for run, (blocks, heap, rss) in enumerate(memory):
                yield MemoryReading(point, run, process, blocks, None if heap < 0 else heap, rss, run > self._runs)
        for process, resources in left:
            for run, resource in resources:
                yield _leftover(point, run, resource, process, self._finder)
        if judge.grows(here):
            yield from self._rising(point, work, here)
        if pool.is_remote and judge.grows(there):
            yield _UNTRACED

    def _rising(self, point: Point, work: Work, memory: Footprints) -> Iterator[Record]:
        """What is known of memory that rises: the lines that keep it, and the containers that may be filled with it."""
        before, limits = entries(), self._extension.limits(self._runs, 0.0)
        runs = yield from retained(point, work, self._finder, Growth.of(memory), limits)
        yield from fillings(point, before, runs)

    def _extend(self, pool: Pool, work: Work, memory: tuple[Footprints, Footprints], judge: _Judge, limits: Limits) -> None:
        """Go on until memory has stopped rising, so that a buffer that was still being filled is not taken for a leak.

        The series is judged at twice as many runs each time.
        """
        is_ours = not gc.get_freeze_count()
        if is_ours:
            gc.freeze()  # so that each collection looks only at what later runs leave
        try:
            self._go_on(pool, work, memory, judge, limits)
        finally:
            if is_ours:
                gc.unfreeze()

    def _go_on(self, pool: Pool, work: Work, memory: tuple[Footprints, Footprints], judge: _Judge, limits: Limits) -> None:
        here, there = memory
        run = judged = self._runs
        before = here.last.rss_bytes
        while any(judge.is_open(one) for one in memory):
            judged *= 2
            while run < judged:
                if run == limits.runs or limits.has_ended(here.last.rss_bytes - before):
                    return
                run += 1
                work.once()
                if pool.is_remote:
                    there.keep(run, pool.everywhere(footprint))
                here.keep(run, [footprint()])


def _leftover(point: Point, run: int, resource: Resource, process: str, finder: NodeFinder) -> Leftover:
    node, (function, file, line) = origin_of(resource.stack, finder)
    return Leftover(point, run, resource.kind, resource.name, node, function, file, line, process)
