"""How many points and batches of a bench are less certain than they should be."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from pocket_lab.stats.median_interval import FEWEST, FEWEST_TO_STOP

MANY_OUTLIERS = 0.05


@dataclass(frozen=True, slots=True)
class Precision:
    """How many of the points have no interval, an interval from few samples, or one wider than requested."""

    points: int
    without_interval: int
    thin: int
    imprecise: int


def precision_of(frame: pd.DataFrame) -> Precision:
    """The counts of a `Bench.frame`."""
    has_interval, at_budget = frame["rounds"] >= FEWEST, frame["status"] == "budget"
    return Precision(
        points=len(frame),
        without_interval=int((~has_interval & (frame["status"] != "failed")).sum()),
        thin=int((has_interval & (frame["rounds"] < FEWEST_TO_STOP) & at_budget).sum()),
        imprecise=int((has_interval & at_budget).sum()),
    )


def count_outliers(samples: pd.DataFrame) -> tuple[int, int]:
    """The severe outliers of a samples frame and the batches they are among; (0, ...) below 5 % of the batches."""
    timed = samples[samples["kind"].isin(["usual", "mild", "severe"])]
    severe = int((timed["kind"] == "severe").sum())
    return (severe if severe >= MANY_OUTLIERS * len(timed) else 0), len(timed)
