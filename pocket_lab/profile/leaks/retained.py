"""Which source lines keep memory that grows: runs under tracemalloc."""

from __future__ import annotations

import gc
import tracemalloc
from array import array
from collections.abc import Generator, Iterator
from typing import Any, NamedTuple

from pocket_lab.measure.timing.batch import Work
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

_OWN_FILES = (__file__, tracemalloc.__file__)  # which keep the snapshots

Line = tuple[str, str, int]  # node, file, line


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
    is_ours = not gc.get_freeze_count()
    if is_ours:
        gc.freeze()  # so that each collection looks only at what these runs leave
    tracemalloc.start(_FRAMES)
    try:
        work.once()
        runs, pause = 1, 0
        while not growth.explains((window := _Window(work)).growth):
            pause = max(2 * pause, _RUNS)
            runs += _RUNS + pause
            for _ in range(pause):
                if runs >= 2 * limits.runs or limits.has_ended(tracemalloc.get_traced_memory()[0]):
                    return runs
                work.once()
    finally:
        tracemalloc.stop()
        if is_ours:
            gc.unfreeze()
    for run, size in enumerate(window.bytes):
        yield TracedMemory(point, run, size)
    yield from window.lines(point, finder)
    return runs + _RUNS


class _Window:
    """Some runs under tracemalloc: the bytes after each of them, and snapshots before, half-way and after."""

    def __init__(self, work: Work) -> None:
        self.bytes = array("q", bytes(8 * (_RUNS + 1)))
        self._alive: list[dict[Any, _Blocks]] = []
        own_bytes = 0  # of the snapshots themselves
        for run in range(_RUNS + 1):
            if run:
                work.once()
            gc.collect()
            before = tracemalloc.get_traced_memory()[0]
            self.bytes[run] = before - own_bytes
            if run % (_RUNS // 2) == 0:
                self._alive.append(_by_stack())
                gc.collect()
                own_bytes += tracemalloc.get_traced_memory()[0] - before
        first, _, last = self._alive
        small = sum(blocks.small for blocks in last.values()) - sum(blocks.small for blocks in first.values())
        new = (blocks[-1].large_bytes - blocks[0].large_bytes for blocks in map(self._course, last) if _is_multiplied(blocks))
        self.growth = Growth(sum(new) / _RUNS, small / _RUNS)

    def _course(self, stack: Any) -> tuple[_Blocks, ...]:
        return tuple(alive.get(stack, _NOTHING) for alive in self._alive)

    def lines(self, point: Point, finder: NodeFinder) -> Iterator[Retained]:
        """Yield the lines that retained most, of those whose memory grew from each snapshot to the next."""
        courses: dict[Line, list[tuple[int, int]]] = {}
        for stack in dict.fromkeys(stack for alive in self._alive for stack in alive):
            course = self._course(stack)
            node, (_, file, number) = origin_of(tuple(("", frame.filename, frame.lineno) for frame in reversed(stack)), finder)
            if file:
                has_moved = not _is_multiplied(course) and len({blocks.large for blocks in course}) > 1
                sizes = [(blocks.bytes - blocks.large_bytes * has_moved, blocks.number) for blocks in course]
                before = courses.setdefault((node, file, number), [(0, 0)] * len(course))
                before[:] = [(size + more, count + many) for (size, count), (more, many) in zip(before, sizes, strict=True)]
        found = [
            ((last[0] - first[0]) / _RUNS, (last[1] - first[1]) / _RUNS, line)
            for line, (first, half_way, last) in courses.items()
            if last[0] > half_way[0] > first[0]
        ]
        found.sort(reverse=True)
        total = sum(one[0] for one in found)
        for bytes_per_run, blocks_per_run, line in found[:_MOST_LINES]:
            if bytes_per_run >= _SMALLEST_SHARE * total:
                yield Retained(point, *line, bytes_per_run, blocks_per_run)


class _Blocks(NamedTuple):
    """The number of small blocks that one stack has allocated, number and bytes of large ones, and bytes of both."""

    small: int = 0
    large: int = 0
    large_bytes: int = 0
    bytes: int = 0

    @property
    def number(self) -> int:
        """How many blocks."""
        return self.small + self.large


_NOTHING = _Blocks()


def _is_multiplied(course: tuple[_Blocks, ...]) -> bool:
    """Whether there were more large blocks each time.

    A list, a set or a dictionary that has been growing for long has one block, which is new to tracemalloc, with all its size,
    when it is moved.
    """
    first, half_way, last = course
    return last.large > half_way.large > first.large


def _by_stack() -> dict[Any, _Blocks]:
    """What is alive, by the stack that allocated it."""
    found: dict[Any, list[int]] = {}
    for trace in tracemalloc.take_snapshot().traces:
        size, blocks = trace.size, found.setdefault(trace.traceback, [0, 0, 0, 0])
        blocks[3] += size
        if size <= _LARGEST_SMALL:
            blocks[0] += 1
        else:
            blocks[1] += 1
            blocks[2] += size
    return {stack: _Blocks(*blocks) for stack, blocks in found.items() if stack[-1].filename not in _OWN_FILES}
