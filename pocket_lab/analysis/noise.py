"""The noise floor of a sweep: how far two measurements of the same code differ within it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pocket_lab.frames.points import point_of
from pocket_lab.records.point import Point
from pocket_lab.stats.median_interval import estimate_median

FEWEST_PAIRS = 10
_WIDEST, _FINE, _TIMES_WIDER = 0.05, 0.01, 3.0


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
        """The largest difference within the interval."""
        return max(self.high - 1, 1 - self.low)


def noise_of(pairs: pd.DataFrame, precision: float) -> Noise | None:
    """The noise of a sweep from its A/A comparison (`frames.probe_frame`); None where it would say little.

    The interval is that of the median (`estimate_median`) of the log ratios of neighbouring rounds. `precision` is half
    the width of the interval of the point itself, as a fraction.

    None below ten pairs, and where half of its own interval is wider than 5 %, or than both 1 % and three times the precision:
    two builds of the same code differ by less, so such an interval is only a lack of rounds, which the intervals of the points
    show better (with half of the rounds on each side it is twice as wide at independent noise). In simulations of quiet, noisy,
    correlated, skewed and two-speed machines with 10 to 50 pairs, the floor was then below the 95th percentile of the
    difference of both sides in 2 % of the sweeps, and rarely over three and a half times as high. Without the rule, spikes or
    two speeds of a machine gave floors of 40 to 700 %.
    """
    sides = pairs[(pairs["wall_a_s"] > 0) & (pairs["wall_b_s"] > 0)]
    logs = np.log(sides["wall_b_s"].to_numpy(float) / sides["wall_a_s"].to_numpy(float))
    if len(logs) < FEWEST_PAIRS:
        return None
    center = estimate_median(logs.tolist())
    if math.isnan(precision) or (center.high - center.low) / 2 > min(_WIDEST, max(_TIMES_WIDER * precision, _FINE)):
        return None
    return Noise(math.exp(center.value), math.exp(center.low), math.exp(center.high), len(logs))


def is_fastest(point: Point, frame: pd.DataFrame) -> bool:
    """Whether the point is the fastest of several in a `Bench.frame`."""
    if len(frame) < 2:
        return False
    return point_of(frame.sort_values("wall_s").iloc[0].to_dict()) == point
