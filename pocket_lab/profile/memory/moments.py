"""The memory of a run at moments in time, of several processes together, reduced to what a picture shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pocket_lab.profile.memory.capture import Ints

_MOST_MOMENTS = 500


class Moments(NamedTuple):
    """Columns with one row per moment: Unix time in seconds, bytes allocated, bytes resident."""

    time_s: NDArray[np.float64]
    heap: Ints
    rss: Ints


NO_MOMENTS = Moments(np.empty(0), np.empty(0, np.int64), np.empty(0, np.int64))


def add_processes(parts: Sequence[Moments]) -> Moments:
    """Return the moments of all processes; each has the sum of what every process held at its own last moment before."""
    if len(parts) == 1:
        return parts[0]
    times = np.unique(np.concatenate([part.time_s for part in parts]))
    heap, rss = np.zeros((2, len(times)), np.int64)
    for time_s, held, resident in parts:
        last = np.searchsorted(time_s, times, side="right")
        heap += np.concatenate(([0], held))[last]
        rss += np.concatenate((resident[:1], resident))[last] if len(resident) else 0
    return Moments(times, heap, rss)


def thin(moments: Moments) -> Moments:
    """Reduce to at most 500 moments: of neighbouring moments the one with the most allocated bytes is kept."""
    count = len(moments.time_s)
    if count <= _MOST_MOMENTS:
        return moments
    edges = np.linspace(0, count, _MOST_MOMENTS + 1).astype(int)[:-1]
    part = np.repeat(np.arange(len(edges)), np.diff(np.append(edges, count)))
    order = np.lexsort((moments.heap, part))
    kept = order[np.append(np.flatnonzero(np.diff(part[order])), len(order) - 1)]
    return Moments(moments.time_s[kept], moments.heap[kept], moments.rss[kept])
