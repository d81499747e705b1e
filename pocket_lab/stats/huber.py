"""Huber's location of values that were taken in blocks, and its standard error: the estimate behind a comparison."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.99
_REACH, _LEAST_REACH = 1.0, 0.03  # in spreads, and in logs: builds of one function differ by up to a hundredth
_TO_SPREAD = 1.4826  # from the median distance to the standard deviation of normal noise
_EXPANDED_FROM = 9
_STEPS, _CLOSE = 100, 1e-9
_LEAST_WITHIN = 0.05  # share of the values within reach: a step may end where there are hardly any


class HuberEstimate(NamedTuple):
    """A location, its standard error (NaN below two blocks), and the degrees of freedom of the error."""

    value: float
    error: float
    freedom: int

    @property
    def half_width(self) -> float:
        """Half the width of the 99 % interval; NaN without one."""
        return student_quantile(self.freedom) * self.error if self.freedom else math.nan


def student_quantile(freedom: float) -> float:
    """The quantile of Student's t distribution that bounds its central 99 %.

    From nine degrees of freedom on by Fisher's expansion (Abramowitz and Stegun, 26.7.5), which is exact to 2e-4 there, so that
    a measuring process need not load scipy, which takes as long as all else that it loads.
    """
    if freedom < _EXPANDED_FROM:
        from scipy.special import stdtrit

        return float(stdtrit(freedom, (1 + CONFIDENCE) / 2))
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / freedom**power for power, term in enumerate(terms, 1))


def huber_estimate(blocks: Sequence[Sequence[float]]) -> HuberEstimate:
    """Huber's location of the log ratios of all rounds, with a standard error from the differences between blocks.

    Values farther away than one standard deviation count as if they were just that far (Huber, "Robust estimation of
    a location parameter", 1964), so that an interrupted round or a bad block has little effect. The difference between two
    builds of one function always counts in full; without outliers this is the mean of the blocks with Student's interval. The
    error is computed from sums over blocks (Liang and Zeger, "Longitudinal data analysis using generalized linear models",
    1986), so it includes whatever the values of a block have in common. Raises ValueError where there is no value.
    """
    groups = [np.asarray(block, np.float64) for block in blocks if len(block)]
    values, counts = np.concatenate(groups), [len(group) for group in groups]
    start = _median(values)
    reach = max(_REACH * _TO_SPREAD * _median(np.abs(values - start)), _LEAST_REACH)
    location = _locate(values, start, reach)
    distances = values - location
    pulls = np.add.reduceat(_clip(distances, reach), np.cumsum([0, *counts[:-1]]))
    return HuberEstimate(location, _error(pulls / (len(values) * _share_within(distances, reach))), len(groups) - 1)


def _locate(values: NDArray[np.float64], location: float, reach: float) -> float:
    """The location at which the clipped distances of all values sum to zero, by Newton's method."""
    for _ in range(_STEPS):
        distances = values - location
        step = float(_clip(distances, reach).sum()) / len(values) / _share_within(distances, reach)
        location += step
        if abs(step) < _CLOSE:
            break
    return location


def _clip(distances: NDArray[np.float64], reach: float) -> NDArray[np.float64]:
    return np.minimum(np.maximum(distances, -reach), reach)  # half of the time of numpy.clip on few values


def _share_within(distances: NDArray[np.float64], reach: float) -> float:
    return max(np.count_nonzero(np.abs(distances) <= reach) / len(distances), _LEAST_WITHIN)


def _median(values: NDArray[np.float64]) -> float:
    ordered, half = np.sort(values), len(values) // 2  # a tenth of the time of numpy.median on few values
    return float(ordered[half]) if len(values) % 2 else float(ordered[half - 1] + ordered[half]) / 2


def _error(pulls: NDArray[np.float64]) -> float:
    """The standard error from how far each block pulls the location; NaN of one block."""
    count = len(pulls)
    return math.sqrt(count / (count - 1) * float(pulls @ pulls)) if count > 1 else math.nan
