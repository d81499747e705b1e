"""By how much a series rises with each step: a robust slope with its 95 % interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from pocket_lab.stats.median_interval import FEWEST, NAN

_QUANTILE = 1.96


class Slope(NamedTuple):
    """The median rise of a step and the ends of its 95 % interval, NaN where there are too few values for one."""

    value: float
    low: float
    high: float


def estimate_slope(values: Sequence[float]) -> Slope:
    """The slope of values that are one step apart, with an interval from six values on; NaN below two.

    The median of the slopes of all pairs, and of those the order statistics that Kendall's test of no trend leaves (Sen,
    Estimates of the regression coefficient based on Kendall's tau, 1968): a third of the values may be anything.
    """
    count = len(values)
    slopes = sorted(
        (values[late] - values[early]) / (late - early) for early in range(count) for late in range(early + 1, count)
    )
    if not slopes:
        return Slope(NAN, NAN, NAN)
    pairs = len(slopes)
    middle = (slopes[(pairs - 1) // 2] + slopes[pairs // 2]) / 2
    if count < FEWEST:
        return Slope(middle, NAN, NAN)
    reach = _QUANTILE * math.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    lowest = max(math.floor((pairs - reach) / 2) - 1, 0)
    return Slope(middle, slopes[lowest], slopes[pairs - 1 - lowest])


def rises(values: Sequence[float], least: float) -> bool:
    """Whether the series goes on rising: by at least so much a step for sure, and in its later half too."""
    slope = estimate_slope(values)
    if not slope.low >= least:  # also where there is no interval
        return False
    return estimate_slope(values[len(values) // 2 :]).value >= least
