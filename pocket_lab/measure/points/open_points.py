"""The points in the rounds of a sweep, with sums over them that every visit needs; there may be thousands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import frexp
from typing import Generic, Protocol, TypeVar

from pocket_lab.records.point import Point
from pocket_lab.stats.median_interval import FEWEST


class Open(Protocol):
    """What the sums need of a sampler."""

    point: Point
    batch_s: float
    runs_s: list[float]
    is_settled: bool


S = TypeVar("S", bound=Open)


@dataclass(slots=True)
class _Entry(Generic[S]):
    """What the sums hold of a sampler: the length of its batches and what it needs, if anything; whether it is unsettled."""

    sampler: S
    length: int = 0
    needed_s: float = 0.0
    is_unsettled: bool = False


@dataclass(slots=True)
class OpenPoints(Generic[S]):
    """Samplers by their points; `update` after each visit keeps the sums, so that none of them is a loop over all points.

    `batch_s` is the least time that is planned for a batch.
    """

    batch_s: float
    _entries: dict[int, _Entry[S]] = field(default_factory=dict)  # by the id of their sampler: a point takes long to hash
    _of_length: dict[int, tuple[int, float]] = field(default_factory=dict)
    _unsettled: Counter[object] = field(default_factory=Counter)

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[S]:
        return (entry.sampler for entry in self._entries.values())

    def update(self, sampler: S) -> None:
        """Take in a sampler, or what has changed of it."""
        entry = self._entries.get(id(sampler))
        if entry is None:
            entry = self._entries[id(sampler)] = _Entry(sampler)
        missing = FEWEST - len(sampler.runs_s)
        needed_s = max(sampler.batch_s, self.batch_s) * missing if missing > 0 else 0.0
        self._count(entry, _length(sampler.batch_s) if needed_s else 0, needed_s, not sampler.is_settled)

    def remove(self, sampler: S) -> None:
        """Leave a sampler out from now on."""
        self._count(self._entries.pop(id(sampler)), 0, 0.0, False)

    @property
    def planned_s(self) -> float:
        """The time of the rounds that the points need for an interval."""
        return sum(needed_s for _, needed_s in self._of_length.values())

    def needed_by_shorter_s(self, sampler: S) -> float:
        """What points with batches of half the length or less still need for an interval, about."""
        length = _length(sampler.batch_s)
        return sum(needed_s for other, (_, needed_s) in self._of_length.items() if other < length)

    def has_others_unsettled(self, sampler: S) -> bool:
        """Whether another point of its size and parameters is not settled."""
        point = sampler.point
        return self._unsettled[point.size, point.params] > self._entries[id(sampler)].is_unsettled

    def _count(self, entry: _Entry[S], length: int, needed_s: float, is_unsettled: bool) -> None:
        """Replace what the sums hold of a sampler."""
        if entry.needed_s:
            count, of_all_s = self._of_length.pop(entry.length)
            if count > 1:
                self._of_length[entry.length] = count - 1, of_all_s - entry.needed_s
        if needed_s:
            count, of_all_s = self._of_length.get(length, (0, 0.0))
            self._of_length[length] = count + 1, of_all_s + needed_s
        entry.length, entry.needed_s = length, needed_s
        if is_unsettled != entry.is_unsettled:
            point = entry.sampler.point
            self._unsettled[point.size, point.params] += is_unsettled - entry.is_unsettled
            entry.is_unsettled = is_unsettled


def _length(batch_s: float) -> int:
    """The power of two of a time."""
    return frexp(batch_s)[1]
