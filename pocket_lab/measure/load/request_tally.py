"""The outcome of the requests of a point under load, and the caveats that follow from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pocket_lab.measure.timing.batch import Timing
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.point import Point, describe
from pocket_lab.records.samples import Latency
from pocket_lab.units import format_percent

PROFILED_S = 1.0
"""The window of clients that a profiler looks at."""
_MOST_LATE = 0.1


@dataclass(slots=True)
class RequestTally:
    """Counts over the windows of a point: all requests, failed ones, and those that began after the end of their window."""

    requests: int = 0
    errors: int = 0
    late: int = 0
    first_error: str | None = None

    def count(self, timing: Timing) -> None:
        """Add a window; a batch of another drive is ignored."""
        if (answers := timing.answers) is not None:
            self.requests += answers.histogram.count + answers.errors
            self.errors += answers.errors
            self.late += answers.late
            self.first_error = self.first_error or answers.first_error

    def recall(self, latency: Latency) -> None:
        """Add a window of an interrupted measurement."""
        self.requests += sum(count for _, count in latency.histogram) + latency.errors
        self.errors += latency.errors
        self.late += latency.late

    def caveats(self, point: Point) -> Iterator[Caveat]:
        """The failed requests, and the late ones if they are more than a tenth."""
        if self.errors:
            first = "" if self.first_error is None else f", the first with {self.first_error}"
            yield Caveat("load-errors", f"{describe(point)}: {self.errors:,} of {self.requests:,} runs failed{first}", point)
        if self.late > _MOST_LATE * self.requests and point.rate is not None:
            share = f"{format_percent(self.late / self.requests)} of the requests at {point.rate:g} a second"
            message = f"{describe(point)}: {share} had not begun when their window ended: at this rate the target falls behind"
            yield Caveat("load-late", message, point)
