"""The sampler: interleaved rounds over the points of a job, until each is precise enough or the budget ends."""

from __future__ import annotations

import gc
import math
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from time import monotonic, perf_counter

from pocket_lab.measure.environment import read_environment
from pocket_lab.measure.itinerary import Itinerary
from pocket_lab.measure.job import Job
from pocket_lab.measure.point_sampler import PointSampler
from pocket_lab.measure.points.combinations import Combinations
from pocket_lab.measure.points.open_points import OpenPoints
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
from pocket_lab.records.samples import Latency, Sample
from pocket_lab.stats.median_interval import FEWEST

_LONGEST_BATCH_S = 0.003  # shorter than the time slice of a busy machine, so that most batches run undisturbed
_SHORTEST_BATCH_S = 0.001
_BATCHES_PER_POINT = 40
_MANY_BATCHES = 60
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
    combinations = Combinations(job)
    yield from cache_caveats(combinations.first)
    yield from captured_caveats(combinations.first)
    with ExitStack() as stack:
        pools = Pools(job.points, stack)
        yield from pools.caveats()
        rounds = _Rounds(job, combinations, pools, afterwards is not None)
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
    combinations: Combinations
    pools: Pools
    has_afterwards: bool
    deadline_s: float = field(init=False)
    start_s: float = field(init=False)
    batch_s: float = field(init=False)
    itinerary: Itinerary = field(init=False)
    open: OpenPoints[PointSampler] = field(init=False)
    ready: list[PointSampler] = field(default_factory=list)
    executors: set[str] = field(default_factory=set)
    has_warned: bool = False
    earlier: dict[Point, list[Sample | Latency]] = field(default_factory=dict)
    runs_s: dict[int, tuple[float, float]] = field(default_factory=dict)  # of those that are ready: run, shortest visit
    run_s: float = 0.0
    least_s: float = 0.0

    def __post_init__(self) -> None:
        sweep, points = self.job.sweep, self.job.points
        self.start_s = 0.0 if self.job.begun_s is None else monotonic() - self.job.begun_s
        self.deadline_s = deadline_of(sweep.budget_s, self.job.begun_s)
        self.batch_s = min(_LONGEST_BATCH_S, max(_SHORTEST_BATCH_S, sweep.budget_s / len(points) / _BATCHES_PER_POINT))
        self.itinerary = Itinerary(points, sweep.isolation == "process", run_seconds_by_point(self.job.earlier))
        self.open = OpenPoints(self.batch_s)
        for record in self.job.earlier:
            self.earlier.setdefault(record.point, []).append(record)

    @property
    def has_many(self) -> bool:
        """Whether the calibration of each point would take a good part of the budget."""
        return self.job.sweep.budget_s < _MANY_BATCHES * self.batch_s * len(self.job.points)

    @property
    def measured(self) -> list[PointSampler]:
        """The points that have not failed."""
        return [sampler for sampler in self.ready if not sampler.has_failed]

    @property
    def end_s(self) -> float:
        """When the work of this process ends: before a memory pass, which needs a process of its own and runs more slowly."""
        if not self.job.memory_pass:
            return self.deadline_s
        return self.deadline_s - min(
            self.start_s + _MEMORY_START_S + len(self.ready) * _MEMORY_POINT_S + _MEMORY_SLOWER * self.least_s,
            _MEMORY_SHARE * self.job.sweep.budget_s,
        )

    @property
    def rounds_end_s(self) -> float:
        """When the rounds end, so that what comes afterwards has its time."""
        if not self.has_afterwards:
            return self.end_s
        return self.end_s - min(_PASSES_AFTERWARDS * self.run_s, _AFTERWARDS_SHARE * self.job.sweep.budget_s)

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
            samplers = list(self.open)
            order.shuffle(samplers)
            yield from self._visit_all(samplers, number)
            yield from self._admit()
        del reserve
        for sampler in self.open:
            yield from sampler.closed("done")
        if self.itinerary.waiting:
            yield self._forecast()  # by now more is known
        yield from (Closed(point, "budget") for point in self.itinerary.waiting)

    def _visit_all(self, samplers: Sequence[PointSampler], number: int) -> Iterator[Record]:
        for sampler in samplers:
            if perf_counter() + self._expected_s(sampler) + self.open.needed_by_shorter_s(sampler) > self.rounds_end_s:
                self.open.remove(sampler)
                yield from sampler.closed("budget")
                continue
            if not (yield from sampler.visit(number)):
                self.open.remove(sampler)
            elif sampler.is_precise(self.job.sweep.precision) and not self._is_compared(sampler):
                self.open.remove(sampler)
                yield from sampler.closed("done")
            else:
                self.open.update(sampler)
            self._learn(sampler)

    def _learn(self, sampler: PointSampler) -> None:
        run_s, least_s = self.runs_s.get(id(sampler), (0.0, 0.0))
        self.runs_s[id(sampler)] = now_s = sampler.run_s, sampler.least_s
        self.run_s += now_s[0] - run_s
        self.least_s += now_s[1] - least_s
        if self.itinerary.waiting:
            self.itinerary.learn(sampler.point, sampler.least_s)

    def _is_compared(self, sampler: PointSampler) -> bool:
        """Whether the point settled on its CPU time while others are measured at its size: speed-ups take common rounds."""
        return sampler.settled_on_cpu and self.open.has_others_unsettled(sampler)

    def _expected_s(self, sampler: PointSampler) -> float:
        """The time of the next batch at least: after a first run, which may have loaded a lot, a quarter of that is tried."""
        can_be_stopped = self.job.sweep.isolation == "process"
        return sampler.batch_s / 4 if can_be_stopped and not sampler.runs_s and sampler.loops == 1 else sampler.batch_s

    def _admit(self) -> Iterator[Record]:
        """Prepare the points that fit beside those in the rounds; time that the rounds turn out to leave brings in others."""
        while (point := self.itinerary.take(self._left_s, self._planned_s, self.batch_s, self._is_idle)) is not None:
            sampler = PointSampler(point, self.pools.of(point))
            sampler.recall(self.earlier.get(point, ()))
            expected_s = self.itinerary.predict(point) if self.has_many else math.nan
            if not (yield from sampler.prepare(self.combinations, self.batch_s, expected_s)):
                continue
            if sampler.loops == 1 and self._is_first_of(point) and sampler.batch_s < _SECOND_LOOK_SHARE * self._left_s:
                yield from sampler.look_again()
            self.open.update(sampler)
            self.ready.append(sampler)
            self.executors.add(point.executor)
            self._learn(sampler)
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
        return self.open.planned_s

    def _is_first_of(self, point: Point) -> bool:
        """Whether no point of this executor has run yet: then the first run may have loaded what later ones find."""
        return point.executor not in self.executors

    def _probe(self) -> Iterator[Record]:
        if self.open:
            fastest = min(self.open, key=lambda sampler: sampler.least_s)
            if fastest.batch_s * FEWEST < self._left_s:
                yield from fastest.probe()
