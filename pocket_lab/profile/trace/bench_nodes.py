"""What each node of a benched graph takes: a run of each point with a recorder of spans, after the sweep."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from time import perf_counter

from pocket_lab.measure.job import Job
from pocket_lab.measure.point_sampler import PointSampler
from pocket_lab.measure.timing.batch import Work
from pocket_lab.measure.work import build_work
from pocket_lab.profile.instrument import SHORT_S
from pocket_lab.profile.trace.instrument import SpanInstrument, observed
from pocket_lab.profile.trace.self_time import node_records
from pocket_lab.records.point import Point
from pocket_lab.records.progress import Started
from pocket_lab.records.record import Record


def trace_nodes(job: Job, samplers: Sequence[PointSampler], deadline: float) -> Iterator[Record]:
    """A NodeTime for each node of the points whose run still fits in before the deadline, the quickest points first.

    It is a pass of its own, on the inputs and the workers of the sweep. Where time is left, short runs are made once more,
    since a first one has things to do that are done once; what they tell comes last. A point that fails has no records.
    """
    instrument = SpanInstrument()
    watched, _ = observed(job, instrument)
    works: dict[Point, Work] = {}
    order = sorted(samplers, key=lambda sampler: sampler.run_s)
    for sampler in (*order, *(sampler for sampler in order if sampler.run_s < SHORT_S)):
        if perf_counter() + sampler.run_s > deadline:
            return
        yield Started(sampler.point)
        try:
            work = works.get(sampler.point) or build_work(watched, sampler.point, sampler.value, sampler.pool)
            works[sampler.point] = work
            yield from _traced(sampler, work, instrument)
        except (Exception, SystemExit):  # the target's; the sweep has told what there is to tell
            continue


def _traced(sampler: PointSampler, work: Work, instrument: SpanInstrument) -> Iterator[Record]:
    with instrument.watching(sampler.point, sampler.pool):
        work.once()
    traced, spans, _ = instrument.seen(sampler.point)
    yield from node_records(traced, spans)
