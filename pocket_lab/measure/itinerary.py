"""In which order the points of a sweep are visited, and which of them its budget holds: the corners first."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from pocket_lab.records.point import Point
from pocket_lab.stats.median_interval import FEWEST

_ENDS = 2  # points that are tried whatever the estimate of their rounds: the smallest size and the largest
_STEEPEST = 3.0
_MOST_OF_REST = 0.5  # that a run may take which is larger than those known


def corners_first(points: Iterable[Point]) -> list[Point]:
    """The points of each executor from the corners inwards: smallest and largest size and workers, then halfway, and so on."""
    kept = list(points)
    sizes = _levels(point.size or 0 for point in kept)
    workers = _levels(point.workers for point in kept)
    executors = list(dict.fromkeys(point.executor for point in kept))

    def rank(point: Point) -> tuple[int, ...]:
        size_level, size_index = sizes[point.size or 0]
        worker_level, worker_index = workers[point.workers]
        level = max(size_level, worker_level)
        return level, executors.index(point.executor), size_level + worker_level, worker_index, size_index

    return sorted(kept, key=rank)


class Itinerary:
    """The points that wait for their first visit, and what is known of the time of a run at each."""

    def __init__(
        self, points: Sequence[Point], can_be_stopped: bool = True, earlier: Mapping[Point, Sequence[float]] | None = None
    ) -> None:
        """`earlier` are the seconds of a run in each round of a measurement that continues.

        Then the points without an interval come first, the shortest of them first: those that have one leave them the budget.
        """
        rounds = earlier or {}
        self._rounds = {point: len(runs_s) for point, runs_s in rounds.items()}
        self._run_s = {point: min(runs_s) for point, runs_s in rounds.items() if runs_s}
        self._points = tuple(points)
        self._can_be_stopped = can_be_stopped
        self.waiting = corners_first(points)
        self._ends = {point for point in self.waiting[:_ENDS] if point not in self._run_s}
        if self._run_s:
            self.waiting.sort(key=lambda point: (not self._missing(point), self._missing(point) * self.predict(point)))

    def learn(self, point: Point, run_s: float) -> None:
        """The time of a run at a point, by its newest measurement."""
        self._run_s[point] = run_s

    def take(self, left_s: float, planned_s: float, batch_s: float, is_idle: bool = False) -> Point | None:
        """The next point whose first run and six rounds fit beside what is planned; None where none does.

        Where a measurement continues, one round is enough: the next time there may be more.

        The two ends need only fit with a single run; a point of which nothing is known is tried. While other points still need
        rounds, and where a run cannot be stopped, a run of a size beyond those known must fit even if times grow quickly, since
        one that takes too long costs the whole budget. With nothing else to do (`is_idle`) an end is tried in any case.
        """
        for point in self.waiting:
            is_end = point in self._ends
            if self._can_be_stopped and is_idle and is_end:
                self.waiting.remove(point)
                return point
            run_s = self.predict(point)
            rounds = 1 if self._rounds else FEWEST
            needed_s = run_s if is_end else run_s + rounds * max(run_s, batch_s) + planned_s
            is_careful = planned_s > 0 or not is_end or not self._can_be_stopped
            is_risky = is_careful and point not in self._run_s and self.predict(point, careful=True) > _MOST_OF_REST * left_s
            if not needed_s > left_s and not is_risky:
                self.waiting.remove(point)
                return point
        return None

    def _missing(self, point: Point) -> int:
        """The rounds that a point still needs for an interval."""
        return max(FEWEST - self._rounds.get(point, 0), 0)

    def predict(self, point: Point, careful: bool = False) -> float:
        """The time of a run: on a line through the two nearest sizes on log axes, of these workers or of others; NaN where
        nothing is known. Where it is `careful`, times beyond the known sizes are at least proportional, or quadratic if only
        one size is known.
        """
        if (known := self._run_s.get(point)) is not None:
            return known
        levels: dict[Point, dict[int, float]] = {}
        for other, run_s in self._run_s.items():
            levels.setdefault(replace(other, size=None), {})[other.size or 0] = run_s
        if not levels:
            return math.nan
        level = replace(point, size=None)
        nearest = min(levels, key=lambda one: (one != level, one.executor != point.executor, abs(one.workers - point.workers)))
        return _on_line(levels[nearest], point.size or 0, careful)

    def needed_s(self, batch_s: float) -> float:
        """The seconds for the first run and six rounds of every point; NaN where one known point would have to tell all."""
        if len(self._run_s) < min(len(self._points), 2):
            return math.nan
        runs_s = [self.predict(point) for point in self._points]
        return sum(run_s + FEWEST * max(run_s, batch_s) for run_s in runs_s)


def _on_line(known: dict[int, float], size: int, careful: bool) -> float:
    """A power of the size through the nearest two sizes; through one, proportional (or quadratic) for larger sizes."""
    nearest = sorted(known, key=lambda other: abs(math.log((other + 1) / (size + 1))))
    first = nearest[0]
    slope = 0.0 if size < first else 2.0 if careful else 1.0
    if len(nearest) > 1:
        second = nearest[1]
        steps = math.log((second + 1) / (first + 1))
        slope = math.log(max(known[second], 1e-9) / max(known[first], 1e-9)) / steps
        if careful and size > max(known):
            slope = max(slope, 1.0)
    slope = min(max(slope, 0.0), _STEEPEST)
    return float(known[first] * ((size + 1) / (first + 1)) ** slope)


def _levels(values: Iterable[int]) -> dict[int, tuple[int, int]]:
    """For each value how often an axis is halved until it is reached, and its position among those of its level."""
    ordered = sorted(set(values))
    levels = {ordered[0]: (0, 0), ordered[-1]: (0, 1)} if len(ordered) > 1 else {ordered[0]: (0, 0)}
    spans, level = [(0, len(ordered) - 1)], 0
    while spans:
        level += 1
        halves: list[tuple[int, int]] = []
        for low, high in spans:
            middle = (low + high) // 2
            if middle in (low, high):
                continue
            levels[ordered[middle]] = (level, middle)
            halves += [(low, middle), (middle, high)]
        spans = halves
    return levels
