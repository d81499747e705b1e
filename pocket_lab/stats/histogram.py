"""Latencies in log buckets: any quantile to within one per cent, in a size that does not grow with their number."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from pocket_lab.stats.median_interval import NAN

ERROR = 0.01
_PER_E = 1 / math.log1p(ERROR)
_SMALLEST_S = 1e-9

Buckets = tuple[tuple[int, int], ...]


class Histogram:
    """Counts of seconds by the power of 1.01 that they lie under.

    The buckets are those of DDSketch (Masson, Rim and Lee, "DDSketch: a fast and fully-mergeable quantile sketch with
    relative-error guarantees", 2019), half as wide, so that any value in one is within 1 % of any other: from a nanosecond
    to a year there are 3,900 of them.
    """

    __slots__ = ("_counts",)

    def __init__(self, buckets: Iterable[tuple[int, int]] = ()) -> None:
        self._counts: dict[int, int] = {}
        self.add(buckets)

    def record(self, seconds: float) -> None:
        """One more value."""
        bucket = math.ceil(math.log(seconds if seconds > _SMALLEST_S else _SMALLEST_S) * _PER_E)
        counts = self._counts
        counts[bucket] = counts.get(bucket, 0) + 1

    def record_all(self, seconds: Sequence[float]) -> None:
        """Many more values, in a third of the time."""
        import numpy as np  # here, so that counting one by one does not wait for it

        if len(seconds):
            places = np.ceil(np.log(np.maximum(np.array(seconds, float), _SMALLEST_S)) * _PER_E).astype(int)
            lowest = int(places.min())
            counts = np.bincount(places - lowest)
            filled = counts.nonzero()[0]
            self.add(zip((filled + lowest).tolist(), counts[filled].tolist(), strict=True))

    def add(self, buckets: Iterable[tuple[int, int]]) -> None:
        """What another one counted."""
        for bucket, count in buckets:
            self._counts[bucket] = self._counts.get(bucket, 0) + count

    @property
    def buckets(self) -> Buckets:
        """(bucket, count) pairs, shortest first: the form in which it travels."""
        return tuple(sorted(self._counts.items()))

    @property
    def count(self) -> int:
        """How many values there are."""
        return sum(self._counts.values())

    def quantile(self, share: float) -> float:
        """The value below which this share of them lies, at most 1 % off (between two values: one of them); NaN if empty.

        Inside a bucket its values are taken to be spread evenly.
        """
        rank = share * (self.count - 1)
        below = 0
        for bucket, count in self.buckets:
            if rank < below + count:
                within = (rank - below + 0.5) / count
                return math.exp((bucket - 1 + min(max(within, 0.0), 1.0)) / _PER_E)
            below += count
        return NAN
