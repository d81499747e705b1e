"""A client of the drive "load": it runs the target repeatedly during a window and records each latency."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from pocket_lab.executors.faults.forks import InParent
from pocket_lab.executors.faults.interrupts import INTERRUPTS
from pocket_lab.executors.outcome import text_of
from pocket_lab.graph.context import INLINE
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.observers import Collected, Collector
from pocket_lab.graph.runtime.lazy_results import lazy_results
from pocket_lab.measure.job import Job
from pocket_lab.measure.timing.batch import Runs
from pocket_lab.measure.timing.runs import build_input, build_runs
from pocket_lab.records.point import Point
from pocket_lab.stats.histogram import Histogram

_SPIN_S, _LOOP_SPIN_S = 0.0002, 0.0015  # how late a sleep may end, of a thread and of an event loop

clock = time.monotonic  # the processes of one machine share it


@dataclass(frozen=True, slots=True)
class Window:
    """When clients send requests: without a `rate` one after the other, else request k at start + k / rate.

    `numbers` yields each k to one client, the first that is free; `is_remote` where the clients are other processes.
    """

    start_s: float
    end_s: float
    rate: float | None = None
    numbers: Iterator[int] | None = None
    is_remote: bool = False

    def due(self) -> Iterator[float]:
        """The due times of the requests of one client, each drawn when the client is free; at least one without a rate."""
        if self.rate is None:
            yield self.start_s
            while clock() < self.end_s:
                yield self.start_s
            return
        for number in self.numbers or ():
            due_s = self.start_s + number / self.rate
            if due_s >= self.end_s - 1e-6 / self.rate:
                return
            yield due_s

    @property
    def closes_s(self) -> float:
        """When requests that have not begun are abandoned: one window length after the window's end."""
        return 2 * self.end_s - self.start_s


@dataclass(slots=True)
class Tally:
    """The results of one client: latencies, failures, and the time spent in requests.

    `due_s` is when the current request of an open loop was due; its latency counts from then.
    """

    histogram: Histogram = field(default_factory=Histogram)
    answered: int = 0
    errors: int = 0
    late: int = 0
    first_error: str | None = None
    busy_s: float = 0.0
    ended_s: float = 0.0
    due_s: float | None = None
    reports: list[Any] = field(default_factory=list)
    collected: list[Collected] = field(default_factory=list)

    def answer(self, begun_s: float) -> None:
        """Count a request that has just been answered."""
        self.ended_s = ended_s = clock()
        self.answered += 1
        self.busy_s += ended_s - begun_s
        self.histogram.record(ended_s - (begun_s if self.due_s is None else self.due_s))

    def fail(self, begun_s: float, error: BaseException) -> None:
        """Count a request that has just failed."""
        self.ended_s = clock()
        self.busy_s += self.ended_s - begun_s
        self.errors += 1
        self.first_error = self.first_error or text_of(error)

    def abandon(self) -> None:
        """Count a request that is no longer sent with the time that it has waited, which is less than its latency."""
        assert self.due_s is not None
        self.histogram.record(clock() - self.due_s)


class Client:
    """Runs the target in its own process, with an input that it builds there; one object is used by any number of clients.

    In a remote worker, the events of the target's observers are collected and returned with the Tally.
    """

    def __init__(self, job: Job, point: Point, lazy: str | None = None) -> None:
        self._collector = None if lazy is None else Collector(lazy_results=lazy)
        if self._collector is not None:
            assert isinstance(job.target, Graph)
            job = replace(job, target=job.target.observed(self._collector))
        self._source = replace(job, points=(), caveats=(), earlier=()), replace(point, workers=1, drive="run", rate=None)

    def __reduce__(self) -> tuple[type[Client], tuple[Job, Point, str | None]]:
        target = self._source[0].target
        observers = target.observers if isinstance(target, Graph) else ()
        return Client, (*self._source, lazy_results(observers) if observers else None)

    @cached_property
    def runs(self) -> Runs:
        """One request in plain code, with its own input."""
        return self.on(build_input(*self._source))

    def on(self, value: Any, awaited: bool = False) -> Runs:
        """One request with this input."""
        return build_runs(*self._source, value, INLINE, awaited)

    def __call__(self, window: Window) -> Tally:
        """One window of one client, in this thread."""
        runs, tally = self.runs, Tally()
        for wait_s, arguments in _steps(runs, window, tally, _SPIN_S):
            if arguments is None:
                time.sleep(wait_s)
                continue
            begun_s = clock()
            try:
                with InParent():
                    runs.function(*arguments)
            except BaseException as error:
                INTERRUPTS.pass_on(error)
                tally.fail(begun_s, error)
            else:
                tally.answer(begun_s)
        if window.is_remote:
            tally.reports, runs.reports.sink[:] = runs.reports.sink[:], []
            tally.collected = self._collector.take() if self._collector else []
        return tally

    async def acall(self, runs: Runs, window: Window) -> Tally:
        """One window of one client as a task of an event loop; `runs` are awaited."""
        tally = Tally()
        for wait_s, arguments in _steps(runs, window, tally, _LOOP_SPIN_S):
            if arguments is None:
                await asyncio.sleep(wait_s)
                continue
            begun_s = clock()
            try:
                with InParent():
                    await runs.function(*arguments)
            except BaseException as error:
                INTERRUPTS.pass_on(error)
                tally.fail(begun_s, error)
            else:
                tally.answer(begun_s)
        return tally


def _steps(runs: Runs, window: Window, tally: Tally, spin_s: float) -> Iterator[tuple[float, tuple[Any, ...] | None]]:
    """The loop of a client: (seconds to sleep, None), or (0, the arguments of a request to send now)."""
    for due_s in window.due():
        arguments = runs.made()
        while (wait_s := due_s - clock()) > 0:
            yield max(wait_s - spin_s, 0.0), None
        if window.rate is not None:
            tally.due_s, now_s = due_s, clock()
            if now_s > window.end_s:
                tally.late += 1
                if now_s > window.closes_s:
                    tally.abandon()
                    continue
        yield 0.0, arguments
