"""What is left of the time that a measurement may take, over the processes that it needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic

from pocket_lab.records.progress import Heartbeat, Output
from pocket_lab.records.record import Record


@dataclass(slots=True)
class Budget:
    """Seconds that are left; they run from the first record of a measuring process, whose start does not count."""

    left_s: float

    def spent_on(self, records: Iterator[Record]) -> Iterator[Record]:
        """The records as they come, at the cost of the time that they take."""
        begun: float | None = None
        try:
            for record in records:
                if begun is None and not isinstance(record, Heartbeat | Output):
                    begun = monotonic()
                yield record
        finally:
            if begun is not None:
                self.left_s -= monotonic() - begun
