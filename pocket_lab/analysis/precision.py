"""Which points of a bench, and how many of its batches, are less certain than they should be, and what would help."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from pocket_lab.frames.points import point_of
from pocket_lab.records.point import Point
from pocket_lab.stats.median_interval import FEWEST_TO_STOP

MANY_OUTLIERS = 0.05
FIGURE_COLUMNS = ("basis", "value_s", "low_s", "high_s")


@dataclass(frozen=True, slots=True)
class Precision:
    """Of how many points which have only a first run, no interval, one from few rounds, or one wider than requested.

    A point is in one of the first two only, or in the last two, or in none. `remedy` is what gives the first two more samples.
    """

    points: int
    first_run: tuple[Point, ...]
    without_interval: tuple[Point, ...]
    thin: tuple[Point, ...]
    imprecise: tuple[Point, ...]
    remedy: str = ""


def figures_of(frame: pd.DataFrame) -> pd.DataFrame:
    """The figure of each point on the clock on which it settled: `basis`, `value_s`, `low_s`, `high_s`."""
    basis = frame["basis"] if "basis" in frame else pd.Series("wall", index=frame.index)
    on_cpu = basis == "cpu"
    names = {"value_s": "", "low_s": "low_", "high_s": "high_"}
    columns = {name: frame[f"cpu_{end}s"].where(on_cpu, frame[f"wall_{end}s"]) for name, end in names.items()}
    return pd.DataFrame({"basis": basis, **columns})


def precision_of(frame: pd.DataFrame, requested: float | None = None) -> Precision:
    """The points of a `Bench.frame`; `requested` is the precision of its sweep, where known. Failed points are in none."""
    figures = figures_of(frame)
    reached = (figures["high_s"] - figures["low_s"]) / 2 / figures["value_s"]
    has_interval, is_unfinished = reached.notna(), frame["status"].isin(["budget", "cancelled"])
    first_run_s = frame["first_run_s"] if "first_run_s" in frame else pd.Series(float("nan"), index=frame.index)
    only_first = (frame["rounds"] == 0) & first_run_s.notna()
    is_precise = reached <= (0.0 if requested is None else requested)
    has_worked = frame["status"] != "failed"
    only_first, no_interval = has_worked & only_first, has_worked & ~has_interval & ~only_first
    return Precision(
        points=len(frame),
        first_run=_points(frame[only_first]),
        without_interval=_points(frame[no_interval]),
        thin=_points(frame[has_interval & is_unfinished & (frame["rounds"] < FEWEST_TO_STOP)]),
        imprecise=_points(frame[has_interval & (frame["status"] == "budget") & ~is_precise]),
        remedy=remedy_of(frame[only_first | no_interval]["status"]),
    )


def remedy_of(statuses: Iterable[str]) -> str:
    """What gives points that ended so more samples; "" where neither time nor precision does, since they failed."""
    ended = set(statuses)
    if "cancelled" in ended:  # then the budget was not what ended them
        return "let the run end"
    if "budget" in ended:
        return "raise the budget"
    return "request a smaller precision" if "done" in ended else ""


def count_outliers(samples: pd.DataFrame) -> tuple[int, int]:
    """The severe outliers of a samples frame and the batches they are among; (0, ...) below 5 % of the batches."""
    timed = samples[samples["kind"].isin(["usual", "mild", "severe"])]
    severe = int((timed["kind"] == "severe").sum())
    return (severe if severe >= MANY_OUTLIERS * len(timed) else 0), len(timed)


def _points(rows: pd.DataFrame) -> tuple[Point, ...]:
    return tuple(point_of(row) for row in rows.to_dict("records"))
