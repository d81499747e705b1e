"""Times of the nodes of a benched graph: runs of each point with a recorder of spans, after the sweep."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from time import perf_counter

from pocket_lab.executors.faults.interrupts import INTERRUPTS
from pocket_lab.measure.job import Job
from pocket_lab.measure.point_sampler import PointSampler
from pocket_lab.measure.timing.batch import Work
from pocket_lab.measure.work import build_work
from pocket_lab.profile.trace.instrument import SpanInstrument, observed
from pocket_lab.profile.trace.self_time import node_records
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.point import Point
from pocket_lab.records.progress import Started
from pocket_lab.records.record import Record

_MOST_PASSES = 12


def trace_nodes(job: Job, samplers: Sequence[PointSampler], deadline: float) -> Iterator[Record]:
    """A NodeTime for each node and run of the points whose run ends before the deadline, in passes, the fastest points first.

    On the inputs and the workers of the sweep. On a busy machine one run may have been interrupted in any node, so that there
    are as many passes as the time allows, up to twelve. A run that fails has no records; a Caveat says how many points there
    was no time for.
    """
    instrument = SpanInstrument()
    watched: dict[int, Job] = {}
    works: dict[Point, Work] = {}
    order = sorted(samplers, key=lambda sampler: sampler.run_s)
    left_out = {sampler.point for sampler in order}
    for sampler in order * _MOST_PASSES:
        if perf_counter() + sampler.run_s > deadline:
            continue
        left_out.discard(sampler.point)
        yield Started(sampler.point)
        try:
            work = works.get(sampler.point)
            if work is None:
                one = watched.get(id(sampler.job)) or observed(sampler.job, instrument)[0]
                watched[id(sampler.job)] = one
                works[sampler.point] = work = build_work(one, sampler.point, sampler.value, sampler.pool)
            found = list(_traced(sampler, work, instrument))
        except BaseException as error:  # an error of the target, which the sweep has reported
            INTERRUPTS.pass_on(error)
            continue
        yield from found
    if left_out:
        points = "the point" if len(order) == 1 else f"{len(left_out)} of {len(order)} points"
        missing = f"the budget left no time to trace {points}: the times of the nodes are missing there"
        yield Caveat("nodes-budget", f"{missing}; raise the budget, or trace the point", None)


def _traced(sampler: PointSampler, work: Work, instrument: SpanInstrument) -> Iterator[Record]:
    with instrument.watching(sampler.point, sampler.pool):
        work.once()
    traced, spans, _ = instrument.collect(sampler.point)
    yield from node_records(traced, spans)
