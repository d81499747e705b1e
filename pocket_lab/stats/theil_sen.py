"""The rise of a series per step: a robust slope with its 95 % interval, and its course."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pocket_lab.stats.median_interval import FEWEST, NAN

Floats = NDArray[np.float64]

_QUANTILE = 1.959964  # of the normal distribution, for 95 %
_BY_CHANCE = 0.01  # that a series which goes on rising is taken for one that has stopped
_MATERIAL = 8.0
_SMALLEST_STEP = 0.1  # of the usual rise per step


class Slope(NamedTuple):
    """The median rise per step and the ends of its 95 % interval; the ends are NaN where there are too few values."""

    value: float
    low: float
    high: float


def estimate_slope(values: Sequence[float]) -> Slope:
    """The Theil-Sen slope of values that are one step apart, with an interval from six values on; NaN below two values.

    The median of the slopes of all pairs, with the interval of Kendall's test (Sen, Estimates of the regression coefficient
    based on Kendall's tau, 1968). A third of the values may be outliers. The same as `scipy.stats.theilslopes`, without scipy:
    a process whose memory is watched must not load it.
    """
    count = len(values)
    if count < 2:
        return Slope(NAN, NAN, NAN)
    series = np.asarray(values, np.float64)
    first, second = np.triu_indices(count, 1)
    slopes = np.sort((series[second] - series[first]) / (second - first))
    value = float(np.median(slopes))
    if count < FEWEST:
        return Slope(value, NAN, NAN)
    ties = sum(equal * (equal - 1) * (2 * equal + 5) for equal in Counter(series.tolist()).values())
    half = _QUANTILE * sqrt((count * (count - 1) * (2 * count + 5) - ties) / 18) / 2
    last = len(slopes) - 1
    low, high = max(round(len(slopes) / 2 - half) - 1, 0), min(round(len(slopes) / 2 + half), last)
    return Slope(value, float(slopes[low]), float(slopes[high]))


def steady_slope(values: Sequence[float]) -> Slope:
    """The slope of the whole series, or of its later half where that is certainly less steep, as after a buffer was filled."""
    whole, later = estimate_slope(values), estimate_slope(values[len(values) // 2 :])
    return later if later.high < whole.low else whole


RISES, STOPPED, FLAT, UNCLEAR = "rises", "stopped", "flat", "unclear"


def course_of(values: Sequence[float], least: float, steps: int) -> str:
    """Return what became of a level that is measured after each step: one of the constants above.

    It RISES if it does so with its interval, in its later half too, and up to its end, by `least` over so many steps. Where
    it ends higher than it began, by eight times as much, it has STOPPED, as a buffer that is full or that releases old blocks
    for new ones, or that is UNCLEAR. Otherwise it is FLAT. Single values far from their neighbours do not matter.
    """
    series, material = _without_spikes(np.asarray(values, np.float64)), _MATERIAL * least
    least /= max(steps, 1)
    slope, half = estimate_slope(values), len(values) // 2
    lasting = _lasting(_without_last_ascent(series, least))
    goes_on = slope.low >= least and estimate_slope(values[half:]).value >= least
    if goes_on and not _has_stopped(lasting, least) and _remains(series[half:]):
        return RISES
    if series[-1] - series[0] < material:
        return FLAT
    usual = _SMALLEST_STEP * float(series[-1] - series[0]) / len(values)
    rises_at_last = estimate_slope(lasting[len(lasting) * 3 // 4 :].tolist()).value >= least
    return STOPPED if not rises_at_last and _has_stopped(lasting, max(least, usual)) else UNCLEAR


def _without_spikes(series: Floats) -> Floats:
    """Return the median of each value and its neighbours; the ends stay, and the last is the median of the last three."""
    if len(series) < 3:
        return series
    inner = np.median(np.lib.stride_tricks.sliding_window_view(series, 3), axis=1)
    return np.concatenate((series[:1], inner, inner[-1:]))


def _remains(series: Floats) -> bool:
    """Whether a series rose by more than it ever fell."""
    return bool(series[-1] - series.min() > _falls(series).max())


def _without_last_ascent(series: Floats, least: float) -> Floats:
    """Return the series up to its last large fall, if it has risen again since by no more than it fell."""
    falls = _falls(series)
    deepest = float(falls[len(series) // 2 :].max(initial=0.0))
    if deepest < least:
        return series
    last = int(np.flatnonzero(falls >= deepest / 2)[-1])
    highest = int(np.flatnonzero(falls[: last + 1] == 0)[-1])
    lowest = last - int(np.argmin(series[highest : last + 1][::-1]))
    return series[: lowest + 1] if series[-1] - series[lowest] <= deepest else series


def _falls(series: Floats) -> Floats:
    """Return how far each value is below the highest before it."""
    return np.maximum.accumulate(series) - series


def _lasting(series: Floats) -> Floats:
    """Return the level below which the series never falls again."""
    return np.minimum.accumulate(series[::-1])[::-1]


def _has_stopped(lasting: Floats, least: float) -> bool:
    """Whether a level that never falls has not risen for too long to be chance.

    If its rises came at random among all steps, all of them would come among the first `m` of `n` with the probability
    (m / n) ** rises.
    """
    steps = np.diff(lasting)
    if not len(steps):
        return False
    usual = float(steps[len(steps) // 2 :].mean())
    rises_at = np.flatnonzero(steps >= max(least, _SMALLEST_STEP * usual)) + 1
    return not len(rises_at) or bool((rises_at[-1] / len(steps)) ** len(rises_at) < _BY_CHANCE)
