"""How fast the machine was during a run, and how steady, by its reference workloads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pocket_lab.frames.references import reference_seconds, speed_by_second
from pocket_lab.stats.median_interval import FEWEST, NAN

_FEWEST_SECONDS, _FEWEST_RUNS = 5, 5
_MOST = 0.9  # the share of the seconds that the spread covers


@dataclass(frozen=True, slots=True)
class Machine:
    """`spread`: nine of ten seconds of the run were within it of their median; `ratio`: time of the references to that of
    the median of `runs` earlier runs. Each is NaN where there are too few seconds, rounds or runs.
    """

    spread: float
    ratio: float
    runs: int


def machine_of(references: pd.DataFrame, earlier: Sequence[float] = ()) -> Machine:
    """From the references of a run and the `reference_seconds` of earlier runs on the same machine."""
    seconds = reference_seconds(references)
    if not seconds > 0:
        return Machine(NAN, NAN, 0)
    speed = speed_by_second(references).mean(axis=1).to_numpy()
    spread = NAN if len(speed) < _FEWEST_SECONDS else math.expm1(float(np.quantile(abs(speed - np.median(speed)), _MOST)))
    known = [value for value in earlier if value > 0]
    if len(known) < _FEWEST_RUNS or len(references) < FEWEST:
        return Machine(spread, NAN, 0)
    return Machine(spread, seconds / float(np.median(known)), len(known))
