"""In which order the points of a sweep are visited, and which of them its budget holds: the corners first."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pocket_lab.records.point import Params, Point
from pocket_lab.stats.median_interval import FEWEST

_ENDS = 2  # points that are tried whatever the estimate of their rounds: the smallest size and the largest
_STEEPEST = 3.0
_MOST_OF_REST = 0.5  # that a run may take which is larger than those known
_MOST_TRIED = 256  # of the waiting points in one round, since a round may be short


def corners_first(points: Iterable[Point]) -> list[Point]:
    """The points of each executor from the corners inwards: both ends of each axis, then halfway, and so on.

    The axes are sizes, workers and parameters. The values of a parameter count in the order in which they are given.
    """
    kept = list(points)
    sizes = _levels(point.size or 0 for point in kept)
    workers = _levels(point.workers for point in kept)
    executors = {name: number for number, name in enumerate(dict.fromkeys(point.executor for point in kept))}
    axes = [_by_label(labels) for labels in zip(*dict.fromkeys(point.params for point in kept), strict=True)]

    def rank(point: Point) -> tuple[int, ...]:
        size_level, size_index = sizes[point.size or 0]
        worker_level, worker_index = workers[point.workers]
        params = [axis[pair] for axis, pair in zip(axes, point.params, strict=True)]
        levels = [size_level, worker_level, *(level for level, _ in params)]
        positions = [position for _, position in params]
        return max(levels), executors[point.executor], sum(levels), *positions, worker_index, size_index

    return sorted(kept, key=rank)


def _by_label(pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], tuple[int, int]]:
    """The level and the position of each value of a parameter."""
    order = dict.fromkeys(pairs)
    levels = _levels(range(len(order)))
    return {pair: levels[number] for number, pair in enumerate(order)}


@dataclass(slots=True)
class _Times:
    """The time of a run at each size, with the same executor, workers and parameters."""

    sizes: list[int] = field(default_factory=list)
    run_s: dict[int, float] = field(default_factory=dict)

    def learn(self, size: int, run_s: float) -> None:
        if size not in self.run_s:
            insort(self.sizes, size)
        self.run_s[size] = run_s

    def nearest(self, size: int) -> list[int]:
        """The nearest two sizes on a log axis, the nearest first."""
        position = bisect_left(self.sizes, size)
        around = self.sizes[max(position - 2, 0) : position + 2]
        return sorted(around, key=lambda other: abs(math.log((other + 1) / (size + 1))))[:2]


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
        self._points = tuple(points)
        self._can_be_stopped = can_be_stopped
        self._next = 0
        self._times: dict[tuple[str, int, Params], _Times] = {}
        self._alike: dict[Hashable, dict[tuple[str, int], _Times]] = {}
        self._known: set[Point] = set()
        for point, runs_s in rounds.items():
            if runs_s:
                self.learn(point, min(runs_s))
        self.waiting = corners_first(points)
        self._ends = {point for point in self.waiting[:_ENDS] if point not in self._known}
        if self._known:
            self.waiting.sort(key=lambda point: (not self._missing(point), self._missing(point) * self.predict(point)))

    def learn(self, point: Point, run_s: float) -> None:
        """The time of a run at a point, by its newest measurement."""
        self._known.add(point)
        level = point.executor, point.workers, point.params
        if level not in self._times:
            self._times[level] = times = _Times()
            for key in _likenesses(point.params):
                self._alike.setdefault(key, {})[point.executor, point.workers] = times
        self._times[level].learn(point.size or 0, run_s)

    def take(self, left_s: float, planned_s: float, batch_s: float, is_idle: bool = False) -> Point | None:
        """The next point whose first run and six rounds fit beside what is planned; None where none does.

        Where a measurement continues, one round is enough: the next time there may be more.

        The two ends need only fit with a single run; a point of which nothing is known is tried. While other points still need
        rounds, and where a run cannot be stopped, a run of a size beyond those known must fit even if times grow quickly, since
        one that takes too long costs the whole budget. With nothing else to do (`is_idle`) an end is tried in any case. Of
        thousands of points only some are looked at in one call, and the others in the next ones.
        """
        fewest = 1 if self._rounds else FEWEST
        is_full = planned_s + fewest * batch_s > left_s
        begin, end = (0, len(self.waiting)) if is_idle else (self._next, self._next + _MOST_TRIED)
        for index, point in enumerate(self.waiting[begin:end], begin):
            is_end = point in self._ends
            if is_full and not is_end:
                continue
            if not (self._can_be_stopped and is_idle and is_end):
                run_s = self.predict(point)
                needed_s = run_s if is_end else run_s + fewest * max(run_s, batch_s) + planned_s
                is_careful = planned_s > 0 or not is_end or not self._can_be_stopped
                is_risky = (
                    is_careful and point not in self._known and self.predict(point, careful=True) > _MOST_OF_REST * left_s
                )
                if needed_s > left_s or is_risky:
                    continue
            del self.waiting[index]
            return point
        self._next = 0 if is_full or end >= len(self.waiting) else end
        return None

    def _missing(self, point: Point) -> int:
        """The rounds that a point still needs for an interval."""
        return max(FEWEST - self._rounds.get(point, 0), 0)

    def predict(self, point: Point, careful: bool = False) -> float:
        """The time of a run: on a line through the two nearest sizes on log axes, of these workers and parameters or of others;
        NaN where nothing is known. Where it is `careful`, times beyond the known sizes are at least proportional, or quadratic
        if only one size is known. Of other parameters, those that differ in one come first, and the newest of them.
        """
        size = point.size or 0
        exact = self._times.get((point.executor, point.workers, point.params))
        if exact is not None and size in exact.run_s:
            return exact.run_s[size]
        for key in _likenesses(point.params):
            if levels := self._alike.get(key):
                nearest = min(levels, key=lambda one: (one[0] != point.executor, abs(one[1] - point.workers)))
                return _on_line(levels[nearest], size, careful)
        return math.nan

    def needed_s(self, batch_s: float) -> float:
        """The seconds for the first run and six rounds of every point; NaN where one known point would have to tell all."""
        if len(self._known) < min(len(self._points), 2):
            return math.nan
        runs_s = [self.predict(point) for point in self._points]
        return sum(run_s + FEWEST * max(run_s, batch_s) for run_s in runs_s)


def _likenesses(params: Params) -> Iterator[Hashable]:
    """Keys of combinations that are more and more unlike: the same, all but one parameter, any."""
    yield params
    for index in range(len(params)):
        yield index, params[:index] + params[index + 1 :]
    yield None


def _on_line(times: _Times, size: int, careful: bool) -> float:
    """A power of the size through the nearest two sizes; through one, proportional (or quadratic) for larger sizes."""
    nearest, known = times.nearest(size), times.run_s
    first = nearest[0]
    slope = 0.0 if size < first else 2.0 if careful else 1.0
    if len(nearest) > 1:
        second = nearest[1]
        steps = math.log((second + 1) / (first + 1))
        slope = math.log(max(known[second], 1e-9) / max(known[first], 1e-9)) / steps
        if careful and size > times.sizes[-1]:
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
