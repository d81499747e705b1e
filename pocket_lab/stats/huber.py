"""The middle of values that were taken in blocks, and how far it may be off: what a comparison says of its rounds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

CONFIDENCE = 0.99
_REACH, _LEAST_REACH = 1.345, 0.05  # in spreads, and in logs: builds of one function differ by up to a hundredth
_TO_SPREAD = 1.4826  # of normal noise, from the median of the distances
_STEPS, _CLOSE = 100, 1e-9
_LEAST_WITHIN = 0.05  # of the values: a step may end where there are hardly any


class HuberEstimate(NamedTuple):
    """A middle, its standard error (NaN below two blocks), and the degrees of freedom of that."""

    value: float
    error: float
    freedom: int

    @property
    def half_width(self) -> float:
        """Half the width of the 99 % interval; NaN without one."""
        return float(stdtrit(self.freedom, (1 + CONFIDENCE) / 2)) * self.error if self.freedom else math.nan


def huber_estimate(blocks: Sequence[Sequence[float]]) -> HuberEstimate:
    """Huber's middle of the log ratios of all rounds, and its standard error from what the blocks differ by.

    Values farther off than about a spread count as if they were no farther (Huber, "Robust estimation of a location
    parameter", 1964), so that neither a round that was interrupted nor a block of a bad moment has much of a say; but what
    two builds of a function differ by always counts in full, and without such noise this is the mean of the blocks with
    Student's interval. The error is the one from sums over blocks (Liang and Zeger, "Longitudinal data analysis using
    generalized linear models", 1986): whatever the values of a block have in common is in it. Raises ValueError where there is
    no value.
    """
    groups = [np.asarray(block, np.float64) for block in blocks if len(block)]
    values = np.concatenate(groups)
    start = float(np.median(values))
    reach = max(_REACH * _TO_SPREAD * float(np.median(np.abs(values - start))), _LEAST_REACH)
    value = _huber(values, start, reach)
    within = float(np.mean(np.abs(values - value) <= reach))
    pulls = [float(np.clip(group - value, -reach, reach).sum()) for group in groups]
    return HuberEstimate(value, _error(np.array(pulls) / (len(values) * max(within, _LEAST_WITHIN))), len(groups) - 1)


def _huber(values: NDArray[np.float64], value: float, reach: float) -> float:
    """Where the values within reach balance those beyond, each of which counts as just at reach; by Newton's steps."""
    for _ in range(_STEPS):
        apart = values - value
        within = max(float(np.mean(np.abs(apart) <= reach)), _LEAST_WITHIN)
        step = float(np.mean(np.clip(apart, -reach, reach))) / within
        value += step
        if abs(step) < _CLOSE:
            break
    return value


def _error(pulls: NDArray[np.float64]) -> float:
    """The standard error from by how much each block pulls the value; NaN of one block."""
    count = len(pulls)
    return math.sqrt(count / (count - 1) * float(np.sum(pulls**2))) if count > 1 else math.nan
