"""Two targets measured against each other: pairs of batches in every round, both targets built anew for every block."""

from __future__ import annotations

import gc
import math
import random
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from statistics import median
from time import perf_counter
from typing import Any

from pocket_lab.errors import ProcessDied
from pocket_lab.measure.batch import calibrate, time_batch
from pocket_lab.measure.drive import Work, build_input, build_work
from pocket_lab.measure.environment import read_environment
from pocket_lab.measure.failed import failed_point
from pocket_lab.measure.idle import Idle, read_idle
from pocket_lab.measure.interval import BLOCKS, half_width
from pocket_lab.measure.job import Job
from pocket_lab.measure.pools import Pools
from pocket_lab.measure.process import stream
from pocket_lab.measure.rebuild import Renewable
from pocket_lab.measure.sampler import LONGEST_BATCH_S, SHORTEST_BATCH_S
from pocket_lab.records import Block, Closed, Failure, Planned, Point, Record, Sample, Started, Status, Waits
from pocket_lab.run.outcome import pack_error
from pocket_lab.run.pool import Pool

ROUNDS_A_BLOCK = 8
_MOST_BLOCKS = 1000


@dataclass(frozen=True, slots=True)
class Duel:
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

    def parts(self) -> dict[str, Any]:
        """What of the user's is sent, by name."""
        return {**self.a.parts(), **self.b.parts()}


@dataclass(slots=True)
class _Side:
    """One point of a pair: its work as it was built for this block, and what its thread did so far."""

    point: Point
    pool: Pool
    value: Any
    work: Work | None = None
    loops: int = 0
    batches: int = 0
    idle: Idle = field(default_factory=Idle)
    wall_s: float = 0.0
    cpu_s: float = 0.0

    def prepare(self, job: Job, batch_s: float) -> None:
        """Build the work on a new target and warm it up; the number of runs in a batch is found once."""
        self.work = build_work(job, self.point, self.value, self.pool)
        if self.loops:
            time_batch(self.work, max(1, self.loops // 2), self.pool)
        else:
            self.loops, _ = calibrate(self.work, self.pool, batch_s)

    def visit(self, round_number: int) -> Sample:
        """One batch."""
        assert self.work is not None
        before = read_idle()
        timing = time_batch(self.work, self.loops, self.pool)
        self.idle += read_idle() - before
        self.batches, self.wall_s, self.cpu_s = self.batches + 1, self.wall_s + timing.wall_s, self.cpu_s + timing.cpu_s
        return Sample(self.point, round_number, self.loops, timing.wall_s, timing.cpu_s, self.work.items * self.loops)

    def waits(self) -> Waits:
        """What its thread did."""
        return Waits(self.point, self.batches, self.wall_s, self.cpu_s, self.idle.queued_s, self.idle.switches)


@dataclass(slots=True)
class _Pair:
    a: _Side
    b: _Side
    log_ratios: list[float] = field(default_factory=list)  # of wall times, one a block
    rounds: list[float] = field(default_factory=list)  # the same of this block, one a round

    def close_block(self) -> None:
        """Turn the rounds of a block into one value."""
        self.log_ratios.append(median(self.rounds))
        self.rounds = []

    def is_precise(self, precision: float) -> bool:
        """Whether the interval over ten blocks or more is narrow enough; its place has no say in that."""
        return len(self.log_ratios) >= BLOCKS and half_width(self.log_ratios) <= precision


def compete(duel: Duel) -> Generator[Record]:
    """The records of a duel, as they are made, from a process of its own."""
    yield Planned(duel.points, duel.budget_s)
    try:
        yield from stream(fight, duel)
    except ProcessDied as died:
        yield Failure(None, pack_error(died))


def fight(duel: Duel) -> Iterator[Record]:
    """Measure every pair of the duel; yields Environment, Caveats, then Blocks with their Samples, at last Closed and Waits.

    Inputs are built once a point. An error of the target closes its pair.
    """
    yield read_environment()
    yield from dict.fromkeys((*duel.a.caveats, *duel.b.caveats))
    with ExitStack() as stack:
        pools = Pools(duel.points, stack)
        pairs = [
            _Pair(_Side(a, pools.of(a), build_input(duel.a, a)), _Side(b, pools.of(b), build_input(duel.b, b)))
            for a, b in zip(duel.a.points, duel.b.points, strict=True)
        ]
        deadline = perf_counter() + duel.budget_s
        batches = len(pairs) * 2 * BLOCKS * (ROUNDS_A_BLOCK + 1)
        batch_s = min(LONGEST_BATCH_S, max(SHORTEST_BATCH_S, duel.budget_s / batches / 2))
        yield from _blocks(duel, pairs, batch_s, deadline)


def _blocks(duel: Duel, pairs: list[_Pair], batch_s: float, deadline: float) -> Iterator[Record]:
    open_pairs = list(pairs)
    build_a, build_b = Renewable(duel.a.target), Renewable(duel.b.target)
    for number in range(1, _MOST_BLOCKS + 1):
        if not open_pairs:
            return
        yield Block(number)
        (a, _shift_a), (b, _shift_b) = build_a.build(), build_b.build()
        gc.collect()
        jobs = replace(duel.a, target=a), replace(duel.b, target=b)
        for pair in list(open_pairs):
            if not (yield from _prepared(pair, jobs, batch_s)):
                open_pairs.remove(pair)
        for step in range(ROUNDS_A_BLOCK):
            for pair in random.sample(open_pairs, len(open_pairs)):
                if perf_counter() > deadline:
                    yield from _ended(open_pairs, "budget")
                    return
                if not (yield from _visited(pair, (number - 1) * ROUNDS_A_BLOCK + step + 1)):
                    open_pairs.remove(pair)
        for pair in list(open_pairs):
            pair.close_block()
            if pair.is_precise(duel.precision):
                open_pairs.remove(pair)
                yield from _ended([pair], "done")
    yield from _ended(open_pairs, "done")


def _prepared(pair: _Pair, jobs: tuple[Job, Job], batch_s: float) -> Generator[Record, None, bool]:
    """Both sides built on their new targets; False where one failed."""
    for side, job in zip((pair.a, pair.b), jobs, strict=True):
        yield Started(side.point)
        try:
            side.prepare(job, batch_s)
        except (Exception, SystemExit) as error:
            yield from failed_point(side.point, 0, error)
            return False
    return True


def _visited(pair: _Pair, round_number: int) -> Generator[Record, None, bool]:
    """Both sides in random order; False where one failed."""
    times = {}
    for side in random.sample((pair.a, pair.b), 2):
        try:
            sample = side.visit(round_number)
        except (Exception, SystemExit) as error:
            yield from failed_point(side.point, round_number, error)
            return False
        times[id(side)] = sample.wall_s / sample.loops
        yield sample
    if all(times.values()):
        pair.rounds.append(math.log(times[id(pair.b)] / times[id(pair.a)]))
    return True


def _ended(pairs: list[_Pair], status: Status) -> Iterator[Record]:
    for pair in pairs:
        for side in (pair.a, pair.b):
            yield side.waits()
            yield Closed(side.point, status)
