"""The points of a profile one under the other, each with its place as a heading where there are several."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import pandas as pd

from pocket_lab.frames.points import PLACE_COLUMNS
from pocket_lab.units import format_count


def by_place(frame: pd.DataFrame, draw: Callable[[pd.DataFrame], str]) -> str:
    """What `draw` makes of the rows of each point."""
    groups = list(frame.groupby(PLACE_COLUMNS, dropna=False, sort=False))
    if len(groups) <= 1:
        return draw(frame)
    return "".join(f"<h4>{escape(place_text(*key))}</h4>{draw(rows)}" for key, rows in groups)


def place_text(size: Any, workers: Any, executor: Any, drive: Any) -> str:
    """A point in words: "size 1,000, threads x 2, load"."""
    sized = "" if pd.isna(size) else f"size {format_count(size)}, "
    return f"{sized}{executor} x {workers}" + ("" if drive == "run" else f", {drive}")
