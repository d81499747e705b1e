"""The results of the first runs of both sides, which should be equal on the same input."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pocket_lab.measure.paired.equality import Incomparable, first_difference
from pocket_lab.measure.timing.batch import Runs, Work
from pocket_lab.measure.timing.lazy_result import is_lazy, lazy_caveats
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.point import Point, describe


class Results:
    """Takes the first result of each side, and compares them once both are there."""

    def __init__(self, check_equal: bool) -> None:
        self._check_equal = check_equal
        self._taken: list[tuple[Point, Any, bool]] = []

    def take(self, point: Point, work: Work | None, is_changed: bool) -> Iterator[Caveat]:
        """The result of a side's first run, if there is a new one; `is_changed` where that run has changed its input."""
        if isinstance(work, Runs) and work.first_results:
            result = work.take_first_result()
            yield from lazy_caveats(result, point)
            self._taken.append((point, result, is_changed))

    def caveats(self) -> Iterator[Caveat]:
        """A Caveat if the two results differ, or cannot be compared; nothing after that."""
        if len(self._taken) < 2:
            return
        (a, one, is_changed), (b, other, is_other_changed) = self._taken
        self._taken.clear()
        if not self._check_equal or is_lazy(one) or is_lazy(other):
            return
        where = f"{describe(b)}: the result of {b.target}"
        if is_changed or is_other_changed:
            changes = " and ".join(point.target for point, is_so in ((a, is_changed), (b, is_other_changed)) if is_so)
            yield Caveat(
                "results-not-compared", f"{where} was not compared with that of {a.target}: {changes} changes its input"
            )
            return
        try:
            difference = first_difference(one, other)
        except (Incomparable, RecursionError) as error:
            yield Caveat("results-not-compared", f"{where} cannot be compared with that of {a.target}: {error}")
            return
        if difference is not None:
            yield Caveat("unequal-results", f"{where} differs from that of {a.target} on the same input, at {difference}")
