"""The instrument of leaks: repeated runs, resources and memory of the process after each, and the lines that retain memory."""

from __future__ import annotations

import gc
import tracemalloc
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from pocket_lab.executors.pool import Pool
from pocket_lab.measure.job import Job
from pocket_lab.measure.timing.batch import Work
from pocket_lab.profile.instrument import Instrument, profile_points
from pocket_lab.profile.leaks.creation_sites import Stack
from pocket_lab.profile.leaks.footprint import Footprints
from pocket_lab.profile.leaks.origin import origin_of
from pocket_lab.profile.leaks.process_watch import Watch, begin_here, end_here, observe_here, remaining_here, set_baseline_here
from pocket_lab.profile.leaks.resources import Resource
from pocket_lab.profile.node_code import NodeFinder, node_codes
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.leaks import MAIN, WORKER, Leftover, MemoryReading, Retained, TracedMemory
from pocket_lab.records.point import Point
from pocket_lab.records.record import Record
from pocket_lab.stats.theil_sen import rises

WARM_UP = 3
# The smallest growth that counts, in blocks, bytes of malloc and resident bytes over all runs: Python itself, or a pool of
# processes, keeps as much for a while (each text file that is opened leaves a block of 67 bytes, the first sixty times).
LEAST = (100.0, 8_192.0, 163_840.0)
LEAST_APART = (500.0, 65_536.0, 1_048_576.0)

_PATIENCE_S = 1.0
_TRACED_RUNS = 6
_TRACED_FRAMES = 16
_MOST_LINES = 10
_SMALLEST_SHARE = 0.01
Alive = dict[tuple[str, str, int], tuple[int, int]]  # bytes and blocks by node, file and line
_UNTRACED = Caveat("leaks-worker-lines", "the source lines that keep memory are not traced inside worker processes")


def find_leaks(job: Job, runs: int) -> Iterator[Record]:
    """Repeat the run of each point `runs` times after a warm-up.

    Yields Caveats, and for each point a MemoryReading after each run, a Leftover for each resource that is left, if memory
    grows a Retained for each source line that keeps some, and Closed; or Failure and Closed.
    """
    codes, caveats = node_codes(job.target, job.points[0].target)
    yield from caveats
    yield from profile_points(job, _LeakInstrument(NodeFinder(codes), runs))


class _LeakInstrument(Instrument):
    name = "leaks"

    def __init__(self, finder: NodeFinder, runs: int) -> None:
        self._finder = finder
        self._runs = runs

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
        """Run the point repeatedly; yields all records.

        The slopes come after the last reading: they load scipy, which would look like growth of memory.
        """
        here, there = Footprints(self._runs), Footprints(self._runs)
        with self.watching(point, pool):
            for _ in range(WARM_UP):
                work.once()
            if pool.is_remote:
                there.keep(0, pool.everywhere(set_baseline_here))
            here.keep(0, [self._watch.set_baseline()])
            for run in range(1, self._runs + 1):
                work.once()
                if pool.is_remote:
                    there.keep(run, pool.everywhere(partial(observe_here, run)))
                here.keep(run, [self._watch.observe(run)])
            if pool.loop is not None:  # its tasks make progress only while it runs
                import asyncio

                pool.loop.run(asyncio.sleep(_PATIENCE_S / 10))
            left = [(MAIN, self._watch.remaining(_PATIENCE_S))]
            left += [(WORKER, found) for found in pool.in_worker_processes(partial(remaining_here, _PATIENCE_S / 10))]
        for process, memory in ((MAIN, here), *([(WORKER, there)] if pool.is_remote else [])):
            for run, (blocks, heap, rss) in enumerate(memory):
                yield MemoryReading(point, run, process, blocks, None if heap < 0 else heap, rss)
        for process, resources in left:
            for run, resource in resources:
                yield _leftover(point, run, resource, process, self._finder)
        least = LEAST_APART if pool.is_remote else LEAST
        if _grows(here, least):
            yield from _retained(point, work, self._finder)
        if pool.is_remote and _grows(there, least):
            yield _UNTRACED


def _grows(memory: Footprints, least: tuple[float, float, float]) -> bool:
    """Whether any of the three measures of memory keeps rising from run to run, by more than Python keeps itself."""
    return any(rises(series, most / (len(series) - 1)) for series, most in zip(memory.series(), least, strict=True))


def _leftover(point: Point, run: int, resource: Resource, process: str, finder: NodeFinder) -> Leftover:
    node, (function, file, line) = origin_of(resource.stack, finder)
    return Leftover(point, run, resource.kind, resource.name, node, function, file, line, process)


def _retained(point: Point, work: Work, finder: NodeFinder) -> Iterator[Record]:
    """Run again under tracemalloc: yield the bytes after each run, and the lines whose memory grew in both halves."""
    traced_bytes = array("q", bytes(8 * (_TRACED_RUNS + 1)))
    totals = []
    tracemalloc.start(_TRACED_FRAMES)
    try:
        work.once()
        own_bytes = 0  # of the snapshots themselves
        for run in range(_TRACED_RUNS + 1):
            if run:
                work.once()
            gc.collect()
            before = tracemalloc.get_traced_memory()[0]
            traced_bytes[run] = before - own_bytes
            if run % (_TRACED_RUNS // 2) == 0:
                totals.append(_by_line(tracemalloc.take_snapshot(), finder))
                gc.collect()
                own_bytes += tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    for run, size in enumerate(traced_bytes):
        yield TracedMemory(point, run, size)
    yield from _lines(point, *totals)


def _lines(point: Point, first: Alive, half_way: Alive, last: Alive) -> Iterator[Retained]:
    """Yield the lines that retained most, of those whose memory grew from each snapshot to the next."""
    found = []
    for line, (size, count) in last.items():
        size_before, count_before = first.get(line, (0, 0))
        if size > half_way.get(line, (0, 0))[0] > size_before:
            found.append(((size - size_before) / _TRACED_RUNS, (count - count_before) / _TRACED_RUNS, line))
    found.sort(reverse=True)
    total = sum(one[0] for one in found)
    for bytes_per_run, blocks_per_run, line in found[:_MOST_LINES]:
        if bytes_per_run >= _SMALLEST_SHARE * total:
            yield Retained(point, *line, bytes_per_run, blocks_per_run)


def _by_line(snapshot: Any, finder: NodeFinder) -> Alive:
    """Sum what is alive by the node and the line of user code that allocated it."""
    found: Alive = {}
    for statistic in snapshot.statistics("traceback"):
        stack: Stack = tuple(("", frame.filename, frame.lineno) for frame in reversed(statistic.traceback))
        node, (_, file, line) = origin_of(stack, finder)
        if file:
            size, count = found.get((node, file, line), (0, 0))
            found[node, file, line] = size + statistic.size, count + statistic.count
    return found
