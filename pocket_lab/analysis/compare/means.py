"""The geometric means of a comparison of several pairs."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd


def geometric_mean(frame: pd.DataFrame, column: str = "ratio") -> float:
    """The geometric mean of the ratios of a comparison, as in benchstat; NaN where there is none."""
    ratios = frame[column].dropna().to_numpy(float)
    return float(np.exp(np.log(ratios).mean())) if len(ratios) else math.nan


def geometric_means(frame: pd.DataFrame) -> dict[str, float]:
    """The geometric means of the ratio and of both clocks, by column; empty unless there are several pairs."""
    if len(frame) < 2:
        return {}
    return {column: geometric_mean(frame, column) for column in ("ratio", "cpu_ratio", "wall_ratio")}
