"""The sampler: interleaved rounds over the points of a job, until each is precise enough or the budget ends."""

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
from pocket_lab.stats.run_time import run_seconds

_LONGEST_BATCH_S = 0.003  # shorter than the time slice of a busy machine, so that most batches run undisturbed
_SHORTEST_BATCH_S = 0.001
_BATCHES_PER_POINT = 40
_MOST_ROUNDS = 10_000
_AFTERWARDS_SHARE = 0.1
_GC = "on, collected before each round; objects older than the first round are frozen"


Afterwards = Callable[[Job, Sequence[PointSampler], float], Iterator[Record]]


def sample(job: Job, afterwards: Afterwards | None = None) -> Iterator[Record]:
    """Measure every point of the job; yields Environment, Caveats, Samples as they are taken, and Closed for each point.

    Garbage collection stays on, as in real use, but objects older than the first round, inputs included, are frozen, and
    each round starts with a collection. An exception of the target closes its point; the other points continue. The fastest
    point is built twice, and its rounds alternate between the builds: an A/A comparison that shows the noise of the sweep.
    `afterwards` is called with the measured points and the end of the budget; the rounds leave it up to a tenth of that.
    """
    yield replace(read_environment(), gc=_GC)
    yield from job.caveats
    yield from cache_caveats(job)
    with ExitStack() as stack:
        pools = Pools(job.points, stack)
        point_samplers = [PointSampler(point, pools.of(point)) for point in job.points]
        for point_sampler in point_samplers:
            point_sampler.recall(job.earlier)
        gc.freeze()
        stack.callback(gc.unfreeze)
        deadline = perf_counter() + job.sweep.budget_s
        batch_s = min(_LONGEST_BATCH_S, max(_SHORTEST_BATCH_S, job.sweep.budget_s / len(point_samplers) / _BATCHES_PER_POINT))
        ready: list[PointSampler] = []
        for point_sampler in sorted(point_samplers, key=lambda point_sampler: point_sampler.point.size or 0):
            if perf_counter() > deadline:
                yield Closed(point_sampler.point, "budget")
            elif (yield from point_sampler.prepare(job, batch_s)):
                ready.append(point_sampler)
        if ready and perf_counter() < deadline:
            yield from min(
                ready, key=lambda point_sampler: run_seconds(point_sampler.batch_s, max(point_sampler.loops, 1))
            ).probe(job)
        measured = list(ready)
        run_s = sum(point_sampler.run_s for point_sampler in ready)
        needed_s = 0.0 if afterwards is None else min(2 * run_s, _AFTERWARDS_SHARE * job.sweep.budget_s)
        yield from _rounds(job, ready, deadline - needed_s)
        if afterwards is not None:
            yield from afterwards(job, [point_sampler for point_sampler in measured if not point_sampler.has_failed], deadline)


def _rounds(job: Job, point_samplers: list[PointSampler], deadline: float) -> Iterator[Record]:
    gc.collect()
    gc.freeze()
    order = random.Random()  # not the module's own generator, which a target may seed
    first = max((earlier.round for earlier in job.earlier), default=0) + 1
    for round_number in range(first, first + _MOST_ROUNDS):
        if not point_samplers:
            return
        gc.collect()
        order.shuffle(point_samplers)
        for point_sampler in list(point_samplers):
            if perf_counter() > deadline:
                yield from point_sampler.closed("budget")
                point_samplers.remove(point_sampler)
            elif not (yield from point_sampler.visit(round_number)):
                point_samplers.remove(point_sampler)
            elif point_sampler.is_precise(job.sweep.precision):
                point_samplers.remove(point_sampler)
                yield from point_sampler.closed("done")
    for point_sampler in point_samplers:
        yield from point_sampler.closed("done")
