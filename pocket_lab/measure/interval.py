"""The median of repeated measurements and its distribution-free 95 % interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import median, stdev
from typing import NamedTuple

NAN = float("nan")
FEWEST = 6
BLOCKS = 10


class Estimate(NamedTuple):
    """A median and the ends of its 95 % interval, NaN where there are too few values for one."""

    value: float
    low: float
    high: float

    @property
    def precision(self) -> float:
        """Half the width of the interval as a fraction of the median; NaN without an interval."""
        return (self.high - self.low) / 2 / self.value if self.value else NAN


def estimate_median(values: Sequence[float]) -> Estimate:
    """The median of values in the order in which they were measured.

    From 20 values on, they are cut into ten consecutive blocks, and both figures stand over the block medians (2nd and
    9th of ten: 97.9 %), since neighbouring values on a shared machine are correlated and an interval over single values
    would be far too narrow. From 6 values on, the interval is between order statistics (David and Nagaraja, Order
    Statistics, 7.1: binomial with p = 1/2). Below that it is NaN.
    """
    if not values:
        return Estimate(NAN, NAN, NAN)
    if len(values) >= 2 * BLOCKS:
        edges = [len(values) * block // BLOCKS for block in range(BLOCKS + 1)]
        values = [median(values[start:end]) for start, end in pairwise(edges)]
    middle = median(values)
    if len(values) < FEWEST:
        return Estimate(middle, NAN, NAN)
    ordered = sorted(values)
    rank = _outer_rank(len(ordered))
    return Estimate(middle, ordered[rank], ordered[-1 - rank])


def _outer_rank(count: int) -> int:
    """The largest r for which [r-th smallest, r-th largest] (from 0) holds the median with 95 %."""
    tail, rank = 0.0, -1
    while True:
        tail += math.comb(count, rank + 1) / 2**count
        if 2 * tail > 0.05:
            return rank
        rank += 1


def half_width(values: Sequence[float], confidence: float = 0.99) -> float:
    """Half the width of Student's t interval of the mean; NaN below two values."""
    if len(values) < 2:
        return NAN
    from scipy.special import stdtrit  # not scipy.stats, which takes ten times as long to import

    return float(stdtrit(len(values) - 1, (1 + confidence) / 2)) * stdev(values) / math.sqrt(len(values))
