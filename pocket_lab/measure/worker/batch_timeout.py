"""The timeout of a batch, enforced from outside by the time since its start."""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic

from pocket_lab.errors import ProcessDied
from pocket_lab.records.progress import Heartbeat, Output, Started
from pocket_lab.records.record import Record
from pocket_lab.units import format_duration


def within_timeout(records: Iterator[Record], timeout_s: float | None) -> Iterator[Record]:
    """The records as they come; raises ProcessDied where a batch takes longer than `timeout_s`, as if the process had died.

    The clock runs from the start of a batch, whatever its target prints, and pauses while the caller is busy.
    """
    since: float | None = None
    for record in records:
        if isinstance(record, Started):
            since = monotonic()
        elif not isinstance(record, Heartbeat | Output):
            since = None
        elif timeout_s is not None and since is not None and monotonic() - since > timeout_s:
            raise ProcessDied(f"a batch took longer than point_timeout={format_duration(timeout_s)} and was ended")
        yielded = monotonic()
        yield record
        if since is not None:
            since += monotonic() - yielded
