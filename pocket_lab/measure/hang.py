"""A batch that never ends: seen from outside, by the time since anything new was told."""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic

from pocket_lab.errors import ProcessDied
from pocket_lab.records import Heartbeat, Output, Record
from pocket_lab.units import format_duration


def within_timeout(records: Iterator[Record], timeout_s: float | None) -> Iterator[Record]:
    """The records as they come; raises ProcessDied where a batch takes longer than `timeout_s`, as if it had died of it.

    The clock starts with each record but the target's own output, so that what prints all the time hangs too.
    """
    since = monotonic()
    for record in records:
        if not isinstance(record, Heartbeat | Output):
            since = monotonic()
        elif timeout_s is not None and monotonic() - since > timeout_s:
            raise ProcessDied(f"a batch took longer than point_timeout={format_duration(timeout_s)} and was ended")
        yield record
