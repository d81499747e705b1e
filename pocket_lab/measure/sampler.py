"""The sampler: interleaved rounds over the points of a job, until each is precise enough or the budget ends."""

from __future__ import annotations

import gc
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from time import monotonic, perf_counter

from pocket_lab.measure.environment import read_environment
from pocket_lab.measure.itinerary import Itinerary
from pocket_lab.measure.job import Job
from pocket_lab.measure.point_sampler import PointSampler
from pocket_lab.measure.resume import run_seconds_by_point
from pocket_lab.measure.timing.caches import cache_caveats
from pocket_lab.measure.timing.captured import captured_caveats
from pocket_lab.measure.timing.heap import keep_freed_memory
from pocket_lab.measure.timing.pools import Pools
from pocket_lab.measure.timing.references import References
from pocket_lab.measure.worker.budget import deadline_of
from pocket_lab.measure.worker.gil import gil_caveats
from pocket_lab.measure.worker.native_limit import native_caveats
from pocket_lab.records.point import Point
from pocket_lab.records.progress import Closed, Forecast
from pocket_lab.records.record import Record
from pocket_lab.stats.median_interval import FEWEST

_LONGEST_BATCH_S = 0.003  # shorter than the time slice of a busy machine, so that most batches run undisturbed
_SHORTEST_BATCH_S = 0.001
_BATCHES_PER_POINT = 40
_MOST_ROUNDS = 10_000
_AFTERWARDS_SHARE, _PASSES_AFTERWARDS = 0.1, 8
_MEMORY_SHARE, _MEMORY_START_S = 0.4, 0.3  # of the budget at most; the start is longer than that of this process by so much
_MEMORY_POINT_S, _MEMORY_SLOWER = 0.3, 3.0  # to read the capture of a point; memray makes runs so many times longer
_SECOND_LOOK_SHARE = 0.25
_WORTH_TRYING = 0.25  # of the budget
_SHORTEST_WITH_REFERENCES_S = 3.0  # of a budget: they take a while to load, and need a while to mean something
_GC = "on, collected before each round; objects older than the first round are frozen"


Afterwards = Callable[[Job, Sequence[PointSampler], float], Iterator[Record]]


def sample(job: Job, afterwards: Afterwards | None = None) -> Iterator[Record]:
    """Measure every point that the budget holds; yields Environment, Caveats, Samples as they are taken, Closed for each point.

    Garbage collection stays on, as in real use, but objects older than the first round, inputs included, are frozen, and
    each round starts with a collection. An exception of the target closes its point; the other points continue. The fastest
    point is built twice, and its rounds alternate between the builds: an A/A comparison that shows the noise of the sweep.
    Points begin with the corners of the sweep; where the budget does not hold all of them, a Forecast says so at once.
    `afterwards` is called with the measured points and the end of the budget; the rounds leave it up to a tenth of that.
    """
    environment = replace(read_environment(), gc=_GC)
    yield environment
    yield from job.caveats
    yield from cache_caveats(job)
    yield from captured_caveats(job)
    with ExitStack() as stack:
        pools = Pools(job.points, stack)
        yield from pools.caveats()
        rounds = _Rounds(job, pools, afterwards is not None)
        gc.freeze()
        stack.callback(gc.unfreeze)
        yield from rounds.run()
        yield from gil_caveats(environment)
        if afterwards is not None:
            yield from afterwards(job, rounds.measured, rounds.end_s)


@dataclass(slots=True)
class _Rounds:
    """The points of a job on their way: waiting for their first run, open in the rounds, or closed."""

    job: Job
    pools: Pools
    has_afterwards: bool
    deadline_s: float = field(init=False)
    start_s: float = field(init=False)
    batch_s: float = field(init=False)
    itinerary: Itinerary = field(init=False)
    open: list[PointSampler] = field(default_factory=list)
    ready: list[PointSampler] = field(default_factory=list)
    has_warned: bool = False

    def __post_init__(self) -> None:
        sweep, points = self.job.sweep, self.job.points
        self.start_s = 0.0 if self.job.begun_s is None else monotonic() - self.job.begun_s
        self.deadline_s = deadline_of(sweep.budget_s, self.job.begun_s)
        self.batch_s = min(_LONGEST_BATCH_S, max(_SHORTEST_BATCH_S, sweep.budget_s / len(points) / _BATCHES_PER_POINT))
        self.itinerary = Itinerary(points, sweep.isolation == "process", run_seconds_by_point(self.job.earlier))

    @property
    def measured(self) -> list[PointSampler]:
        """The points that have not failed."""
        return [sampler for sampler in self.ready if not sampler.has_failed]

    @property
    def end_s(self) -> float:
        """When the work of this process ends: before a memory pass, which needs a process of its own and runs more slowly."""
        if not self.job.memory_pass:
            return self.deadline_s
        runs_s = sum(sampler.least_s for sampler in self.ready)
        return self.deadline_s - min(
            self.start_s + _MEMORY_START_S + len(self.ready) * _MEMORY_POINT_S + _MEMORY_SLOWER * runs_s,
            _MEMORY_SHARE * self.job.sweep.budget_s,
        )

    @property
    def rounds_end_s(self) -> float:
        """When the rounds end, so that what comes afterwards has its time."""
        if not self.has_afterwards:
            return self.end_s
        runs_s = sum(sampler.run_s for sampler in self.ready)
        return self.end_s - min(_PASSES_AFTERWARDS * runs_s, _AFTERWARDS_SHARE * self.job.sweep.budget_s)

    def run(self) -> Iterator[Record]:
        """Rounds until every point is closed."""
        yield from self._admit()
        yield from native_caveats(self.job.native_limit, self.pools.opened)  # before the references load a library
        sweep = self.job.sweep
        has_references = sweep.references and self.open and sweep.budget_s >= _SHORTEST_WITH_REFERENCES_S
        references = References() if has_references else None
        yield from self._probe()
        gc.collect()
        gc.freeze()
        reserve = keep_freed_memory() if self.open else []  # after the inputs, which would take it
        order = random.Random()  # not the module's own generator, which a target may seed
        first = max((earlier.round for earlier in self.job.earlier), default=0) + 1
        for number in range(first, first + _MOST_ROUNDS):
            if not self.open:
                break
            gc.collect()
            if references is not None:
                yield from references.visit(number)
            order.shuffle(self.open)
            yield from self._visit_all(number)
            yield from self._admit()
        del reserve
        for sampler in self.open:
            yield from sampler.closed("done")
        if self.itinerary.waiting:
            yield self._forecast()  # by now more is known
        yield from (Closed(point, "budget") for point in self.itinerary.waiting)

    def _visit_all(self, number: int) -> Iterator[Record]:
        for sampler in list(self.open):
            if perf_counter() + self._expected_s(sampler) + self._needed_by_shorter_s(sampler) > self.rounds_end_s:
                self.open.remove(sampler)
                yield from sampler.closed("budget")
            elif not (yield from sampler.visit(number)):
                self.open.remove(sampler)
            elif sampler.is_precise(self.job.sweep.precision) and not self._is_compared(sampler):
                self.open.remove(sampler)
                yield from sampler.closed("done")
            self.itinerary.learn(sampler.point, sampler.least_s)

    def _is_compared(self, sampler: PointSampler) -> bool:
        """Whether the point settled on its CPU time while others are measured at its size: speed-ups take common rounds."""
        alike = [other for other in self.open if other is not sampler and other.point.size == sampler.point.size]
        return sampler.settled_on_cpu and any(not other.is_settled for other in alike)

    def _needed_by_shorter_s(self, sampler: PointSampler) -> float:
        """What points with shorter batches still need for an interval: a long one does not take that from them."""
        shorter = [other for other in self.open if other.batch_s < sampler.batch_s]
        return sum(self._until_interval_s(other) for other in shorter)

    def _until_interval_s(self, sampler: PointSampler) -> float:
        return max(sampler.batch_s, self.batch_s) * max(FEWEST - len(sampler.runs_s), 0)

    def _expected_s(self, sampler: PointSampler) -> float:
        """The time of the next batch at least: after a first run, which may have loaded a lot, a quarter of that is tried."""
        can_be_stopped = self.job.sweep.isolation == "process"
        return sampler.batch_s / 4 if can_be_stopped and not sampler.runs_s and sampler.loops == 1 else sampler.batch_s

    def _admit(self) -> Iterator[Record]:
        """Prepare the points that fit beside those in the rounds; time that the rounds turn out to leave brings in others."""
        while (point := self.itinerary.take(self._left_s, self._planned_s, self.batch_s, self._is_idle)) is not None:
            sampler = PointSampler(point, self.pools.of(point))
            sampler.recall(self.job.earlier)
            if not (yield from sampler.prepare(self.job, self.batch_s)):
                continue
            if sampler.loops == 1 and self._is_first_of(point) and sampler.batch_s < _SECOND_LOOK_SHARE * self._left_s:
                yield from sampler.look_again()
            self.open.append(sampler)
            self.ready.append(sampler)
            self.itinerary.learn(point, sampler.least_s)
        if self.itinerary.waiting and not self.has_warned:
            self.has_warned = True
            yield self._forecast()

    def _forecast(self) -> Forecast:
        needed_s = self.itinerary.needed_s(self.batch_s)
        return Forecast(len(self.job.points), len(self.ready), needed_s, self.job.sweep.budget_s)

    @property
    def _is_idle(self) -> bool:
        """Whether all that has begun has ended, with time left for more."""
        return bool(self.ready) and not self.open and self._left_s > _WORTH_TRYING * self.job.sweep.budget_s

    @property
    def _left_s(self) -> float:
        return self.rounds_end_s - perf_counter()

    @property
    def _planned_s(self) -> float:
        """The time of the rounds that the open points need for an interval."""
        return sum(self._until_interval_s(sampler) for sampler in self.open)

    def _is_first_of(self, point: Point) -> bool:
        """Whether no point of this executor has run yet: then the first run may have loaded what later ones find."""
        return all(sampler.point.executor != point.executor for sampler in self.ready)

    def _probe(self) -> Iterator[Record]:
        if self.open:
            fastest = min(self.open, key=lambda sampler: sampler.least_s)
            if fastest.batch_s * FEWEST < self._left_s:
                yield from fastest.probe(self.job)
