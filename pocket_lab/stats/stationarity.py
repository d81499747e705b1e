"""What of a series of measurements is not steady: a warm-up at its beginning, a drift through it, single outliers."""

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
_FEWEST_SLOW = 4
_STRICT, _STRICTER = 3.3, 20
_PIECES = 20


def warm_up(values: Sequence[float]) -> int:
    """How many leading values belong to a warm-up; 0 where there is none or there are fewer than 20 values.

    The later half is taken as steady. The warm-up is the leading run in which those slower than Tukey's fence of the later
    half (third quartile + 2 interquartile ranges) outnumber the others most: the largest sum of +1 and -1 (a CUSUM), which
    a single fast value does not end and a single spike does not begin. There have to be four more of them than of others,
    each also 10 % above the steady median; fewer hardly move a median of 20. A warm-up that fades ends where the values
    come down to half an interquartile range above that quartile. Values that lie closer to a straight line than to the
    two levels are a drift instead.
    """
    count = len(values)
    if count < FEWEST_TO_JUDGE:
        return 0
    half = count // 2
    first, middle, third = quantiles(values[half:], n=4, method="inclusive")
    fence = max(third + _FENCE * (third - first), middle * (1 + SMALLEST_WARM_UP))
    length, lead = _slow_lead(values[:half], fence)
    if lead < _FEWEST_SLOW:
        return 0
    if _scatter(values[:length]) + _scatter(values[length:]) >= _scatter(_straightened(values)):
        return 0
    return length + _slow_lead(values[length:half], third + _FADED * (third - first))[0]


def _slow_lead(values: Sequence[float], fence: float) -> tuple[int, int]:
    """The leading run in which values above the fence outnumber the others most, and by how many they do."""
    leads = list(accumulate((1 if value > fence else -1 for value in values), initial=0))
    lead = max(leads)
    return leads.index(lead), lead


def drift(values: Sequence[float]) -> float:
    """The relative change from the beginning to the end of values without a warm-up; 0.0 where luck may explain it.

    Spearman's rank correlation with time has to exceed 3.3 + 20 / n standard errors, those of as many independent values
    as the rest without the trend is worth (`inflation`), and n has to be 15. The change is Theil and Sen's median slope over
    the medians of at most twenty pieces; below 2 % it counts as none.
    """
    count = len(values)
    if count < FEWEST_TO_FOLLOW:
        return 0.0
    ranks = signed_ranks(values)
    times = [2 * place - count + 1 for place in range(count)]
    square, own = sum(time * time for time in times), sum(rank * rank for rank in ranks)
    if not own:
        return 0.0
    shared = sum(time * rank for time, rank in zip(times, ranks, strict=True))
    rest = [rank - shared / square * time for time, rank in zip(times, ranks, strict=True)]
    error = math.sqrt(max(1 - shared * shared / square / own, 0.0) * inflation(rest) / (count - 2))
    if abs(shared) / math.sqrt(square * own) <= (_STRICT + _STRICTER / count) * error:
        return 0.0
    middle = median(values)
    change = _median_slope(values) * count / middle if middle else 0.0
    return change if abs(change) >= SMALLEST_DRIFT else 0.0


def _scatter(values: Sequence[float]) -> float:
    middle = median(values)
    return sum(abs(value - middle) for value in values)


def _straightened(values: Sequence[float]) -> list[float]:
    slope = _median_slope(values)
    return [value - slope * place for place, value in enumerate(values)]


def _median_slope(values: Sequence[float]) -> float:
    """The change from one value to the next, by the slopes between all pairs of pieces."""
    count = len(values)
    pieces = min(_PIECES, count // 3)
    edges = [count * piece // pieces for piece in range(pieces + 1)]
    middles = [((start + end) / 2, median(values[start:end])) for start, end in pairwise(edges)]
    return median((b - a) / (late - early) for index, (early, a) in enumerate(middles) for late, b in middles[index + 1 :])


def outliers(values: Sequence[float] | NDArray[np.float64]) -> NDArray[np.str_]:
    """Each value's class by Tukey's fences: "usual", "mild" beyond 1.5 interquartile ranges, "severe" beyond 3.

    The classes of criterion.rs (src/stats/univariate/outliers/tukey.rs), both sides alike. All is usual where half of
    the values are equal, since there is no range to judge by.
    """
    import numpy as np

    given = np.asarray(values, dtype=float)
    if not given.size:
        return np.empty(0, dtype="<U6")
    first, third = np.quantile(given, (0.25, 0.75))
    beyond = np.maximum(first - given, given - third)
    width = third - first
    mild, severe = beyond > 1.5 * width, beyond > 3 * width
    return np.array(["usual", "mild", "severe"])[np.where(width > 0, mild.astype(int) + severe, 0)]
