"""One timed batch: a loop of runs between two clock reads, minus the cost of the bare loop."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import repeat
from time import perf_counter, process_time
from typing import Any, NamedTuple, Protocol

from pocket_lab.executors.faults.forks import InParent
from pocket_lab.executors.pool import Pool
from pocket_lab.measure.timing.reports import Reports
from pocket_lab.records.point import Point
from pocket_lab.records.samples import Latency
from pocket_lab.stats.histogram import Histogram
from pocket_lab.stats.run_time import run_seconds

_LOOP_MATTERS_S = 10e-6
_LEAST_BARE = 100
_LENGTHENED = 4  # an interruption lengthens a batch by a time slice or two: one that takes more is long in any case
_MOST_FRESH = 1000
_AS_EXPECTED, _COLD_S = 8.0, 20e-6  # by how much a first run may take longer than the later ones


class Answers(NamedTuple):
    """The outcome of the requests of a window under load: latencies, failures, and those that began after its end, or never."""

    histogram: Histogram
    errors: int
    late: int
    first_error: str | None

    def latency(self, point: Point, round_number: int) -> Latency:
        """The record of this outcome."""
        return Latency(point, round_number, self.histogram.buckets, self.errors, self.late)


class Timing(NamedTuple):
    """Wall and CPU seconds of a whole batch of `loops` runs, CPU of worker processes included; `answers` under load."""

    loops: int
    wall_s: float
    cpu_s: float
    answers: Answers | None = None

    @property
    def run_s(self) -> float:
        """Seconds of one run, under load the median latency; NaN where none was answered."""
        return run_seconds(self.wall_s, self.loops, None if self.answers is None else self.answers.histogram.buckets)


class Work(Protocol):
    """The work of a batch at a point; `items` are those of one run, `reports` the metrics that these runs report.

    `first` is the very first run, once it was calibrated.
    """

    items: int
    reports: Reports
    first: Timing | None

    def calibrate(self, batch_s: float) -> Timing:
        """Warm up; a batch of as many runs as this one had takes about `batch_s` seconds."""

    def time(self, loops: int) -> Timing:
        """One batch."""

    def take_first_result(self) -> Any:
        """What the first run of the calibration returned, once; None under load, where nobody takes the answers."""

    def warm_up(self) -> None:
        """One run outside the clock before a batch, where it costs no preparation; none under load."""

    def once(self) -> Timing | None:
        """One run, for a profiler; under load one window of clients, with the outcome of its requests."""


@dataclass(slots=True)
class Runs:
    """`function(*arguments)` is one run.

    `fresh`, if given, makes the arguments of each run, outside the clock; `reset`, if given, is called before each batch, which
    then has one run. Calibration repeats only batches of at most `patience_s`; `expected_s` is the time of a run that similar
    points lead to expect, in a sweep of so many points that their calibrations would take a good part of its time.
    """

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    pool: Pool
    items: int = 1
    fresh: Callable[[], tuple[Any, ...]] | None = None
    reset: Callable[[], None] | None = None
    reports: Reports = field(default_factory=Reports)
    patience_s: float = 0.1
    expected_s: float = math.nan
    first_results: list[Any] = field(default_factory=list)
    first: Timing | None = None

    def calibrate(self, batch_s: float) -> Timing:
        """Increase the number of runs until a batch takes at least half of `batch_s`, also when it is repeated.

        The repetitions guard against a first run that compiles or imports a little, and against interrupted batches:
        otherwise one side of a comparison might get batches of one run and the other side batches of many, whose runs take
        less time on warmer caches. A first run that takes much longer is left to the rounds, which look again.
        """
        begun = perf_counter()
        loops, timing = 1, self._time_first()
        self.first = timing
        building_s = perf_counter() - begun - timing.wall_s
        most = 1 if self.reset else min(_MOST_FRESH, 1 + int(batch_s / building_s)) if self.fresh else 2**40
        if self.is_free and timing.wall_s < batch_s / 2 and timing.wall_s <= _AS_EXPECTED * self.expected_s + _COLD_S:
            run_s = max(min(self.expected_s, timing.wall_s), (timing.wall_s - _COLD_S) / _AS_EXPECTED, 1e-9)
            loops = max(1, int(batch_s / run_s))
            return Timing(loops, loops * run_s, loops * run_s)
        while loops < most:
            if batch_s / 2 <= timing.wall_s <= min(_LENGTHENED * batch_s, self.patience_s):
                timing = min([timing, *(self.time(loops) for _ in range(self._repeats(timing)))], key=_wall_s)
            if timing.wall_s >= batch_s / 2:
                break
            needed = batch_s / max(timing.run_s, 1e-9)
            loops = int(min(max(needed, loops * 2), loops * 16, most))
            timing = self.time(loops)
        return timing

    def _repeats(self, timing: Timing) -> int:
        """How often a batch is repeated: four times where it is short, so that one of them is hardly ever interrupted."""
        return 4 if timing.wall_s * 4 <= self.patience_s else 1

    def time(self, loops: int) -> Timing:
        """Run `loops` times; the cost of the loop itself is measured and subtracted where it matters."""
        with InParent() as parent:
            if self.reset is not None:
                self.reset()
            prepared = [self.fresh() for _ in range(loops)] if self.fresh else None
            self.reports.clear()
            workers_cpu = self.pool.cpu_s
            if prepared is not None:
                runs = parent.batch(iter(prepared))
                cpu, wall = process_time(), perf_counter()
                _loop_fresh(self.function, runs)
            else:
                counted = parent.batch(repeat(None, loops))
                cpu, wall = process_time(), perf_counter()
                if self.arguments:
                    _loop_one(self.function, counted, *self.arguments)
                else:
                    _loop_none(self.function, counted)
            wall_s = perf_counter() - wall
            cpu_s = process_time() - cpu + self.pool.cpu_s - workers_cpu
        if wall_s < loops * _LOOP_MATTERS_S:
            part = max(loops // 12, min(loops, _LEAST_BARE))
            bare_s = min(_bare_loop(part) for _ in range(3)) * loops / part  # one of them may be interrupted
            return Timing(loops, max(wall_s - bare_s, 0.0), max(cpu_s - bare_s, 0.0))
        return Timing(loops, wall_s, cpu_s)

    def take_first_result(self) -> Any:
        """What the first run of the calibration returned; it is not kept any longer."""
        return self.first_results.pop() if self.first_results else None

    def _time_first(self) -> Timing:
        """One run whose result is kept, for those who look at it."""
        function = self.function

        def keep(*arguments: Any) -> None:
            self.first_results[:] = [function(*arguments)]

        self.function = keep
        try:
            return self.time(1)
        finally:
            self.function = function

    @property
    def is_free(self) -> bool:
        """Whether runs can follow each other in any number, as none needs a preparation."""
        return self.fresh is None and self.reset is None

    def warm_up(self) -> None:
        """One run outside the clock, unless runs need a preparation."""
        if self.is_free:
            self.once()

    def once(self) -> None:
        """One run."""
        with InParent():
            self.function(*self.made())

    def made(self) -> tuple[Any, ...]:
        """The arguments of one run, after a reset, so that no state of earlier runs remains."""
        if self.reset is not None:
            self.reset()
        return self.arguments if self.fresh is None else self.fresh()


def _wall_s(timing: Timing) -> float:
    return timing.wall_s


def _loop_one(function: Callable[..., Any], loops: Iterator[None], argument: Any) -> None:
    for _ in loops:
        function(argument)


def _loop_none(function: Callable[..., Any], loops: Iterator[None]) -> None:
    for _ in loops:
        function()


def _loop_fresh(function: Callable[..., Any], prepared: Iterator[tuple[Any, ...]]) -> None:
    for arguments in prepared:
        function(*arguments)


def _bare_loop(loops: int) -> float:
    start = perf_counter()
    for _ in repeat(None, loops):
        pass
    return perf_counter() - start
