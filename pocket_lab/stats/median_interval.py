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

    The ends are interpolated order statistics with the ranks n / 2 + 1 / 2 -+ 2.25 sqrt(n V) / 2 (Hettmansperger and
    Sheather, Confidence intervals based on interpolated order statistics, 1986), so that the noise may have any
    distribution. V is the variance inflation by correlated neighbours (`inflation`). 2.25 instead of 1.96 corrects for V
    being an estimate, as Student's t does, and for stopping at the first narrow interval of several;
    tests/benchmarks/coverage.py measures both.
    """
    count = len(values)
    if not count:
        return Estimate(NAN, NAN, NAN)
    ordered = sorted(values)
    value = median(ordered)
    if count < FEWEST:
        return Estimate(value, NAN, NAN)
    reach = _QUANTILE * math.sqrt(count * inflation(signed_ranks(values))) / 2
    low, high = _at(ordered, (count - 1) / 2 - reach), _at(ordered, (count - 1) / 2 + reach)
    return Estimate(value, min(low, value), max(high, value))


def is_look(count: int) -> bool:
    """Whether to check the precision at this number of values: at 20, then every fifth, and from 200 on less and less often.

    Each check is another chance to stop at an interval that is narrow by luck, and with thousands of values it takes time.
    """
    return count >= FEWEST_TO_STOP and count % (LOOK_EVERY * max(1, count // 100)) == 0


def _at(ordered: Sequence[float], position: float) -> float:
    """The value at a position that may lie between two values, or beyond the ends."""
    position = min(max(position, 0.0), len(ordered) - 1.0)
    below = min(int(position), len(ordered) - 2)
    low, high = ordered[below], ordered[below + 1]
    return min(max(low + (high - low) * (position - below), low), high)  # rounding may leave the two values


def signed_ranks(values: Sequence[float]) -> list[int]:
    """The rank of each value among all, doubled and centred on zero; equal values share one."""
    ordered = sorted(values)
    last = dict(zip(ordered, range(len(ordered)), strict=True))
    ordered.reverse()
    first = dict(zip(ordered, range(len(ordered) - 1, -1, -1), strict=True))
    return [first[value] + last[value] - len(ordered) + 1 for value in values]


def inflation(ranks: Sequence[float]) -> float:
    """The factor V by which correlation in time inflates the variance of a median: n values are worth n / V independent ones.

    V = (1 + r) / (1 - r) for first-order autocorrelation r (Bayley and Hammersley, The effective number of independent
    observations in an autocorrelated time series, 1946). r is computed from the ranks, which are robust to spikes, and
    corrected for its bias (Marriott and Pope, Bias in the estimation of autocorrelations, 1954); for few values it is
    averaged with a usual value. Noise of several time scales has a longer memory than r shows, so from 100 values on the
    variance of the sums over fifty pieces is computed too, and the larger of both is taken.
    """
    near = _first_order(ranks)
    count = len(ranks)
    if count < _LONG:
        return near
    edges = [count * piece // _PIECES for piece in range(_PIECES + 1)]
    sums = [sum(ranks[start:end]) / math.sqrt(end - start) for start, end in pairwise(edges)]
    mean = sum(sums) / _PIECES
    pieces = [one - mean for one in sums]
    variance = sum(map(mul, ranks, ranks)) / count
    if not variance:
        return near
    far: float = sum(map(mul, pieces, pieces)) / (_PIECES - 1) / variance * _first_order(pieces)
    return max(near, far)


def _first_order(centred: Sequence[float]) -> float:
    count = len(centred)
    square = sum(map(mul, centred, centred))
    raw = sum(map(mul, centred, centred[1:])) / square if square else 0.0
    unbiased = (count * raw + 1) / (count - 4)
    likely = (count * unbiased + _USUAL_WEIGHT * _USUAL) / (count + _USUAL_WEIGHT)
    r = min(max(likely, 0.0), _STRONGEST)
    return (1 + r) / (1 - r)
