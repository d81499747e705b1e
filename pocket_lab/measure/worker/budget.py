"""The remaining time of a measurement, over all processes that it needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic

from pocket_lab.records.progress import Heartbeat, Output
from pocket_lab.records.record import Record


@dataclass(slots=True)
class Budget:
    """The remaining seconds; the clock runs from the first record of a measuring process, so its start does not count."""

    left_s: float

    def spent_on(self, records: Iterator[Record]) -> Iterator[Record]:
        """The records as they come; the time that they take is subtracted from the budget."""
        begun: float | None = None
        try:
            for record in records:
                if begun is None and not isinstance(record, Heartbeat | Output):
                    begun = monotonic()
                yield record
        finally:
            if begun is not None:
                self.left_s -= monotonic() - begun
