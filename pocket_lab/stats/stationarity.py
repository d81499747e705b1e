"""Deviations of a series of measurements from a steady state: warm-up, drift and outliers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate, pairwise
from statistics import median, quantiles
from typing import TYPE_CHECKING

from pocket_lab.stats.median_interval import inflation, signed_ranks

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FEWEST_TO_JUDGE = 20
FEWEST_TO_FOLLOW = 15
SMALLEST_WARM_UP = 0.1
SMALLEST_DRIFT = 0.02

_FENCE, _FADED = 2.0, 0.5
_LONGEST_WARM_UP = 0.4
_FEWEST_SLOW = 4
_STRICT, _STRICTER = 3.3, 20
_PIECES = 20


def warm_up(values: Sequence[float]) -> int:
    """How many leading values belong to a warm-up; 0 where there is none or there are fewer than 20 values.

    The later half is assumed to be steady. A value is slow if it exceeds Tukey's fence of the later half (third quartile
    + 2 interquartile ranges) and is 10 % above the steady median. The warm-up is the leading run in which slow values
    outnumber the others most: the largest sum of +1 and -1 (a CUSUM), which a single fast value does not end and a single
    spike does not begin. At least four more values must be slow than not; fewer barely affect a median of 20. A slower part
    of more than 40 % of the values is none, but rather a machine that has changed its speed. A warm-up that fades ends where
    the values fall to half an interquartile range above the third quartile. Values that are closer to a straight line than
    to two levels are a drift instead.
    """
    count = len(values)
    if count < FEWEST_TO_JUDGE:
        return 0
    half = count // 2
    first, steady, third = quantiles(values[half:], n=4, method="inclusive")
    fence = max(third + _FENCE * (third - first), steady * (1 + SMALLEST_WARM_UP))
    length, lead = _slow_lead(values[:half], fence)
    if lead < _FEWEST_SLOW or length > _LONGEST_WARM_UP * count:
        return 0
    if _scatter(values[:length]) + _scatter(values[length:]) >= _scatter(_straightened(values)):
        return 0
    return length + _slow_lead(values[length:half], third + _FADED * (third - first))[0]


def _slow_lead(values: Sequence[float], fence: float) -> tuple[int, int]:
    """The length of the leading run in which values above the fence outnumber the others most, and the difference."""
    leads = list(accumulate((1 if value > fence else -1 for value in values), initial=0))
    lead = max(leads)
    return leads.index(lead), lead


def drift(values: Sequence[float]) -> float:
    """The relative change from the beginning to the end of values without a warm-up; 0.0 where chance may explain it.

    Spearman's rank correlation with time must exceed 3.3 + 20 / n standard errors, where the error takes the correlation
    of the residuals into account (`inflation`), and n must be at least 15. The change is the Theil-Sen slope over the
    medians of at most twenty pieces; below 2 % it counts as none.
    """
    count = len(values)
    if count < FEWEST_TO_FOLLOW:
        return 0.0
    ranks = signed_ranks(values)
    times = [2 * index - count + 1 for index in range(count)]
    time_square, rank_square = sum(time * time for time in times), sum(rank * rank for rank in ranks)
    if not rank_square:
        return 0.0
    product = sum(time * rank for time, rank in zip(times, ranks, strict=True))
    residuals = [rank - product / time_square * time for time, rank in zip(times, ranks, strict=True)]
    unexplained = max(1 - product * product / time_square / rank_square, 0.0)
    error = math.sqrt(unexplained * inflation(residuals) / (count - 2))
    if abs(product) / math.sqrt(time_square * rank_square) <= (_STRICT + _STRICTER / count) * error:
        return 0.0
    level = median(values)
    change = _median_slope(values) * count / level if level else 0.0
    return change if abs(change) >= SMALLEST_DRIFT else 0.0


def _scatter(values: Sequence[float]) -> float:
    """The sum of the distances from the median."""
    level = median(values)
    return sum(abs(value - level) for value in values)


def _straightened(values: Sequence[float]) -> list[float]:
    """The values without their trend."""
    slope = _median_slope(values)
    return [value - slope * index for index, value in enumerate(values)]


def _median_slope(values: Sequence[float]) -> float:
    """The Theil-Sen slope over the medians of pieces, without scipy, which no measuring process of a sweep loads."""
    count = len(values)
    pieces = min(_PIECES, count // 3)
    edges = [count * piece // pieces for piece in range(pieces + 1)]
    medians = [((start + end) / 2, median(values[start:end])) for start, end in pairwise(edges)]
    return median((b - a) / (late - early) for index, (early, a) in enumerate(medians) for late, b in medians[index + 1 :])


def outliers(values: Sequence[float] | NDArray[np.float64]) -> NDArray[np.str_]:
    """Each value's class by Tukey's fences: "usual", "mild" beyond 1.5 interquartile ranges, "severe" beyond 3.

    The classes of criterion.rs (src/stats/univariate/outliers/tukey.rs), the same for both sides. Where half of the values
    are equal, the range is zero and every value is "usual".
    """
    import numpy as np

    series = np.asarray(values, dtype=float)
    if not series.size:
        return np.empty(0, dtype="<U6")
    first, third = np.quantile(series, (0.25, 0.75))
    beyond = np.maximum(first - series, series - third)
    width = third - first
    mild, severe = beyond > 1.5 * width, beyond > 3 * width
    return np.array(["usual", "mild", "severe"])[np.where(width > 0, mild.astype(int) + severe, 0)]
