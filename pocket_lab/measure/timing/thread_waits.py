"""How a thread spends the time in which it does not run: waiting voluntarily, or in the run queue."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import NamedTuple

from pocket_lab.stats.median_interval import NAN

_SCHEDSTAT = Path("/proc/thread-self/schedstat")
_WHO = getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF)


class ThreadWaits(NamedTuple):
    """Seconds in the run queue (NaN where the system does not report them), and voluntary context switches."""

    queued_s: float = 0.0
    switches: int = 0

    def __add__(self, other: tuple[float, int]) -> ThreadWaits:  # type: ignore[override]
        return ThreadWaits(self.queued_s + other[0], self.switches + other[1])

    def __sub__(self, other: ThreadWaits) -> ThreadWaits:
        return ThreadWaits(self.queued_s - other.queued_s, self.switches - other.switches)


def read_thread_waits() -> ThreadWaits:
    """The waits of this thread so far."""
    try:
        queued_s = int(_SCHEDSTAT.read_text().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        queued_s = NAN
    return ThreadWaits(queued_s, resource.getrusage(_WHO).ru_nvcsw)
