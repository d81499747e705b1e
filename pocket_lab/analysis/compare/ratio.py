"""The ratio of two times with its interval, and the verdict that follows from it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pocket_lab.stats.huber import CONFIDENCE, huber_estimate

MARGIN = 0.01
ALIKE = 2.0  # "same" is an interval within so many margins
FEWEST_BLOCKS = 5


@dataclass(frozen=True, slots=True)
class Ratio:
    """Time of b over time of a, with its 99 % interval, the chance of one so far from 1 by luck, and the blocks behind it."""

    value: float
    low: float
    high: float
    p: float
    blocks: int


def ratio_of(blocks: Sequence[Sequence[float]]) -> Ratio:
    """The ratio from the log ratios of the rounds of each block; without interval (NaN) from fewer than five blocks."""
    blocks = [block for block in blocks if len(block)]
    if not blocks:
        return Ratio(math.nan, math.nan, math.nan, 1.0, 0)
    estimate = huber_estimate(blocks)
    if len(blocks) < FEWEST_BLOCKS:
        return Ratio(math.exp(estimate.value), math.nan, math.nan, 1.0, len(blocks))
    low, high = (math.exp(estimate.value + side * estimate.half_width) for side in (-1, 1))
    from scipy.special import stdtr  # here, as only an interval needs scipy

    p = 2 * float(stdtr(estimate.freedom, -abs(estimate.value) / max(estimate.error, 1e-12)))
    return Ratio(math.exp(estimate.value), low, high, p, len(blocks))


def verdict_of(ratio: Ratio, p: float, margin: float = MARGIN) -> str:
    """ "faster", "slower", "same" or "cannot tell", speaking of b.

    A change is called where luck is excluded (`p`, corrected for the number of pairs, below 1 %) and the change is at least
    the margin; "same" where the whole interval lies within two margins.
    """
    change = math.log(ratio.value) if ratio.value > 0 else math.nan
    if p < 1 - CONFIDENCE and abs(change) >= math.log1p(margin):
        return "slower" if change > 0 else "faster"
    if max(abs(math.log(ratio.low)), abs(math.log(ratio.high))) <= math.log1p(ALIKE * margin):
        return "same"
    return "cannot tell"
