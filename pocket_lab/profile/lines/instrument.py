"""Time per source line of every node: line_profiler, on wherever the node runs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pocket_lab.errors import UsageError
from pocket_lab.executors.pool import Pool
from pocket_lab.executors.wrapped_pool import WrappedPool
from pocket_lab.measure.job import Job
from pocket_lab.profile.instrument import Instrument, profile_points
from pocket_lab.profile.lines.line_hits import Following, Hits, off, take_hits
from pocket_lab.profile.node_code import NodeCode, node_codes
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.point import Point
from pocket_lab.records.record import Record
from pocket_lab.records.sources import LineCost

_SLOWED = Caveat(
    "line-profiler",
    "line_profiler slows Python that makes many calls ten times and more: compare shares, and take times from a bench",
)
_WAITS = Caveat(
    "line-waits", "line times of concurrent threads include their waits for the interpreter lock: hits are exact, times are not"
)
_AWAITS = Caveat("line-awaits", "the time of a line with an await goes on while other tasks run")
_ONE_LINE = Caveat("line-loops", "a loop that stands on one line counts once, however often it turns (since Python 3.12)")
_NATIVE = Caveat("line-native", "what a line does in C, or in threads that C started, is the time of the line as a whole")


def profile_lines(job: Job, also: tuple[Callable[..., Any], ...] = ()) -> Iterator[Record]:
    """One run of each point under line_profiler, which follows the nodes and the functions of `also`.

    Yields Caveats and a LineCost for every line of every function followed.
    """
    label = job.points[0].target
    codes, caveats = node_codes(job.target, label, also)
    yield from caveats
    if not codes:
        raise UsageError(f"{label} has no Python function whose lines could be timed")
    yield _SLOWED
    yield _NATIVE
    if sys.version_info >= (3, 12):
        yield _ONE_LINE
    if any(point.executor == "threads" and point.workers > 1 for point in job.points):
        yield _WAITS
    if any(point.executor == "asyncio" for point in job.points):
        yield _AWAITS
    yield from profile_points(job, _Lines(codes, Following(job.target, also)))


class _Lines(Instrument):
    name = "line_profiler"

    def __init__(self, codes: list[NodeCode], following: Following) -> None:
        self._codes = codes
        self._following = following
        self._hits: dict[int, Hits] = {}

    def inside(self, pool: Pool) -> Pool:
        """A pool that follows in its worker processes, too, where the functions come with the work."""
        return WrappedPool(pool, self._following) if pool.name == "processes" else pool

    @contextmanager
    def watching(self, point: Point, pool: Pool) -> Iterator[None]:
        """On in this thread and in each of the pool, since line_profiler follows a thread only where it was switched on.

        What worker processes counted is brought home at the end.
        """
        is_apart = pool.name == "processes"
        try:
            self._following.on()
            if not is_apart:
                pool.everywhere(self._following.on)
            yield
        finally:
            here = take_hits()  # first: a worker that has died cannot be asked
            told = pool.everywhere(take_hits if is_apart else off)
            self._hits = dict([here, *filter(None, told)])

    def records(self, point: Point) -> Iterator[Record]:
        """Every line of every function once, in the order of the source; lines that never ran have no hits."""
        for code in sorted({code.key: code for code in self._codes}.values(), key=lambda code: code.key):
            found = [hits[code.key] for hits in self._hits.values() if code.key in hits]
            last = max([code.last, *(line for lines in found for line in lines)])
            for line in range(code.first, last + 1):
                costs = [lines[line] for lines in found if line in lines]
                yield LineCost(point, code.node, code.file, line, sum(c for c, _ in costs), sum(s for _, s in costs))
