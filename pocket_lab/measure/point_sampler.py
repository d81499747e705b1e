"""A point under measurement: its work, its samples so far, and whether they are precise enough.

Where one worker keeps a core busy, its CPU time decides when the point is done: on a busy machine it settles in a minute where
wall time never does. Both clocks are in every Sample.
"""

from __future__ import annotations

import math
import random
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any

from pocket_lab.executors.faults.interrupts import INTERRUPTS
from pocket_lab.executors.pool import Pool
from pocket_lab.executors.registry import is_remote
from pocket_lab.measure.failed_point import failed_point, with_hint
from pocket_lab.measure.job import Job
from pocket_lab.measure.load.request_tally import PROFILED_S, RequestTally
from pocket_lab.measure.own_processes.child_processes import NONE, OF_FIRST_RUNS, counted_children
from pocket_lab.measure.points.combinations import Combinations
from pocket_lab.measure.timing.batch import Runs, Timing, Work
from pocket_lab.measure.timing.lazy_result import lazy_caveats
from pocket_lab.measure.timing.mutation import Fingerprint
from pocket_lab.measure.timing.rebuild import Renewable
from pocket_lab.measure.timing.runs import build_input
from pocket_lab.measure.timing.waits_tally import WaitsTally
from pocket_lab.measure.work import build_work
from pocket_lab.measure.worker.seeds import restart_seeds
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.point import Point, Status, describe
from pocket_lab.records.progress import Closed, Started
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Latency, Probe, Sample
from pocket_lab.stats.median_interval import estimate_median, is_look
from pocket_lab.stats.run_time import run_seconds
from pocket_lab.stats.stationarity import drift, warm_up
from pocket_lab.units import format_percent

_MOST_TO_REBUILD = 1 << 20
_WARM_UPS = (1, 2)
_UNLIKE = 3.0
_COLD_MATTERS_S = 0.005  # a first run takes up to 0.1 ms longer: below this, more than 2 %

_chance = random.Random()  # not the module's own generator, which a target may seed


@dataclass(slots=True)
class PointSampler:
    """The builds of a point's work, used alternately by the rounds, and the seconds of a run, one value per round.

    `job` is that of the point, `runs_s` are wall seconds, `cpus_s` CPU seconds of the same rounds; `batch_s` is the time of the
    newest batch with what warms it up.
    """

    point: Point
    pool: Pool
    job: Job = field(init=False)
    runs_s: list[float] = field(default_factory=list)
    cpus_s: list[float] = field(default_factory=list)
    builds: list[Work] = field(default_factory=list)
    fastest_s: float = math.inf
    value: Any = None
    loops: int = 1
    batch_s: float = 0.0
    target_s: float = 0.0
    expected_s: float = math.nan
    requests: RequestTally = field(default_factory=RequestTally)
    has_failed: bool = False
    is_settled: bool = False
    settled_on_cpu: bool = False
    waits: WaitsTally = field(init=False)

    def __post_init__(self) -> None:
        self.waits = WaitsTally(self.point, self.pool)

    @property
    def least_s(self) -> float:
        """The approximate time of the shortest visit: of one run, or of a window under load."""
        return self.batch_s if self.point.drive == "load" else self.run_s

    @property
    def settling_s(self) -> list[float]:
        """The seconds of a run on the clock that decides when the point is done."""
        return self.cpus_s if self.waits.is_cpu_bound else self.runs_s

    @property
    def run_s(self) -> float:
        """The approximate time of one run, or under load of one window of a profile."""
        if self.point.drive == "load":
            return PROFILED_S
        return self.fastest_s if self.runs_s else run_seconds(self.batch_s, self.loops)

    def recall(self, earlier: Iterable[Sample | Latency]) -> None:
        """Take over the samples of this point from an interrupted measurement."""
        for record in earlier:
            if record.point != self.point or not record.round:
                continue
            if isinstance(record, Latency):
                self.requests.recall(record)
                if record.histogram:
                    self._count(run_seconds(0.0, 0, record.histogram))
            elif record.loops and self.point.drive != "load":
                self._count(run_seconds(record.wall_s, record.loops))
                self.cpus_s.append(run_seconds(record.cpu_s, record.loops))

    def _count(self, run_s: float) -> None:
        self.runs_s.append(run_s)
        self.fastest_s = min(self.fastest_s, run_s)

    def prepare(
        self, combinations: Combinations, batch_s: float, expected_s: float = math.nan
    ) -> Generator[Record, None, bool]:
        """Build the input, warm up, and choose the number of runs in a batch; False where that failed.

        The first run is kept as round 0; it is no figure, since it may import modules or load a model. `expected_s` is the time
        of a run by similar points, where it is to spare the calibration.
        """
        yield Started(self.point)
        restart_seeds()
        job = combinations.job
        try:
            self.job = job = combinations.of(self.point)
            self.value = build_input(job, self.point)
            before = None if job.sweep.fresh_input else Fingerprint(self.value)
        except BaseException as error:
            INTERRUPTS.pass_on(error)
            yield from failed_point(self.point, 0, with_hint(error, job, self.point))
            return False
        yield Started(self.point)  # the point timeout is for the batch, without building the input
        try:
            work = build_work(job, self.point, self.value, self.pool)
            if isinstance(work, Runs):
                work.expected_s = self.expected_s = expected_s
            with counted_children(self.pool, NONE) as children:
                timing = work.calibrate(batch_s)
        except BaseException as error:
            INTERRUPTS.pass_on(error)
            if before is not None:
                yield from before.caveats(self.value, self.point)
            yield from failed_point(self.point, 0, with_hint(error, job, self.point))
            return False
        if before is not None:
            yield from before.caveats(self.value, self.point)
        yield from lazy_caveats(work.take_first_result(), self.point)
        yield from children.caveats(self.point, OF_FIRST_RUNS)
        self.builds, self.loops, self.batch_s, self.target_s = [work], timing.loops, timing.wall_s, batch_s
        yield from self._records(work, 0, work.first or timing, timing.loops)
        return True

    def look_again(self) -> Iterator[Record]:
        """Run once more, for the time of a run without what only the first one does; an error is left to the next visit."""
        yield Started(self.point)
        try:
            self.batch_s = self.builds[0].time(self.loops).wall_s
        except BaseException as error:
            INTERRUPTS.pass_on(error)

    def probe(self) -> Iterator[Record]:
        """Build the work a second time on the same input, so that the odd and the even rounds are an A/A comparison.

        The target is rebuilt as for a comparison, unless it is measured in place or is large.
        """
        yield Started(self.point)
        job = self.job
        if job.sweep.store == "shared":  # one store allows one build; the odd and even rounds are compared all the same
            yield Probe(self.point)
            return
        try:
            if job.sweep.isolation != "kernel" and not is_remote(self.point.executor):
                renewable = Renewable(job.target)
                if renewable.size <= _MOST_TO_REBUILD:
                    job = replace(job, target=renewable.build()[0])
            twin = build_work(job, self.point, self.value, self.pool)
            twin.calibrate(self.batch_s) if self.point.drive == "load" else twin.time(self.loops)
        except BaseException as error:  # a target that cannot be built twice is measured without a probe
            INTERRUPTS.pass_on(error)
            return
        self.builds.append(twin)
        yield Probe(self.point)

    def visit(self, round_number: int) -> Generator[Record, None, bool]:
        """One batch; False where it failed.

        Batches of short runs come after one that is not timed: other points have had the core, so that the first run finds
        cold caches, and the time of a run would depend on the number of runs in a batch. Half of the time there are two, so
        that what happens in every second run, say, is not in every sample, or in none.
        """
        yield Started(self.point)
        work = self.builds[round_number % len(self.builds)]
        begun = perf_counter()
        try:
            if self.loops > 1 or self.run_s < _COLD_MATTERS_S:
                for _ in range(_chance.choice(_WARM_UPS)):
                    work.warm_up()
            warmed_s = perf_counter() - begun
            self.waits.begin()
            timing = work.time(self.loops)
            self.waits.end(timing)
            if self._is_unlike(timing):  # once: the very first run may have had to import modules
                self._calibrate_again(work)
        except BaseException as error:
            INTERRUPTS.pass_on(error)
            self.has_failed = True
            yield from failed_point(self.point, round_number, error)
            return False
        self.batch_s = timing.wall_s + warmed_s
        if timing.loops:
            self._count(timing.run_s)
            self.cpus_s.append(run_seconds(timing.cpu_s, timing.loops))
        yield from self._records(work, round_number, timing)
        if self.waits.is_due:
            yield self.waits.take()
        return True

    def _calibrate_again(self, work: Work) -> None:
        if isinstance(work, Runs):
            work.expected_s = math.nan
        self.loops, self.target_s = work.calibrate(self.target_s).loops, 0.0

    def _is_unlike(self, timing: Timing) -> bool:
        """Whether to calibrate again: a single run is too short for a batch, or batches are unlike what was expected."""
        if self.point.drive == "load" or not self.target_s:
            return False
        if self.loops == 1:
            return timing.wall_s < self.target_s / 2
        return self.expected_s == self.expected_s and not self.target_s / _UNLIKE <= timing.wall_s <= self.target_s * _UNLIKE

    def is_precise(self, precision: float) -> bool:
        """Whether the interval is narrow enough; checked rarely, since each check is another chance to stop too early."""
        if not self.is_settled and is_look(len(self.runs_s)):
            settling_s = self.settling_s
            self.is_settled = estimate_median(settling_s[warm_up(settling_s) :]).precision <= precision
            self.settled_on_cpu = self.is_settled and self.waits.is_cpu_bound  # which a busy machine may end later
        return self.is_settled

    def closed(self, status: Status) -> Iterator[Record]:
        """The end of the point, with the caveats that follow from its samples."""
        yield self.waits.take()
        yield from self.requests.caveats(self.point)
        settling_s = self.settling_s
        if early := warm_up(settling_s):
            message = f"{describe(self.point)}: the first {early} of {len(settling_s)} rounds were a warm-up and are left out"
            yield Caveat("warm-up", message, self.point)
        if trend := drift(settling_s[early:]):
            change = f"{'rose' if trend > 0 else 'fell'} by {format_percent(abs(trend))} while it was measured"
            yield Caveat("drift", f"{describe(self.point)}: the time of a run {change}: do not rely on this value", self.point)
        yield Closed(self.point, status)

    def _records(self, work: Work, round_number: int, timing: Timing, reporting: int | None = None) -> Iterator[Record]:
        """The records of a batch; its metrics come from as many runs as were `reporting`, by default from its own."""
        answers = timing.answers
        if answers is not None:
            yield answers.latency(self.point, round_number)
        if round_number:
            self.requests.count(timing)
        yield from work.reports.metrics(self.point, round_number, max(reporting or timing.loops, 1))
        items = work.items * timing.loops
        yield Sample(self.point, round_number, timing.loops, timing.wall_s, timing.cpu_s, items)
