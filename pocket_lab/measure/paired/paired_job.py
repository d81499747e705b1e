"""Two jobs that are measured against each other, point by point."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pocket_lab.measure.job import Job
from pocket_lab.measure.worker.native_limit import NativeLimit
from pocket_lab.records.point import Point
from pocket_lab.records.samples import Latency, Sample


@dataclass(frozen=True, slots=True)
class PairedJob:
    """Two jobs with equally many points: the first point of `a` is paired with the first of `b`, and so on.

    A pair is done when half the interval of its ratio is within `precision`, or when the `budget_s` of all pairs ends.
    With `check_equal` the results of the first runs of both sides are compared. `begun_s` and `native_limit` are as those
    of a Job, of the points of both sides.
    """

    a: Job
    b: Job
    precision: float
    budget_s: float
    scratch: str = ""
    check_equal: bool = True
    begun_s: float | None = None
    native_limit: NativeLimit | None = None

    @property
    def pairs(self) -> list[tuple[Point, Point]]:
        """The points of a and b that are compared."""
        return list(zip(self.a.points, self.b.points, strict=True))

    @property
    def points(self) -> tuple[Point, ...]:
        """The points in pairs: of a, of b, of a, of b ..."""
        return tuple(point for pair in self.pairs for point in pair)

    @property
    def point_timeout_s(self) -> float | None:
        """The most seconds for one batch; None for no limit."""
        return self.a.point_timeout_s

    @property
    def isolation(self) -> str:
        """Where both are measured: "process" or "kernel"."""
        return self.a.isolation

    @property
    def hint(self) -> str:
        """What to do where a part cannot be pickled."""
        return "build it inside the function that uses it"

    def parts(self) -> dict[str, Any]:
        """The user's objects that are sent to the measuring process, by name."""
        return {**self.a.parts(), **self.b.parts()}

    def without(self, closed: Collection[Point], budget_s: float, samples: Sequence[Sample | Latency]) -> PairedJob:
        """The pairs without a closed point; each starts again at its first block, so the samples are not used."""
        kept = [pair for pair in self.pairs if not set(closed) & set(pair)]
        a, b = (tuple(pair[side] for pair in kept) for side in (0, 1))
        return replace(
            self, a=replace(self.a, points=a, caveats=()), b=replace(self.b, points=b, caveats=()), budget_s=budget_s
        )
