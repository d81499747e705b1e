"""The noise floor of a sweep: how far two measurements of the same code differ within it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pocket_lab.frames.points import point_of
from pocket_lab.records.point import Point
from pocket_lab.stats.median_interval import FEWEST, estimate_median


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


def noise_of(pairs: pd.DataFrame) -> Noise | None:
    """The noise of a sweep from its A/A comparison (`frames.probe_frame`); None below six pairs.

    The interval is that of the median (`estimate_median`) of the log ratios of neighbouring rounds.
    """
    sides = pairs[(pairs["wall_a_s"] > 0) & (pairs["wall_b_s"] > 0)]
    logs = np.log(sides["wall_b_s"].to_numpy(float) / sides["wall_a_s"].to_numpy(float))
    if len(logs) < FEWEST:
        return None
    center = estimate_median(logs.tolist())
    return Noise(math.exp(center.value), math.exp(center.low), math.exp(center.high), len(logs))


def is_fastest(point: Point, frame: pd.DataFrame) -> bool:
    """Whether the point is the fastest of several in a `Bench.frame`."""
    if len(frame) < 2:
        return False
    return point_of(frame.sort_values("wall_s").iloc[0].to_dict()) == point
