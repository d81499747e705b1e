"""The combinations of parameters of a bench in sentences: the fastest, those that may be as fast, the slowest."""

from __future__ import annotations

import pandas as pd

from pocket_lab.analysis.precision import figures_of
from pocket_lab.frames.points import point_of
from pocket_lab.records.point import describe
from pocket_lab.units import format_duration, format_interval
from pocket_lab.view.text.table import shorten

_LONGEST = 80


def combination_sentences(frame: pd.DataFrame) -> list[str]:
    """Which point of the largest size takes the least time for a run, how many may take as little, and the slowest one.

    Only points with an interval take part; nothing is said of a single combination.
    """
    sized = frame[frame["size"] == frame["size"].max()] if frame["size"].notna().any() else frame
    figures = figures_of(sized)
    usable = sized[figures["low_s"].notna() & (sized["status"] != "failed")]
    if "params" not in usable or usable["params"].nunique() < 2:
        return []
    if usable["drive"].nunique() > 1 or (usable["drive"] == "load").any():
        return []
    wall = figures_of(usable.assign(basis="wall"))
    order = wall["value_s"].sort_values(kind="stable").index
    first, last = order[0], order[-1]
    near = int((wall["low_s"] <= wall.loc[first, "high_s"]).sum()) - 1
    left_out = len(sized) - len(usable)
    texts = [f"{_name(usable.loc[first])} has the shortest wall time ({_times(wall.loc[first])})"]
    if near:
        others, interval = ("other", "its interval") if near == 1 else ("others", "their intervals")
        texts.append(f"{near} {others} may be as fast, by {interval}")
    if wall.loc[last, "low_s"] > wall.loc[first, "high_s"]:
        texts.append(f"{_name(usable.loc[last])} has the longest ({_times(wall.loc[last])})")
    if left_out:
        texts.append(f"{left_out} without an interval took no part")
    return [f"Of {len(usable)} points of {usable['params'].nunique()} combinations: {'; '.join(texts)}."]


def _name(row: pd.Series[float]) -> str:
    return shorten(describe(point_of(row.to_dict())), _LONGEST)


def _times(row: pd.Series[float]) -> str:
    return f"{format_duration(row['value_s'])}, {format_interval(row['low_s'], row['high_s'])}"
