"""The remaining time of a measurement, over all processes that it needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf
from time import monotonic, perf_counter

from pocket_lab.records.progress import Heartbeat, Started
from pocket_lab.records.record import Record

_OVERTIME = 0.05  # of the budget, for a run in flight
_LEAST_S = 1.0  # more than a very short budget, which is a wish for few samples
_SHORT_S = 2.0
_LEAST_SHARE = 0.5


class BudgetEnded(Exception):
    """A run is still in flight after the end of the budget."""


@dataclass(slots=True)
class Budget:
    """The seconds of a measurement, from its begin on: starting its processes counts.

    One that `is_strict` ends with its budget, whatever it has begun by then: it is the rest of another one.
    """

    budget_s: float
    begun_s: float = field(default_factory=lambda: monotonic())
    is_strict: bool = False

    @property
    def left_s(self) -> float:
        """The remaining seconds."""
        return self.begun_s + self.budget_s - monotonic()

    def watch(self, records: Iterator[Record]) -> Iterator[Record]:
        """The records as they come; raises BudgetEnded where a run is in flight too long after the end.

        However long a process takes to start, its runs have a good half of the budget, and a very short budget a second more.
        """
        end_s = self.begun_s + self.budget_s if self.is_strict else inf
        for record in records:
            if end_s == inf and isinstance(record, Started):
                least_s = max(
                    (_LEAST_SHARE + _OVERTIME) * self.budget_s, self.budget_s + _LEAST_S if self.budget_s < _SHORT_S else 0.0
                )
                end_s = max(self.begun_s + (1 + _OVERTIME) * self.budget_s, monotonic() + least_s)
            if isinstance(record, Heartbeat) and monotonic() > end_s:
                raise BudgetEnded
            yield record


def deadline_of(budget_s: float, begun_s: float | None) -> float:
    """When the budget ends, by `perf_counter`; the start of the measuring process counts.

    Half of a budget always remains, so that a very short one measures something.
    """
    now = monotonic()
    end_s = now + budget_s if begun_s is None else max(begun_s + budget_s, now + _LEAST_SHARE * budget_s)
    return perf_counter() + end_s - now
