"""Time per source line of every node: one run under line_profiler."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pocket_lab.errors import UsageError
from pocket_lab.graph.context import INLINE
from pocket_lab.measure.drive import build_work
from pocket_lab.measure.job import Job
from pocket_lab.measure.runs import build_input
from pocket_lab.profile.code import NodeCode, node_codes
from pocket_lab.records import Caveat, Failure, LineCost, Point, Record, Started
from pocket_lab.run.outcome import pack_error

_SLOWED = Caveat(
    "line-profiler",
    "line_profiler slows Python that makes many calls ten times and more: compare shares, and take times from a bench",
)


def profile_lines(job: Job) -> Iterator[Record]:
    """One run of the job's only point, on one worker, under line_profiler; yields Caveats and LineCosts, or a Failure."""
    from line_profiler import LineProfiler

    (point,) = job.points
    yield Started(point)
    yield from job.caveats
    codes, caveats = node_codes(job.target, point.target)
    yield from caveats
    profiler = LineProfiler()
    for code in codes:
        profiler.add_callable(code.function)
    try:
        if not codes:
            raise UsageError(f"{point.target} has no Python function whose lines could be timed")
        work = build_work(job, point, build_input(job, point), INLINE)
        profiler.enable_by_count()
        try:
            work.once()
        finally:
            profiler.disable_by_count()
    except (Exception, SystemExit) as error:
        yield Failure(point, pack_error(error))
        return
    yield _SLOWED
    yield from _costs(point, profiler.get_stats(), codes)


def _key(code: NodeCode) -> tuple[str, int]:
    return code.file, code.first


def _costs(point: Point, stats: Any, codes: list[NodeCode]) -> Iterator[LineCost]:
    """Every line of every function once, in the order of the source; lines that never ran have no hits."""
    timings = {(file, first): lines for (file, first, _), lines in stats.timings.items()}
    for code in sorted({_key(code): code for code in codes}.values(), key=_key):
        costs = {line: (hits, time * stats.unit) for line, hits, time in timings.get(_key(code), [])}
        for line in range(code.first, max([code.last, *costs]) + 1):
            hits, time_s = costs.get(line, (0, 0.0))
            yield LineCost(point, code.node, code.file, line, hits, time_s)
