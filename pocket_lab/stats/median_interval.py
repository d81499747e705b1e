"""The median of repeated measurements and its 95 % interval on a noisy shared machine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from operator import mul
from statistics import median
from typing import NamedTuple

NAN = float("nan")
FEWEST = 6
FEWEST_TO_STOP = 20
LOOK_EVERY = 5

_QUANTILE = 2.25
_USUAL, _USUAL_WEIGHT = 0.35, 10
_STRONGEST = 0.9
_LONG, _PIECES = 100, 50


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
    """The median of values in the order in which they were measured, with its 95 % interval from six values on.

    The ends are order statistics, n / 2 + 1 / 2 -+ 2.25 sqrt(n V) / 2 from below, interpolated (Hettmansperger and
    Sheather, Confidence intervals based on interpolated order statistics, 1986), so that the noise may have any
    distribution. V is by how much neighbours that are alike inflate the variance (`inflation`). 2.25 instead of 1.96 pays
    for V being an estimate, as Student's t does, and for stopping at the first narrow one of several looks;
    tests/benchmarks/coverage.py measures both.
    """
    count = len(values)
    if not count:
        return Estimate(NAN, NAN, NAN)
    ordered = sorted(values)
    middle = median(ordered)
    if count < FEWEST:
        return Estimate(middle, NAN, NAN)
    reach = _QUANTILE * math.sqrt(count * inflation(signed_ranks(values))) / 2
    low, high = _at(ordered, (count - 1) / 2 - reach), _at(ordered, (count - 1) / 2 + reach)
    return Estimate(middle, min(low, middle), max(high, middle))


def is_look(count: int) -> bool:
    """Whether to ask after this many values if they are precise enough: at 20, then every fifth, from 200 on ever more seldom.

    Each look is another chance to stop at an interval that is narrow by luck, and with thousands of values it takes time.
    """
    return count >= FEWEST_TO_STOP and count % (LOOK_EVERY * max(1, count // 100)) == 0


def _at(ordered: Sequence[float], place: float) -> float:
    """The value at a place that may lie between two values, or beyond the ends."""
    place = min(max(place, 0.0), len(ordered) - 1.0)
    below = min(int(place), len(ordered) - 2)
    return ordered[below] + (ordered[below + 1] - ordered[below]) * (place - below)


def signed_ranks(values: Sequence[float]) -> list[int]:
    """The rank of each value among all, twice its distance from the middle one; equal values share one."""
    ordered = sorted(values)
    last = dict(zip(ordered, range(len(ordered)), strict=True))
    ordered.reverse()
    first = dict(zip(ordered, range(len(ordered) - 1, -1, -1), strict=True))
    return [first[value] + last[value] - len(ordered) + 1 for value in values]


def inflation(ranks: Sequence[float]) -> float:
    """By how much correlation in time inflates the variance of a median: n values tell as much as n / V independent ones.

    V = (1 + r) / (1 - r) for first-order autocorrelation r (Bayley and Hammersley, The effective number of independent
    observations in an autocorrelated time series, 1946); r is that of the ranks, which spikes do not hide, less its bias
    (Marriott and Pope, Bias in the estimation of autocorrelations, 1954), and few values are weighed with what is usual.
    Noise of several time scales has a longer memory than r tells, so from 100 values on the largest of this and of what
    the sums over fifty pieces vary is taken.
    """
    near = _first_order(ranks)
    count = len(ranks)
    if count < _LONG:
        return near
    edges = [count * piece // _PIECES for piece in range(_PIECES + 1)]
    sums = [sum(ranks[start:end]) / math.sqrt(end - start) for start, end in pairwise(edges)]
    middle = sum(sums) / _PIECES
    pieces = [one - middle for one in sums]
    alone = sum(map(mul, ranks, ranks)) / count
    return max(near, sum(map(mul, pieces, pieces)) / (_PIECES - 1) / alone * _first_order(pieces)) if alone else near


def _first_order(centred: Sequence[float]) -> float:
    count = len(centred)
    square = sum(map(mul, centred, centred))
    found = sum(map(mul, centred, centred[1:])) / square if square else 0.0
    unbiased = (count * found + 1) / (count - 4)
    likely = (count * unbiased + _USUAL_WEIGHT * _USUAL) / (count + _USUAL_WEIGHT)
    r = min(max(likely, 0.0), _STRONGEST)
    return (1 + r) / (1 - r)
