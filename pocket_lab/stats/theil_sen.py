"""The rise of a series per step: a robust slope with its 95 % interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pocket_lab.stats.median_interval import FEWEST, NAN


class Slope(NamedTuple):
    """The median rise per step and the ends of its 95 % interval; the ends are NaN where there are too few values."""

    value: float
    low: float
    high: float


def estimate_slope(values: Sequence[float]) -> Slope:
    """The Theil-Sen slope of values that are one step apart, with an interval from six values on; NaN below two values.

    `scipy.stats.theilslopes`: the median of the slopes of all pairs, with the interval of Kendall's test (Sen, Estimates of
    the regression coefficient based on Kendall's tau, 1968). A third of the values may be outliers.
    """
    if len(values) < 2:
        return Slope(NAN, NAN, NAN)
    from scipy.stats import theilslopes  # here, because it takes most of a second to load

    found = theilslopes(values)
    if len(values) < FEWEST:
        return Slope(float(found.slope), NAN, NAN)
    return Slope(float(found.slope), float(found.low_slope), float(found.high_slope))


def rises(values: Sequence[float], least: float) -> bool:
    """Whether the series keeps rising: the interval is above `least` per step, and the slope of the later half is so too."""
    slope = estimate_slope(values)
    if not slope.low >= least:  # also where there is no interval
        return False
    return estimate_slope(values[len(values) // 2 :]).value >= least
