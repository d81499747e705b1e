"""Two targets measured against each other: pairs of batches in every round, both targets built anew for every block."""

from __future__ import annotations

import gc
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

from pocket_lab.errors import ProcessDied
from pocket_lab.executors.registry import is_remote
from pocket_lab.measure.environment import read_environment
from pocket_lab.measure.failed_point import failed_point
from pocket_lab.measure.job import Job
from pocket_lab.measure.paired.pair import BLOCKS, MOST_ROUNDS, Pair, Side, order
from pocket_lab.measure.timing.caches import cache_caveats
from pocket_lab.measure.timing.pools import Pools
from pocket_lab.measure.timing.rebuild import Renewable
from pocket_lab.measure.worker.batch_timeout import within_timeout
from pocket_lab.measure.worker.budget import Budget
from pocket_lab.measure.worker.process import stream
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.point import Point
from pocket_lab.records.progress import Closed, Planned, Started
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Block
from pocket_lab.stats.huber import student_quantile

_MOST_BLOCKS = 1000
_LONGEST_BATCH_S, _SHORTEST_BATCH_S = 0.003, 0.001  # shorter than the time slice of a busy machine
_BLOCKS_WANTED, _ROUNDS_WANTED = 16, 16
_GC = "on, collected before each block; what was there before the first one is frozen"
_IN_SAMPLES = 0.8  # of the time; the rest goes to building anew and warming up


@dataclass(frozen=True, slots=True)
class PairedJob:
    """Two jobs whose points stand against each other, the first of one against the first of the other and so on.

    A pair is done when half the interval of its ratio is within `precision`, or the `budget_s` of all ends.
    """

    a: Job
    b: Job
    precision: float
    budget_s: float
    scratch: str = ""

    @property
    def points(self) -> tuple[Point, ...]:
        """The points in pairs: of a, of b, of a, of b ..."""
        return tuple(point for pair in zip(self.a.points, self.b.points, strict=True) for point in pair)

    @property
    def hint(self) -> str:
        """What helps where a part cannot be sent."""
        return "build it inside the function that uses it"

    def parts(self) -> dict[str, Any]:
        """What of the user's is sent, by name."""
        return {**self.a.parts(), **self.b.parts()}

    def without(self, points: set[Point], budget_s: float) -> PairedJob:
        """What is left to do without the pairs of these points."""
        kept = [pair for pair in zip(self.a.points, self.b.points, strict=True) if not points & set(pair)]
        a, b = (tuple(pair[side] for pair in kept) for side in (0, 1))
        return replace(
            self, a=replace(self.a, points=a, caveats=()), b=replace(self.b, points=b, caveats=()), budget_s=budget_s
        )


def measure_pairs(paired: PairedJob) -> Generator[Record]:
    """The records of a paired, as they are made, from a process of its own.

    Where that dies, the pair under way has failed, and the others go on in a new one within what is left of the budget.
    """
    yield Planned(paired.points, paired.budget_s)
    budget = Budget(paired.budget_s)
    closed: set[Point] = set()
    while paired.a.points:
        at: Point | None = None
        try:
            with closing(stream(sample_pairs, paired)) as records:
                for record in budget.spent_on(within_timeout(records, paired.a.sweep.point_timeout_s)):
                    if isinstance(record, Started):
                        at = record.point
                    elif isinstance(record, Closed):
                        closed.add(record.point)
                    yield record
            return
        except ProcessDied as died:
            if not closed.symmetric_difference(paired.points):
                yield Caveat("died-at-end", f"all was measured, and then {died}")
                return
            if at is None:
                raise
            yield from failed_point(at, 0, died)
            closed.add(at)
        paired = paired.without(closed, max(budget.left_s, 0.0))


def sample_pairs(paired: PairedJob) -> Iterator[Record]:
    """Measure every pair of the paired; yields Environment, Caveats, then Blocks with their Samples and Waits, and Closed last.

    Both sides of a pair get copies of one input. An error of a side closes its pair; the others go on.
    """
    environment = replace(read_environment(), gc=_GC)
    student_quantile(BLOCKS - 1)  # loads scipy now, before the clock of the budget starts
    yield environment
    yield from dict.fromkeys((*paired.a.caveats, *paired.b.caveats, *cache_caveats(paired.a, paired.b)))
    with ExitStack() as stack:
        pools = Pools(paired.points, stack)
        gc.freeze()  # what is there now is not looked through in every block
        stack.callback(gc.unfreeze)
        yield from _blocks(paired, [Pair(Side(a, pools.of(a)), Side(b, pools.of(b))) for a, b in _pairs(paired)])


def _pairs(paired: PairedJob) -> Iterator[tuple[Point, Point]]:
    return zip(paired.a.points, paired.b.points, strict=True)


def _blocks(paired: PairedJob, pairs: list[Pair]) -> Iterator[Record]:
    deadline = perf_counter() + paired.budget_s
    block_s = paired.budget_s / len(pairs) / _BLOCKS_WANTED * _IN_SAMPLES
    batch_s = min(_LONGEST_BATCH_S, max(_SHORTEST_BATCH_S, block_s / _ROUNDS_WANTED / 2))
    builds = Renewable(paired.a.target), Renewable(paired.b.target)
    for number in range(1, _MOST_BLOCKS + 1):
        if not pairs:
            return
        yield Block(number)
        (a, _shift_a), (b, _shift_b) = (build.build() for build in builds)
        gc.collect()
        for pair in list(pairs):
            if perf_counter() > deadline:
                break
            jobs = _job_for(pair.a, paired.a, a), _job_for(pair.b, paired.b, b)
            if not (yield from pair.prepare(jobs, batch_s, block_s)):
                pairs.remove(pair)
        for step in range(MOST_ROUNDS):
            for pair in order.sample(pairs, len(pairs)):
                if perf_counter() > deadline:
                    for late in pairs:
                        yield from late.ended("budget")
                    return
                if step < pair.rounds_a_block and not (yield from pair.visit()):
                    pairs.remove(pair)
        for pair in list(pairs):
            yield from pair.close_block()
            if pair.is_precise(paired.precision):
                pairs.remove(pair)
                yield from pair.ended("done")
    for pair in pairs:
        yield from pair.ended("done")


def _job_for(side: Side, job: Job, build: Any) -> Job:
    """The job with the new build; worker processes rebuild what they are sent anyhow, and find modules by their names."""
    return job if is_remote(side.point.executor) else replace(job, target=build)
