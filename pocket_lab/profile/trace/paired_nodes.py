"""Times of the nodes of two compared graphs: batches of both with a recorder of spans, alternately, after the verdicts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from time import perf_counter

from pocket_lab.executors.faults.interrupts import INTERRUPTS
from pocket_lab.measure.job import Job
from pocket_lab.measure.paired.pair import Pair, Side, order
from pocket_lab.measure.paired.paired_job import PairedJob
from pocket_lab.measure.points.combinations import Combinations
from pocket_lab.measure.timing.rebuild import Renewable
from pocket_lab.measure.work import build_work
from pocket_lab.profile.trace.instrument import MOST_SPANS, SpanInstrument, observed
from pocket_lab.profile.trace.self_time import node_records
from pocket_lab.records.progress import Started
from pocket_lab.records.record import Record
from pocket_lab.records.spans import NodeTime

_MOST_ROUNDS, _FEWEST_ROUNDS = 40, 5
_WARM_ENOUGH_S = 0.003
_OVERHEAD = 1.5  # times the batches of a round, before one is known: the recorder and its calibration


def trace_paired_nodes(paired: PairedJob, pairs: Sequence[Pair], deadline: float) -> Iterator[Record]:
    """For each pair up to 40 rounds: of both sides in random order a Traced, and a NodeTime of one run for each node.

    Both graphs are rebuilt for every round, as for the blocks of a verdict. Nothing is traced under load, where a run is no
    unit, nor of a pair whose rounds do not fit before the deadline. An error of the target ends its pair.
    """
    if not (paired.a.runs_graphs and paired.b.runs_graphs):
        return
    sources = (paired.a, Renewable(paired.a.target)), (paired.b, Renewable(paired.b.target))
    traced = [pair for pair in pairs if pair.a.point.drive != "load"]
    for done, pair in enumerate(traced):
        begun = perf_counter()
        end = begun + (deadline - begun) / (len(traced) - done)
        round_s = _OVERHEAD * sum(side.run_s * side.loops for side in (pair.a, pair.b))
        if begun + _FEWEST_ROUNDS * round_s > end:
            continue
        yield from _rounds(pair, sources, round_s, end)


def _rounds(pair: Pair, sources: Sequence[tuple[Job, Renewable]], round_s: float, end: float) -> Iterator[Record]:
    begun = perf_counter()
    for number in range(1, _MOST_ROUNDS + 1):
        if perf_counter() + round_s > end:
            return
        for side, (job, build) in order.sample(list(zip((pair.a, pair.b), sources, strict=True)), 2):
            yield Started(side.point)
            try:
                target, _shift = build.build()
                found = list(_traced(side, Combinations(replace(job, target=target)).of(side.point), pair))
            except BaseException as error:  # an error of the target, which the rounds of its pair did not meet
                INTERRUPTS.pass_on(error)
                return
            yield from found
        round_s = (perf_counter() - begun) / number


def _traced(side: Side, job: Job, pair: Pair) -> Iterator[Record]:
    instrument = SpanInstrument()
    watched, _ = observed(job, instrument)
    assert pair.value is not None
    work = build_work(watched, side.point, pair.value.copy(), side.pool)
    loops = side.loops
    if loops > 1 or side.run_s < _WARM_ENOUGH_S:
        with instrument.watching(side.point, side.pool):
            work.time(1)
            _, spans, _ = instrument.collect(side.point)
        loops = max(1, min(loops, MOST_SPANS // max(len(spans), 1)))
        work.time(max(1, loops // 2))
    with instrument.watching(side.point, side.pool):
        work.time(loops)
    traced, spans, _ = instrument.collect(side.point)
    yield replace(traced, wall_s=traced.wall_s / loops, visits=traced.visits // loops)
    for record in node_records(traced, spans):
        yield _of_one_run(record, loops)


def _of_one_run(record: NodeTime, loops: int) -> NodeTime:
    return replace(
        record,
        calls=record.calls // loops,
        wall_s=record.wall_s / loops,
        queue_s=record.queue_s / loops,
        errors=record.errors // loops,
    )
