"""How far two measurements of one thing lie apart inside a sweep: what is smaller than that means nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import stdtrit

FEWEST_PAIRS = 5
_BLOCKS = 10
_CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Noise:
    """The ratio of the two sides of an A/A comparison with its 95 % interval, and the pairs of rounds behind it.

    `floor` is the larger end of the interval as a fraction: differences within it are noise.
    """

    ratio: float
    low: float
    high: float
    pairs: int

    @property
    def floor(self) -> float:
        """The largest difference that the interval leaves open."""
        return max(self.high - 1, 1 - self.low)


def noise_of(pairs: pd.DataFrame) -> Noise | None:
    """The noise of a sweep from its A/A comparison (`frames.probe_frame`); None below five pairs.

    Student's interval over the medians of ten consecutive blocks of log ratios, or over these themselves where they are
    fewer than twenty.
    """
    sides = pairs[(pairs["wall_a_s"] > 0) & (pairs["wall_b_s"] > 0)]
    logs = np.log(sides["wall_b_s"].to_numpy(float) / sides["wall_a_s"].to_numpy(float))
    count = len(logs)
    if count < FEWEST_PAIRS:
        return None
    if count >= 2 * _BLOCKS:
        logs = np.array([np.median(block) for block in np.array_split(logs, _BLOCKS)])
    half = float(stdtrit(len(logs) - 1, (1 + _CONFIDENCE) / 2)) * float(logs.std(ddof=1)) / math.sqrt(len(logs))
    middle = float(logs.mean())
    return Noise(math.exp(middle), math.exp(middle - half), math.exp(middle + half), count)
