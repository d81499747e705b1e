"""A client of the drive "load": it runs the target again and again for the length of a window, and keeps each latency."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from pocket_lab.executors.outcome import text_of
from pocket_lab.graph.context import INLINE
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.observers import Collected, Collector
from pocket_lab.measure.job import Job
from pocket_lab.measure.timing.batch import Runs
from pocket_lab.measure.timing.runs import build_input, build_runs
from pocket_lab.records.point import Point
from pocket_lab.stats.histogram import Histogram

_SPIN_S, _LOOP_SPIN_S = 0.0002, 0.0015  # by which a sleep may end late, of a thread and of an event loop

clock = time.monotonic  # the processes of one machine share it


@dataclass(frozen=True, slots=True)
class Window:
    """When clients send requests: without a `rate` one after the other, else request k at start + k / rate.

    `tickets` gives each k to the client that is free first; `is_apart` where the clients are processes of their own.
    """

    start_s: float
    end_s: float
    rate: float | None = None
    tickets: Iterator[int] | None = None
    is_apart: bool = False

    def due(self) -> Iterator[float]:
        """When each request of one client is due, given out when the client is free; at least one without a rate."""
        if self.rate is None:
            yield self.start_s
            while clock() < self.end_s:
                yield self.start_s
            return
        for number in self.tickets or ():
            due_s = self.start_s + number / self.rate
            if due_s >= self.end_s - 1e-6 / self.rate:
                return
            yield due_s

    @property
    def closes_s(self) -> float:
        """When requests that have not begun are given up: a window's length after its end."""
        return 2 * self.end_s - self.start_s


@dataclass(slots=True)
class Tally:
    """What one client saw: latencies, failures, and for how long requests kept it busy."""

    histogram: Histogram = field(default_factory=Histogram)
    answered: int = 0
    errors: int = 0
    late: int = 0
    first_error: str | None = None
    busy_s: float = 0.0
    ended_s: float = 0.0
    reports: list[Any] = field(default_factory=list)
    collected: list[Collected] = field(default_factory=list)

    def answer(self, begun_s: float, since_s: float) -> None:
        """A request was answered, so long after `since_s`."""
        self.ended_s = clock()
        self.answered += 1
        self.busy_s += self.ended_s - begun_s
        self.histogram.record(self.ended_s - since_s)

    def give_up(self, due_s: float) -> None:
        """A request is not sent any more; it has waited so long, and would have taken longer."""
        self.histogram.record(clock() - due_s)

    def fail(self, begun_s: float, error: BaseException) -> None:
        """A request failed."""
        self.ended_s = clock()
        self.busy_s += self.ended_s - begun_s
        self.errors += 1
        self.first_error = self.first_error or text_of(error)


class Client:
    """Runs the target in place, with an input that it builds where it is; one object serves any number of clients.

    Where it is sent to another process, what the observers of the target would be told is collected there.
    """

    def __init__(self, job: Job, point: Point, collects: bool = False) -> None:
        self._collector = Collector() if collects else None
        if self._collector is not None:
            assert isinstance(job.target, Graph)
            job = replace(job, target=job.target.observed(self._collector))
        self._given = replace(job, points=(), caveats=(), earlier=()), replace(point, workers=1, drive="run", rate=None)

    def __reduce__(self) -> tuple[type[Client], tuple[Job, Point, bool]]:
        return Client, (*self._given, bool(getattr(self._given[0].target, "observers", ())))

    @cached_property
    def runs(self) -> Runs:
        """One request in plain code, with an input of its own."""
        return self.on(build_input(*self._given))

    def on(self, value: Any, awaited: bool = False) -> Runs:
        """One request with this input."""
        return build_runs(*self._given, value, INLINE, awaited)

    def __call__(self, window: Window) -> Tally:
        """One window of one client, in this thread."""
        runs, tally = self.runs, Tally()
        for due_s in window.due():
            arguments = runs.made()
            while (wait_s := due_s - clock()) > 0:
                time.sleep(max(wait_s - _SPIN_S, 0.0))
            begun_s = clock()
            if window.rate is not None and begun_s > window.end_s:
                tally.late += 1
                if begun_s > window.closes_s:
                    tally.give_up(due_s)
                    continue
            try:
                runs.function(*arguments)
            except (Exception, SystemExit) as error:
                tally.fail(begun_s, error)
            else:
                tally.answer(begun_s, begun_s if window.rate is None else due_s)
        if window.is_apart:
            tally.reports, runs.reports.sink[:] = runs.reports.sink[:], []
            tally.collected = self._collector.take() if self._collector else []
        return tally

    async def acall(self, runs: Runs, window: Window) -> Tally:
        """The same as a task of an event loop, with `runs` that are awaited."""
        tally = Tally()
        for due_s in window.due():
            arguments = runs.made()
            while (wait_s := due_s - clock()) > 0:
                await asyncio.sleep(max(wait_s - _LOOP_SPIN_S, 0.0))
            begun_s = clock()
            if window.rate is not None and begun_s > window.end_s:
                tally.late += 1
                if begun_s > window.closes_s:
                    tally.give_up(due_s)
                    continue
            try:
                await runs.function(*arguments)
            except (Exception, SystemExit) as error:
                tally.fail(begun_s, error)
            else:
                tally.answer(begun_s, begun_s if window.rate is None else due_s)
        return tally
