"""The counts that a monitor has of a node."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NodeTraffic:
    """What one node of a running graph has done until now, as counted by a monitor.

    `histogram` holds every latency in log buckets, failed visits too; `last_at` is a time of day (seconds since 1970).
    `recent` are the visits by the slot of `slot_s` seconds in which they ended (0 is the present one, -1 the one before), and
    `window_s` the seconds from the beginning of the oldest slot, or of the monitor, until now.
    """

    graph: str
    node: str
    executions: int
    errors: int
    total_s: float
    last_at: float
    window_s: float
    slot_s: float
    recent: tuple[tuple[int, int], ...]
    histogram: tuple[tuple[int, int], ...]
