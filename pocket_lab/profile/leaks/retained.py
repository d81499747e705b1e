"""Which source lines keep memory that grows: runs under tracemalloc."""

from __future__ import annotations

import gc
import tracemalloc
from array import array
from collections.abc import Generator, Iterator
from typing import Any, NamedTuple

from pocket_lab.measure.timing.batch import Work
from pocket_lab.profile.leaks.creation_sites import Stack
from pocket_lab.profile.leaks.extension import Limits
from pocket_lab.profile.leaks.footprint import Footprints
from pocket_lab.profile.leaks.origin import origin_of
from pocket_lab.profile.node_code import NodeFinder
from pocket_lab.records.leaks import Retained, TracedMemory
from pocket_lab.records.point import Point
from pocket_lab.records.record import Record
from pocket_lab.stats.theil_sen import steady_slope

_RUNS = 6
_FRAMES = 16
_MOST_LINES = 10
_SMALLEST_SHARE = 0.01
_LARGEST_SMALL = 512  # bytes of the largest block that Python's own allocator serves
_TOLERANCE, _LEAST_BYTES, _LEAST_BLOCKS = 1.25, 2048.0, 20.0  # a run

Large = dict[Any, tuple[int, int]]  # number and bytes of blocks by their stack
Alive = dict[tuple[str, str, int], tuple[int, int]]  # bytes and blocks by node, file and line


class Growth(NamedTuple):
    """The growth of memory a run that is known without tracemalloc: bytes of large blocks, and the number of small ones."""

    large_bytes: float
    small_blocks: float

    @classmethod
    def of(cls, memory: Footprints) -> Growth:
        """Return the most by which memory rose a run once it was steady."""
        blocks, heap, rss = (max(steady_slope(series).high, 0.0) for series in memory.series())
        return cls(heap if memory.last.heap_bytes >= 0 else rss, blocks)

    def explains(self, other: Growth) -> bool:
        """Whether the growth of traced blocks is no larger."""
        most_bytes, most_blocks = (_TOLERANCE * self.large_bytes + _LEAST_BYTES, _TOLERANCE * self.small_blocks + _LEAST_BLOCKS)
        return other.large_bytes <= most_bytes and other.small_blocks <= most_blocks


def retained(point: Point, work: Work, finder: NodeFinder, growth: Growth, limits: Limits) -> Generator[Record, None, int]:
    """Run again under tracemalloc: yield the bytes after each run, and the lines whose memory grew in both halves.

    tracemalloc sees no release of a block that is older than itself, so a full ring seems to grow until all of its blocks are
    new. The runs go on until traced blocks grow no faster than memory does; if they never do, nothing is yielded. Returns the
    number of runs.
    """
    tracemalloc.start(_FRAMES)
    try:
        work.once()
        runs, pause = 1, 0
        while not growth.explains((window := _Window(work, finder)).growth):
            pause = max(2 * pause, _RUNS)
            runs += _RUNS + pause
            for _ in range(pause):
                if runs >= 2 * limits.runs or limits.has_ended(tracemalloc.get_traced_memory()[0]):
                    return runs
                work.once()
    finally:
        tracemalloc.stop()
    for run, size in enumerate(window.bytes):
        yield TracedMemory(point, run, size)
    yield from window.lines(point)
    return runs + _RUNS


class _Window:
    """Some runs under tracemalloc: the bytes after each of them, and snapshots before, half-way and after."""

    def __init__(self, work: Work, finder: NodeFinder) -> None:
        self.bytes = array("q", bytes(8 * (_RUNS + 1)))
        self._alive: list[Alive] = []
        blocks: list[tuple[int, Large]] = []
        own_bytes = 0  # of the snapshots themselves
        for run in range(_RUNS + 1):
            if run:
                work.once()
            gc.collect()
            before = tracemalloc.get_traced_memory()[0]
            self.bytes[run] = before - own_bytes
            if run % (_RUNS // 2) == 0:
                snapshot = tracemalloc.take_snapshot()
                self._alive.append(_by_line(snapshot, finder))
                blocks.append(_small_and_large(snapshot))
                del snapshot
                gc.collect()
                own_bytes += tracemalloc.get_traced_memory()[0] - before
        (small, large), (_, large_half_way), (small_after, large_after) = blocks
        new = (sizes - large.get(stack, (0, 0))[1] for stack, (_, sizes) in _multiplied(large, large_half_way, large_after))
        self.growth = Growth(sum(new) / _RUNS, (small_after - small) / _RUNS)

    def lines(self, point: Point) -> Iterator[Retained]:
        """Yield the lines that retained most, of those whose memory grew from each snapshot to the next."""
        first, half_way, last = self._alive
        found = []
        for line, (size, count) in last.items():
            size_before, count_before = first.get(line, (0, 0))
            if size > half_way.get(line, (0, 0))[0] > size_before:
                found.append(((size - size_before) / _RUNS, (count - count_before) / _RUNS, line))
        found.sort(reverse=True)
        total = sum(one[0] for one in found)
        for bytes_per_run, blocks_per_run, line in found[:_MOST_LINES]:
            if bytes_per_run >= _SMALLEST_SHARE * total:
                yield Retained(point, *line, bytes_per_run, blocks_per_run)


def _small_and_large(snapshot: Any) -> tuple[int, Large]:
    """Return the number of small blocks, and of the others number and bytes by the stack that allocated them."""
    large: Large = {}
    small = 0
    for trace in snapshot.traces:
        if trace.size <= _LARGEST_SMALL:
            small += 1
        else:
            stack = trace.traceback
            count, size = large.get(stack, (0, 0))
            large[stack] = count + 1, size + trace.size
    return small, large


def _multiplied(first: Large, half_way: Large, last: Large) -> Iterator[tuple[Any, tuple[int, int]]]:
    """Yield the stacks of which there were more blocks each time.

    A list that has been growing for long has one block, which is new to tracemalloc, with all its size, when it is moved.
    """
    for stack, (count, size) in last.items():
        if count > half_way.get(stack, (0, 0))[0] > first.get(stack, (0, 0))[0]:
            yield stack, (count, size)


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
