"""The time that a verdict would take where there is none: an estimate, or NaN where it would not be credible."""

from __future__ import annotations

import math

from pocket_lab.analysis.compare.ratio import ALIKE, FEWEST_BLOCKS, Ratio
from pocket_lab.stats.huber import student_quantile

_ENOUGH_BLOCKS = 10
_LEAST, _MOST = 2.0, 10.0  # times what was spent; beyond that the estimate says nothing
_RESERVE = 1.2  # the spread between blocks is an estimate too


def seconds_needed(ratio: Ratio, spent_s: float, margin: float) -> float:
    """The seconds of batches after which a ratio like this one would have a verdict, from two to ten times what was spent.

    The time is proportional to the blocks; the interval shrinks with their root and with Student's quantile. It decides when it
    excludes no change, or lies within two margins, whichever comes first. Without an interval it is the time of ten blocks.
    """
    if not ratio.blocks:
        return math.nan
    if ratio.blocks < FEWEST_BLOCKS or math.isnan(ratio.low):
        return spent_s * max(_LEAST, _ENOUGH_BLOCKS / ratio.blocks)
    half = math.log(ratio.high / ratio.low) / 2 * _RESERVE
    change = abs(math.log(ratio.value))
    target = max(change, math.log1p(ALIKE * margin) - change)
    spread = half * math.sqrt(ratio.blocks) / student_quantile(ratio.blocks - 1)
    for blocks in range(math.ceil(_LEAST * ratio.blocks), math.floor(_MOST * ratio.blocks) + 1):
        if student_quantile(blocks - 1) * spread / math.sqrt(blocks) <= target:
            return spent_s * blocks / ratio.blocks
    return math.nan
