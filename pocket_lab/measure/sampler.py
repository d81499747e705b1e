"""The sampler: interleaved rounds over the points of a job until each is precise enough or the budget ends."""

from __future__ import annotations

import gc
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from time import perf_counter

from pocket_lab.measure.caches import cache_caveats
from pocket_lab.measure.environment import read_environment
from pocket_lab.measure.job import Job
from pocket_lab.measure.lane import Lane
from pocket_lab.measure.pools import Pools
from pocket_lab.records.progress import Closed
from pocket_lab.records.record import Record

_LONGEST_BATCH_S = 0.003  # shorter than the time slice of a busy machine, so that most batches run undisturbed
_SHORTEST_BATCH_S = 0.001
_BATCHES_A_POINT = 40
_MOST_ROUNDS = 10_000
_AFTERWARDS = 0.1
_GC = "on, collected before each round; what was there before the first round is frozen"


Afterwards = Callable[[Job, Sequence[Lane], float], Iterator[Record]]


def sample(job: Job, afterwards: Afterwards | None = None) -> Iterator[Record]:
    """Measure every point of the job; yields Environment, Caveats, then Samples as they are made and a Closed for each point.

    Garbage collection stays on, as where the target will be used, but what exists before the first round, inputs included,
    is frozen out of it, and each round starts collected. An exception of the target closes its point; the others go on.
    The quickest point is built twice, and its rounds take turns: an A/A comparison that tells the noise of the sweep.
    `afterwards` is called with the points that were measured and the end of the budget, of which the rounds leave it up to a
    tenth.
    """
    yield replace(read_environment(), gc=_GC)
    yield from job.caveats
    yield from cache_caveats(job)
    with ExitStack() as stack:
        pools = Pools(job.points, stack)
        lanes = [Lane(point, pools.of(point)) for point in job.points]
        for lane in lanes:
            lane.recall(job.earlier)
        gc.freeze()
        stack.callback(gc.unfreeze)
        deadline = perf_counter() + job.sweep.budget_s
        batch_s = min(_LONGEST_BATCH_S, max(_SHORTEST_BATCH_S, job.sweep.budget_s / len(lanes) / _BATCHES_A_POINT))
        ready: list[Lane] = []
        for lane in sorted(lanes, key=lambda lane: lane.point.size or 0):
            if perf_counter() > deadline:
                yield Closed(lane.point, "budget")
            elif (yield from lane.prepare(job, batch_s)):
                ready.append(lane)
        if ready and perf_counter() < deadline:
            yield from min(ready, key=lambda lane: lane.batch_s / max(lane.loops, 1)).probe(job)
        measured = list(ready)
        needed_s = 0.0 if afterwards is None else min(2 * sum(lane.run_s for lane in ready), _AFTERWARDS * job.sweep.budget_s)
        yield from _rounds(job, ready, deadline - needed_s)
        if afterwards is not None:
            yield from afterwards(job, [lane for lane in measured if not lane.has_failed], deadline)


def _rounds(job: Job, lanes: list[Lane], deadline: float) -> Iterator[Record]:
    gc.collect()
    gc.freeze()
    order = random.Random()  # not the module's own generator, which a target may seed
    first = max((earlier.round for earlier in job.earlier), default=0) + 1
    for round_number in range(first, first + _MOST_ROUNDS):
        if not lanes:
            return
        gc.collect()
        order.shuffle(lanes)
        for lane in list(lanes):
            if perf_counter() > deadline:
                yield from lane.closed("budget")
                lanes.remove(lane)
            elif not (yield from lane.visit(round_number)):
                lanes.remove(lane)
            elif lane.is_precise(job.sweep.precision):
                lanes.remove(lane)
                yield from lane.closed("done")
    for lane in lanes:
        yield from lane.closed("done")
