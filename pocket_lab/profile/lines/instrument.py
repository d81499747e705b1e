"""Time per source line of every node: line_profiler, enabled in every thread and process in which the node runs."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pocket_lab.errors import UsageError
from pocket_lab.executors.pool import Pool
from pocket_lab.executors.wrapped_pool import WrappedPool
from pocket_lab.measure.job import Job
from pocket_lab.measure.own_processes.child_processes import Counted, counted_children
from pocket_lab.measure.timing.batch import Timing, Work
from pocket_lab.profile.instrument import Instrument, profile_points
from pocket_lab.profile.lines.code_blocks import CodeBlock, Key, TracedFunction, traced_code
from pocket_lab.profile.lines.line_hits import Hits, Lines, TracedTarget, collect_hits, disable
from pocket_lab.profile.lines.source_lines import imported_sources
from pocket_lab.profile.lines.traced_functions import Helper
from pocket_lab.profile.stack_nodes import StackNodes
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.point import Point, describe
from pocket_lab.records.record import Record
from pocket_lab.records.sources import LineCost
from pocket_lab.units import format_duration

_SURE_S = 0.05  # CPU seconds that are no accident of the clocks
_SLOWED = Caveat(
    "line-profiler",
    "line_profiler makes Python code with many calls ten times slower or more: compare shares, and take times from a bench",
)
_WAITS = Caveat(
    "line-waits", "line times of concurrent threads include their waits for the interpreter lock: hits are exact, times are not"
)
_ONE_LINE = Caveat(
    "line-loops", "a loop on a single line counts as one hit, however many iterations it has (since Python 3.12)"
)
_NATIVE = Caveat(
    "line-native",
    "C code, code that exec makes during the run and threads that C code starts have no lines: their time is in the line that "
    "calls or waits for them",
)


def profile_lines(job: Job, also: tuple[Helper, ...] = ()) -> Iterator[Record]:
    """One run of each point under line_profiler, which traces the nodes and the functions of `also`.

    Yields Caveats and a LineCost for every line of every traced function; those on what its code does are `code_caveats`.
    """
    label = job.points[0].target
    functions, caveats = traced_code(job.target, label, also)
    yield from caveats
    if not functions:
        raise UsageError(f"{label} has no Python function whose lines could be timed")
    yield from imported_sources(functions)
    yield _SLOWED
    yield _NATIVE
    if sys.version_info >= (3, 12):
        yield _ONE_LINE
    if any(point.executor == "threads" and point.workers > 1 for point in job.points):
        yield _WAITS
    nodes = StackNodes.of(job.target, label)
    yield from profile_points(job, _LineInstrument(functions, TracedTarget(job.target, label, also, functions), nodes))


class _LineInstrument(Instrument):
    name = "line_profiler"

    def __init__(self, functions: Sequence[TracedFunction], traced: TracedTarget, nodes: StackNodes) -> None:
        self._functions = sorted(functions, key=lambda function: (function.blocks[0].file, function.blocks[0].first))
        self._traced = traced
        self._hits: dict[int, Hits] = {}
        self._untraced_s = 0.0
        self._children = Counted(nodes)
        self._taken = 0

    def wrap_pool(self, pool: Pool) -> Pool:
        """In worker processes the profiler is enabled by the work itself, which brings the functions."""
        return WrappedPool(pool, self._traced) if pool.is_remote else pool

    @contextmanager
    def watching(self, point: Point, pool: Pool) -> Iterator[None]:
        """Enable the profiler in this thread and in each thread of the pool.

        The hits of worker processes are collected at the end.
        """
        hits = []
        try:
            self._traced.enable()
            if not pool.is_remote:
                pool.everywhere(self._traced.enable)
            yield
        finally:
            try:
                if not pool.is_remote:
                    pool.everywhere(disable)
            finally:
                hits.append(collect_hits())
            hits += pool.in_worker_processes(collect_hits)  # last: a worker may have died
            self._hits = {one.process: one.hits for one in hits}
            self._untraced_s = math.fsum(one.untraced_s for one in hits)
            self._taken = sum(one.taken for one in hits)

    def _run_once(self, point: Point, pool: Pool, work: Work) -> Timing | None:
        with counted_children(pool, self._children.nodes) as self._children:
            return super()._run_once(point, pool, work)

    def records(self, point: Point) -> Iterator[Record]:
        """Every line of every function, in the order of the source; lines that never ran have no hits.

        A line has a record for each block of code on it that ran, the outermost first.
        """
        yield from self._children.caveats(point, "time")
        if self._untraced_s > _SURE_S:
            message = (
                f"{describe(point)}: threads that ran before, or that C code or an earlier import of _thread.start_new_thread "
                f"starts, used {format_duration(self._untraced_s)} of CPU time: Python code that they ran has no hits (before "
                "Python 3.12)"
            )
            yield Caveat("line-threads", message, point)
        if self._taken:
            threads = "a thread" if self._taken == 1 else f"{self._taken} threads"
            message = (
                f"{describe(point)}: in {threads} the target has set another trace function (sys.settrace) and left it so, and "
                "lines that ran there afterwards have no hits: have it restore that of before (sys.gettrace)"
            )
            yield Caveat("line-untraced", message, point)
        counts: dict[Key, Lines] = {}
        for hits in self._hits.values():
            for block, lines in hits:
                total = counts.setdefault(block.key, {})
                for line, (count, time_s) in lines.items():
                    earlier, earlier_s = total.get(line, (0, 0.0))
                    total[line] = earlier + count, earlier_s + time_s
        for function in self._functions:
            yield from _costs(point, function.blocks, counts)


def _costs(point: Point, blocks: tuple[CodeBlock, ...], counts: dict[Key, Lines]) -> Iterator[LineCost]:
    found = [(block, counts.get(block.key, {})) for block in blocks]
    numbers = {line for block, lines in found for line in [block.first, *block.lines, *lines]}
    for number in range(min(numbers), max(numbers) + 1):
        costs = [(block, lines[number]) for block, lines in found if number in lines]
        if not costs:
            block = next((block for block in blocks if number in block.lines), blocks[0])
            costs = [(block, (0, 0.0))]
        for block, (hits, time_s) in costs:
            yield LineCost(point, block.node, block.file, number, hits, time_s, block.function, block.inside)
