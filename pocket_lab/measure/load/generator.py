"""The drive "load": a batch is a window of time in which clients run the target repeatedly."""

from __future__ import annotations

import asyncio
import itertools
import time
from dataclasses import dataclass, field
from tempfile import NamedTemporaryFile
from time import process_time
from typing import Any

from pocket_lab.executors.pool import Call, Pool
from pocket_lab.executors.tasks import WORKER
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.observers import Collector
from pocket_lab.measure.job import Job
from pocket_lab.measure.load.clients import Client, Tally, Window, clock
from pocket_lab.measure.load.request_tally import PROFILED_S
from pocket_lab.measure.load.shared_counter import SharedCounter
from pocket_lab.measure.timing.batch import Answers, Runs, Timing
from pocket_lab.measure.timing.reports import Reports
from pocket_lab.records.point import Point
from pocket_lab.stats.histogram import Histogram

_SHORTEST_S = 0.1
_REQUESTS_PER_WINDOW = 20
_WINDOWS_PER_POINT = 25
_LEAD_S = 0.002  # between the creation of a window and its start, so that every client has received it


@dataclass(slots=True)
class LoadGenerator:
    """As many clients as the point has workers, in a closed loop, or in an open one where it has a rate.

    Closed: each client sends its next request when the previous one is answered. Open (Schroeder, Wierman and Harchol-Balter,
    "Open versus closed: a cautionary tale", 2006): requests are due at a steady rate, the next free client sends them, and
    a latency counts from the due time, so that it includes the wait behind slow requests.
    """

    job: Job
    point: Point
    value: Any
    pool: Pool
    items: int = 1
    window_s: float = _SHORTEST_S
    reports: Reports = field(default_factory=Reports)
    client: Client = field(init=False)
    prepared: Call = field(init=False)
    awaited: Runs | None = None
    first: Timing | None = None

    def __post_init__(self) -> None:
        self.client = Client(self.job, self.point)
        self.prepared = self.pool.prepare(self.client)
        runs = self.client.on(self.value, awaited=self.pool.loop is not None)
        self.reports = runs.reports
        if self.pool.loop is not None:
            self.awaited = runs
        elif not self.pool.is_remote:
            self.client.__dict__["runs"] = runs

    def calibrate(self, batch_s: float) -> Timing:
        """Warm up for one window, long enough for several requests and short enough for several windows in the budget."""
        needed_s = max(_SHORTEST_S, batch_s, _REQUESTS_PER_WINDOW / self.point.rate if self.point.rate else 0.0)
        share_s = self.job.sweep.budget_s / max(len(self.job.points), 1) / _WINDOWS_PER_POINT
        self.window_s = max(min(needed_s, share_s), _SHORTEST_S / 5)
        if self.point.rate:  # so that a window has a whole number of requests
            self.window_s = max(round(self.window_s * self.point.rate), 1) / self.point.rate
        self.first = self.time(1)
        return self.first

    def time(self, loops: int) -> Timing:
        """One window; `loops` is ignored, since the length of the window decides the number of requests."""
        self.reports.clear()
        workers_cpu, cpu = self.pool.cpu_s, process_time()
        window, tallies = self._tallies()
        cpu_s = process_time() - cpu + self.pool.cpu_s - workers_cpu
        histogram = Histogram()
        for tally in tallies:
            histogram.add(tally.histogram.buckets)
            self.reports.sink += tally.reports
            if tally.collected:
                assert isinstance(self.job.target, Graph)
                Collector(tally.collected).replay(self.job.target.observers, None, None)
        answered, errors = sum(tally.answered for tally in tallies), sum(tally.errors for tally in tallies)
        late = sum(tally.late for tally in tallies)
        if window.rate is not None:  # the next window begins after the end of this one, even if the last answer came early
            time.sleep(max(window.end_s - clock(), 0.0))
        first_error = next((tally.first_error for tally in tallies if tally.first_error), None)
        answers = Answers(histogram, errors, late, first_error)
        return Timing(answered, _wall_s(window, tallies), cpu_s, answers)

    def take_first_result(self) -> None:
        """Nothing: the answers are not kept."""

    def warm_up(self) -> None:
        """Nothing: a window is long."""

    def once(self) -> Timing:
        """One window of a second, or of the time between two requests where that is longer."""
        self.window_s = PROFILED_S
        if self.point.rate:
            self.window_s = max(round(PROFILED_S * self.point.rate), 1) / self.point.rate
        return self.time(1)

    def _tallies(self) -> tuple[Window, list[Tally]]:
        start_s = clock() + _LEAD_S
        span = start_s, start_s + self.window_s, self.point.rate
        if self.pool.loop is not None:
            window = Window(*span, itertools.count())
            return window, self.pool.loop.run(self._send_on_loop(window))
        if not self.pool.is_remote:
            window = Window(*span, itertools.count())
            return window, self._send(window)
        with NamedTemporaryFile(prefix="pocket-lab-", dir=self.job.scratch or None) as file:
            window = Window(*span, SharedCounter(file.name), is_remote=True)
            return window, self._send(window)

    def _send(self, window: Window) -> list[Tally]:
        clients = self.point.workers
        return [outcome.get() for outcome in self.pool.imap(self.prepared, [window] * clients, clients)]

    async def _send_on_loop(self, window: Window) -> list[Tally]:
        assert self.awaited is not None
        calls = [self.client.acall(self.awaited, window) for _ in range(self.point.workers)]
        return await asyncio.gather(*(asyncio.create_task(c, name=f"{WORKER}_{number}") for number, c in enumerate(calls)))


def _wall_s(window: Window, tallies: list[Tally]) -> float:
    """The time for all answered requests: closed, at the summed rates of the clients; open, until the last answer."""
    if window.rate is not None:
        return max([tally.ended_s for tally in tallies] + [window.end_s]) - window.start_s
    rate = sum(tally.answered / tally.busy_s for tally in tallies if tally.busy_s)
    return sum(tally.answered for tally in tallies) / rate if rate else window.end_s - window.start_s
