"""What the number of runs in a batch does to the time of one: the first run of a batch finds cold caches.

Other points, and other jobs of the machine, have had the core before a batch. Its first run takes longer by about 0.1 ms, and
by a share of what it reads from memory, so that the time of one run is shorter in longer batches. The number of runs in a batch
is chosen in each measurement, and two stored runs may have different ones.
"""

from __future__ import annotations

from dataclasses import dataclass

_COLD_S, _SPREAD_S = 100e-6, 60e-6  # what the first run takes longer, and how far targets differ in it (99 %)
_OF_MEMORY = 1.5  # how much longer what is bound by memory may take (99 %)


@dataclass(frozen=True, slots=True)
class ColdStart:
    """By how much the log time of one run differs between two sides for their batches alone, and the half width of that."""

    change: float
    half: float


def cold_start(loops_a: float, loops_b: float, run_s: float, follows_memory: float) -> ColdStart:
    """From the runs in a batch of both sides, the CPU seconds of a run, and the share in which it follows memory."""
    if not (min(loops_a, loops_b) > 0 and run_s > 0):
        return ColdStart(0.0, 0.0)
    more = 1 / loops_b - 1 / loops_a
    return ColdStart(_COLD_S / run_s * more, abs(more) * (_SPREAD_S / run_s + _OF_MEMORY * follows_memory))
