"""The state of a running measurement, computed from its records: progress, elapsed time and the best estimate so far."""

from __future__ import annotations

import math
from time import monotonic

from pocket_lab.records.point import Point, describe
from pocket_lab.records.progress import Closed, Forecast, Planned, Started
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Latency, Sample
from pocket_lab.stats.median_interval import estimate_median
from pocket_lab.stats.run_time import run_seconds
from pocket_lab.units import format_duration, format_percent
from pocket_lab.view.forecast import forecast_sentence


class ProgressState:
    """Takes every record with `add`; a progress display reads `fraction`, `headline` and `estimate`."""

    def __init__(self) -> None:
        self._begun = monotonic()
        self._points = 0
        self._is_searching = False
        self._sides = 1
        self._budget_s = math.inf
        self._closed = 0
        self._begun_points: set[Point] = set()
        self._ended: set[Point] = set()
        self._failed: set[Point] = set()
        self._done: set[Point] = set()
        self._samples = 0
        self._runs_s: dict[Point, list[float]] = {}
        self._latest: Point | None = None
        self._latency: Latency | None = None
        self._forecast: Forecast | None = None

    def add(self, record: Record) -> None:
        """Update the state with one record."""
        if isinstance(record, Planned):
            searched_s = self.elapsed_s if self._is_searching else 0.0
            self._points, self._budget_s = len(record.points), searched_s + record.budget_s
            self._is_searching = not record.points
            self._sides = max(1, len({point.target for point in record.points}))  # two in a comparison, whose points are pairs
        elif isinstance(record, Closed):
            self._closed += 1
            if record.status in ("done", "failed"):
                self._begun_points.add(record.point)
                (self._done if record.status == "done" else self._failed).add(record.point)
            if record.point in self._begun_points:
                self._ended.add(record.point)
        elif isinstance(record, Forecast):
            self._forecast = record
        elif isinstance(record, Started):
            self._begun_points.add(record.point)
            if self._latest is None:
                self._latest = record.point
        elif isinstance(record, Latency):
            self._latency = record  # of the sample that comes next
        elif isinstance(record, Sample) and record.error is None and record.loops:
            self._samples += 1
            self._begun_points.add(record.point)
            self._latest = record.point
            if record.round <= 1:  # the warm-up is the estimate until the first round
                self._runs_s[record.point] = []
            latencies = self._latency.histogram if record.point.drive == "load" and self._latency is not None else None
            self._runs_s[record.point].append(run_seconds(record.wall_s, record.loops, latencies))

    @property
    def elapsed_s(self) -> float:
        """Seconds since the measurement began."""
        return monotonic() - self._begun

    @property
    def fraction(self) -> float:
        """The share that is done, by points or by time, whichever is larger."""
        by_points = self._closed / self._points if self._points else 0.0
        return min(1.0, max(by_points, self.elapsed_s / self._budget_s))

    @property
    def headline(self) -> str:
        """Finished points and elapsed time in one line; a point that the budget ended before it began is not finished."""
        ended = "looking for points" if self._is_searching else f"{len(self._ended) // self._sides}/{self._of_all}"
        if self._budget_s == math.inf:
            return f"{'one run under the profiler' if self._points <= 1 else ended}, {self.elapsed_s:.0f} s"
        return f"{ended}, {self.elapsed_s:.0f} of {self._budget_s:.0f} s"

    @property
    def _of_all(self) -> str:
        """The number of points, or of pairs of a comparison."""
        count = self._points // self._sides
        return f"{count} {'pair' if self._sides == 2 else 'point'}{'' if count == 1 else 's'}"

    @property
    def estimate(self) -> str:
        """The newest point with its median so far."""
        point = self._latest
        if point is None:
            return "what the budget holds" if self._is_searching else "starting the measuring process"
        where = describe(point)
        runs_s = self._runs_s.get(point)
        if not runs_s:
            return f"{where}: warming up"
        median = estimate_median(runs_s)
        precision = "" if median.precision != median.precision else f" ± {format_percent(median.precision)}"
        forecast = "" if self._forecast is None else f" ({forecast_sentence(self._forecast)})"
        return f"{where}: {format_duration(median.value)}{precision}{forecast}"

    @property
    def has_begun(self) -> bool:
        """Whether anything has run yet; a rejected call has not."""
        return self._latest is not None

    @property
    def summary(self) -> str:
        """The line that remains after the measurement."""
        if self._is_searching:
            return f"looked for points for {self.elapsed_s:.1f} s"
        of_all, begun = self._of_all, len(self._begun_points)
        if 0 < self._points <= len(self._failed):
            return f"{of_all} failed in {self.elapsed_s:.1f} s"
        failed = f", {len(self._failed) // self._sides} of them failed" if self._failed else ""
        if not self._samples:
            done = "profiled" if len(self._done) >= self._points else "finished"
            some = f"{len(self._done) // self._sides} of " if done == "finished" else ""
            return f"{some}{of_all} {done} in {self.elapsed_s:.1f} s"
        some = f"{math.ceil(begun / self._sides)} of " if math.ceil(begun / self._sides) < self._points // self._sides else ""
        return f"{some}{of_all}{failed}, {self._samples} samples in {self.elapsed_s:.1f} s"
