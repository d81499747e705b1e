"""What each node of a benched graph takes: a run of each point with a recorder of spans, after the sweep."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from time import perf_counter

from pocket_lab.measure.batch import Work
from pocket_lab.measure.drive import build_work
from pocket_lab.measure.job import Job
from pocket_lab.measure.lane import Lane
from pocket_lab.profile.points import SHORT_S
from pocket_lab.profile.self_time import node_records
from pocket_lab.profile.spans import SpanInstrument, observed
from pocket_lab.records.point import Point
from pocket_lab.records.progress import Started
from pocket_lab.records.record import Record


def trace_nodes(job: Job, lanes: Sequence[Lane], deadline: float) -> Iterator[Record]:
    """A NodeTime for each node of the points whose run still fits in before the deadline, the quickest points first.

    It is a pass of its own, on the inputs and the workers of the sweep. Where time is left, short runs are made once more,
    since a first one has things to do that are done once; what they tell comes last. A point that fails has no records.
    """
    instrument = SpanInstrument()
    watched, _ = observed(job, instrument)
    works: dict[Point, Work] = {}
    order = sorted(lanes, key=lambda lane: lane.run_s)
    for lane in (*order, *(lane for lane in order if lane.run_s < SHORT_S)):
        if perf_counter() + lane.run_s > deadline:
            return
        yield Started(lane.point)
        try:
            work = works.get(lane.point) or build_work(watched, lane.point, lane.value, lane.pool)
            works[lane.point] = work
            yield from _traced(lane, work, instrument)
        except (Exception, SystemExit):  # the target's; the sweep has told what there is to tell
            continue


def _traced(lane: Lane, work: Work, instrument: SpanInstrument) -> Iterator[Record]:
    with instrument.watching(lane.point, lane.pool):
        work.once()
    traced, spans, _ = instrument.seen(lane.point)
    yield from node_records(traced, spans)
