"""A pair of points under comparison: one input, a batch of each side in every round, and one log ratio per round."""

from __future__ import annotations

import math
import pickle
import random
from collections.abc import Callable, Generator, Iterator, Sized
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter
from typing import Any

from pocket_lab.executors.faults.interrupts import INTERRUPTS
from pocket_lab.executors.pickling import dumps
from pocket_lab.executors.pool import Pool
from pocket_lab.measure.failed_point import failed_point
from pocket_lab.measure.job import Job
from pocket_lab.measure.load.request_tally import RequestTally
from pocket_lab.measure.own_processes.child_processes import NONE, OF_FIRST_RUNS, Counted, counted_children
from pocket_lab.measure.paired.results import Results
from pocket_lab.measure.timing.batch import Runs, Timing, Work
from pocket_lab.measure.timing.caches import caches
from pocket_lab.measure.timing.mutation import Fingerprint
from pocket_lab.measure.timing.runs import build_input
from pocket_lab.measure.timing.waits_tally import WaitsTally
from pocket_lab.measure.work import build_work
from pocket_lab.measure.worker.seeds import restart_seeds
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.point import Point, Status
from pocket_lab.records.progress import Closed, Started
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Sample
from pocket_lab.stats.huber import huber_estimate
from pocket_lab.stats.median_interval import NAN
from pocket_lab.stats.run_time import run_seconds

MakeJob = Callable[[], Job]
MOST_ROUNDS = 64
BLOCKS = 10
_ALIKE = 2.0
_WARM_ENOUGH_S = 0.003

order = random.Random()  # not the module's own generator, which a target may seed


class SharedInput:
    """An input that is built once and copied for each use, so that a target which changes it has no effect on later uses."""

    def __init__(self, job: Job, point: Point) -> None:
        value = build_input(job, point)
        self._value = list(value) if point.drive == "map" and not isinstance(value, Sized) else value
        try:
            self._pickled: bytes | None = dumps(self._value)
        except Exception:  # any class may fail to pickle in its own way; then both sides share the original
            self._pickled = None

    def copy(self) -> Any:
        """A new copy, or the value itself where it cannot be copied."""
        return self._value if self._pickled is None else pickle.loads(self._pickled)


@dataclass(slots=True)
class Side:
    """One point of a pair: its work as it was built for this block, and what its workers did meanwhile."""

    point: Point
    pool: Pool
    work: Work | None = None
    loops: int = 0
    run_s: float = 0.0
    runs_s: list[float] = field(default_factory=list)  # of the batches since it was built
    requests: RequestTally = field(default_factory=RequestTally)
    waits: WaitsTally = field(init=False)
    children: Counted | None = None  # of the first runs

    def __post_init__(self) -> None:
        self.waits = WaitsTally(self.point, self.pool)

    def prepare(self, job: Job, value: Any, batch_s: float, single: bool) -> None:
        """Build the work on a new target and warm it up; the time of a run is calibrated once, then updated by each block.

        The update matters because the first batches may have been interrupted, and the very first run may have imported
        modules. A batch has one run if `single`.
        """
        self.work = build_work(job, self.point, value, self.pool)
        if single and isinstance(self.work, Runs) and self.work.reset is None:
            self.work.reset = _nothing
        if not self.loops or self.point.drive == "load":
            with counted_children(self.pool, NONE) as self.children:
                timing = self.work.calibrate(batch_s)
            self.loops = max(timing.loops, 1)  # none, where no request was answered
            self.run_s = run_seconds(timing.wall_s, self.loops)  # under load its share of a window: this plans batches
            return
        if self.runs_s:
            self.run_s = median(self.runs_s)
        self.runs_s.clear()
        if self.loops > 1 or self.run_s < _WARM_ENOUGH_S:
            self.work.time(max(1, self.loops // 2))

    def loops_for(self, batch_s: float) -> int:
        """The number of runs in a batch: the present one, or more where a batch takes less than half of `batch_s`."""
        if not self.is_free or not 0 < self.run_s * self.loops < batch_s / 2:
            return self.loops
        return max(self.loops, round(batch_s / self.run_s))

    @property
    def is_free(self) -> bool:
        """Whether a batch may have any number of runs: not under load, nor where each run needs a preparation."""
        return isinstance(self.work, Runs) and self.work.is_free

    def visit(self) -> Timing:
        """One batch."""
        assert self.work is not None
        self.waits.begin()
        timing = self.work.time(self.loops)
        self.waits.end(timing)
        self.runs_s.append(run_seconds(timing.wall_s, self.loops))
        self.requests.count(timing)
        return timing


@dataclass(slots=True)
class Pair:
    """Two sides, their measurements, and the number of rounds in a block."""

    a: Side
    b: Side
    results: Results
    value: SharedInput | None = None
    round: int = 0
    rounds_a_block: int = MOST_ROUNDS
    blocks: list[list[tuple[float, float]]] = field(default_factory=list)  # log ratios of wall and CPU time of every round
    block: list[tuple[float, float]] = field(default_factory=list)  # those of this block
    prepare_s: float = 0.0  # of the last block but the first, which calibrates
    has_failed: bool = False

    def prepare(self, makers: tuple[MakeJob, MakeJob], batch_s: float, block_s: float) -> Generator[Record, None, bool]:
        """Build both sides on their new targets; a block is as many rounds as fit into its time. False where one failed.

        The jobs are made here, since the function that makes the target of a point may fail. Where the caches of one side are
        cleared before each run, batches of the other have a single run too.
        """
        begun, is_first = perf_counter(), not self.a.loops
        jobs: list[Job] = []
        for side, make in zip((self.a, self.b), makers, strict=True):
            if side.point.params:
                yield Started(side.point)
            try:
                jobs.append(make())
            except BaseException as error:
                INTERRUPTS.pass_on(error)
                yield from self.failed(side, error)
                return False
        single = any(job.sweep.caches == "cold" and caches(job.target) for job in jobs)
        for side, job in zip((self.a, self.b), jobs, strict=True):
            yield Started(side.point)
            if self.value is None:
                restart_seeds()
            try:
                is_new, self.value = self.value is None, self.value or SharedInput(job, side.point)
            except BaseException as error:
                INTERRUPTS.pass_on(error)
                yield from self.failed(side, error)
                return False
            if is_new:
                yield Started(side.point)  # the point timeout is for the batch, without building the input
            try:
                found = self._prepared(side, job, batch_s, single)
            except BaseException as error:
                INTERRUPTS.pass_on(error)
                yield from self.failed(side, error)
                return False
            yield from found
        yield from self.results.caveats()
        self._level(batch_s)
        self.rounds_a_block = max(1, min(MOST_ROUNDS, int(block_s / max(self.round_s, 1e-9))))
        self.prepare_s = 0.0 if is_first else perf_counter() - begun
        return True

    def _prepared(self, side: Side, job: Job, batch_s: float, single: bool) -> list[Caveat]:
        """Build a side on a copy of the input; the caveats about the input and the first result."""
        assert self.value is not None
        value = self.value.copy()
        before = None if side.loops or job.sweep.fresh_input else Fingerprint(value)
        if not side.loops:
            restart_seeds()  # so that the first runs of both sides, whose results are compared, get the same numbers
        side.prepare(job, value, batch_s, single)
        found = [] if before is None else list(before.caveats(value, side.point))
        is_changed = before is not None and before.changed(value)
        if side.children is not None:
            found += side.children.caveats(side.point, OF_FIRST_RUNS)
            side.children = None
        return [*found, *self.results.take(side.point, side.work, is_changed)]

    @property
    def round_s(self) -> float:
        """The seconds that a round will take: 0 before it is known."""
        return self.a.run_s * self.a.loops + self.b.run_s * self.b.loops

    def _level(self, batch_s: float) -> None:
        """Give batches enough runs, and both sides as many of them where their runs take about as long.

        A longer batch is interrupted more often, and a shorter one runs on colder caches: on a busy machine two sizes of
        batch of one function differ by more than half in wall time and by some per cent in CPU time.
        """
        a, b = self.a.loops_for(batch_s), self.b.loops_for(batch_s)
        if self.a.point.drive != "load" and max(self.a.run_s, self.b.run_s) <= _ALIKE * min(self.a.run_s, self.b.run_s):
            a = b = max(a, b) if self.a.is_free and self.b.is_free else min(a, b)
        self.a.loops, self.b.loops = a, b

    def visit(self) -> Generator[Record, None, bool]:
        """A round: both sides in random order; False where one failed."""
        self.round += 1
        runs_s: dict[str, tuple[float, float]] = {}
        for side in order.sample((self.a, self.b), 2):
            yield Started(side.point)
            try:
                timing = side.visit()
            except BaseException as error:
                INTERRUPTS.pass_on(error)
                yield from self.failed(side, error)
                return False
            cpu_s = timing.cpu_s / timing.loops if timing.loops else 0.0
            runs_s["a" if side is self.a else "b"] = (timing.run_s, cpu_s or NAN) if timing.loops else (0.0, NAN)
            if timing.answers is not None:
                yield timing.answers.latency(side.point, self.round)
            assert side.work is not None
            items = side.work.items * timing.loops
            yield Sample(side.point, self.round, timing.loops, timing.wall_s, timing.cpu_s, items)
        (wall_a, cpu_a), (wall_b, cpu_b) = runs_s["a"], runs_s["b"]
        if wall_a and wall_b:
            self.block.append((math.log(wall_b / wall_a), math.log(cpu_b / cpu_a)))
        return True

    def close_block(self) -> Iterator[Record]:
        """Store the rounds of a block; yields the waits of both sides in it."""
        if self.block:
            self.blocks.append(self.block)
        self.block = []
        yield self.a.waits.take()
        yield self.b.waits.take()

    def is_precise(self, precision: float) -> bool:
        """Whether the interval over ten blocks or more is narrow enough, wherever it is.

        It is that of CPU time where both sides keep one core busy, which others on the machine disturb far less.
        """
        if len(self.blocks) < BLOCKS:
            return False
        clock = 1 if self.a.waits.is_cpu_bound and self.b.waits.is_cpu_bound else 0
        logs = [[both[clock] for both in block if math.isfinite(both[clock])] for block in self.blocks]
        return sum(map(bool, logs)) >= BLOCKS and huber_estimate(logs).half_width <= precision

    def failed(self, side: Side, error: BaseException) -> Iterator[Record]:
        """The end of a pair of which one side failed."""
        self.has_failed = True
        yield from failed_point(side.point, self.round, error)
        yield Closed((self.b if side is self.a else self.a).point, "failed")

    def ended(self, status: Status) -> Iterator[Record]:
        """The end of a pair."""
        yield from self.close_block()
        for side in (self.a, self.b):
            yield from side.requests.caveats(side.point)
            yield Closed(side.point, status)


def _nothing() -> None:
    """A reset for a target without caches."""
