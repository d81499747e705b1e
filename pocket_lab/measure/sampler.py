"""The sampler: interleaved rounds over the points of a job until each is precise enough or the budget ends."""

from __future__ import annotations

import gc
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from time import perf_counter

from pocket_lab.measure.environment import read_environment
from pocket_lab.measure.job import Job
from pocket_lab.measure.point_sampler import PointSampler
from pocket_lab.measure.timing.caches import cache_caveats
from pocket_lab.measure.timing.pools import Pools
from pocket_lab.records.progress import Closed
from pocket_lab.records.record import Record

_LONGEST_BATCH_S = 0.003  # shorter than the time slice of a busy machine, so that most batches run undisturbed
_SHORTEST_BATCH_S = 0.001
_BATCHES_A_POINT = 40
_MOST_ROUNDS = 10_000
_AFTERWARDS = 0.1
_GC = "on, collected before each round; what was there before the first round is frozen"


Afterwards = Callable[[Job, Sequence[PointSampler], float], Iterator[Record]]


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
        samplers = [PointSampler(point, pools.of(point)) for point in job.points]
        for sampler in samplers:
            sampler.recall(job.earlier)
        gc.freeze()
        stack.callback(gc.unfreeze)
        deadline = perf_counter() + job.sweep.budget_s
        batch_s = min(_LONGEST_BATCH_S, max(_SHORTEST_BATCH_S, job.sweep.budget_s / len(samplers) / _BATCHES_A_POINT))
        ready: list[PointSampler] = []
        for sampler in sorted(samplers, key=lambda sampler: sampler.point.size or 0):
            if perf_counter() > deadline:
                yield Closed(sampler.point, "budget")
            elif (yield from sampler.prepare(job, batch_s)):
                ready.append(sampler)
        if ready and perf_counter() < deadline:
            yield from min(ready, key=lambda sampler: sampler.batch_s / max(sampler.loops, 1)).probe(job)
        measured = list(ready)
        needed_s = (
            0.0 if afterwards is None else min(2 * sum(sampler.run_s for sampler in ready), _AFTERWARDS * job.sweep.budget_s)
        )
        yield from _rounds(job, ready, deadline - needed_s)
        if afterwards is not None:
            yield from afterwards(job, [sampler for sampler in measured if not sampler.has_failed], deadline)


def _rounds(job: Job, samplers: list[PointSampler], deadline: float) -> Iterator[Record]:
    gc.collect()
    gc.freeze()
    order = random.Random()  # not the module's own generator, which a target may seed
    first = max((earlier.round for earlier in job.earlier), default=0) + 1
    for round_number in range(first, first + _MOST_ROUNDS):
        if not samplers:
            return
        gc.collect()
        order.shuffle(samplers)
        for sampler in list(samplers):
            if perf_counter() > deadline:
                yield from sampler.closed("budget")
                samplers.remove(sampler)
            elif not (yield from sampler.visit(round_number)):
                samplers.remove(sampler)
            elif sampler.is_precise(job.sweep.precision):
                samplers.remove(sampler)
                yield from sampler.closed("done")
    for sampler in samplers:
        yield from sampler.closed("done")
