"""What each node of a benched graph takes: a run of each point with a recorder of spans, after the sweep."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from time import perf_counter

from pocket_lab.measure.drive import build_work
from pocket_lab.measure.job import Job
from pocket_lab.measure.lane import Lane
from pocket_lab.profile.self_time import node_records
from pocket_lab.profile.spans import SpanInstrument, observed
from pocket_lab.records import Record, Started


def trace_nodes(job: Job, lanes: Sequence[Lane], deadline: float) -> Iterator[Record]:
    """A NodeTime for each node of the points whose run still fits in before the deadline, the quickest points first.

    It is a pass of its own, on the inputs and the workers of the sweep. A short run is made twice where there is time for
    that, and the first one warms up. A point that fails here has no records.
    """
    instrument = SpanInstrument()
    watched, _ = observed(job, instrument)
    waiting = sorted(lanes, key=lambda lane: lane.run_s)
    left_s = sum(lane.run_s for lane in waiting)
    for lane in waiting:
        if perf_counter() + lane.run_s > deadline:
            return
        left_s -= lane.run_s
        yield Started(lane.point)
        with suppress(Exception, SystemExit):
            work = build_work(watched, lane.point, lane.value, lane.pool)
            with instrument.watching(lane.point, lane.pool):
                work.once()
            has_time = perf_counter() + left_s + lane.run_s < deadline
            if has_time and lane.point.drive != "load" and instrument.again():
                with instrument.watching(lane.point, lane.pool):
                    work.once()
            traced, spans, _ = instrument.seen(lane.point)
            yield from node_records(traced, spans)
