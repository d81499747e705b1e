"""The points of a profile: one under the other, as columns of a table, and the one that takes most."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import pandas as pd

from pocket_lab.frames.points import LOCATION_COLUMNS
from pocket_lab.units import format_count

Cell = Callable[[dict[Any, Any]], str]


def for_each_point(frame: pd.DataFrame, draw: Callable[[pd.DataFrame], str]) -> str:
    """What `draw` makes of the rows of each point."""
    groups = list(frame.groupby(LOCATION_COLUMNS, dropna=False, sort=False))
    if len(groups) <= 1:
        return draw(frame)
    return "".join(f"<h4>{escape(location_text(*key))}</h4>{draw(rows)}" for key, rows in groups)


def location_cells(frame: pd.DataFrame) -> dict[str, Cell]:
    """The columns of a table that tell the points of the frame apart, by header: only those in which they differ."""
    cells: dict[str, Cell] = {
        "size": lambda row: "–" if pd.isna(row["size"]) else format_count(row["size"]),
        "executor": lambda row: str(row["executor"]),
        "workers": lambda row: str(row["workers"]),
    }
    return {name: cell for name, cell in cells.items() if frame[name].nunique(dropna=False) > 1}


def heaviest(frame: pd.DataFrame, column: str) -> dict[str, Any]:
    """The place of the point at which the column adds up to most; {} of a frame without rows."""
    sums = frame.groupby(LOCATION_COLUMNS, dropna=False, sort=False)[column].sum()
    return {} if sums.empty else dict(zip(LOCATION_COLUMNS, sums.index[int(sums.argmax())], strict=True))


def location_text(size: Any, workers: Any, executor: Any, drive: Any) -> str:
    """A point in words: "size 1,000, threads x 2, load"."""
    sized = "" if pd.isna(size) else f"size {format_count(size)}, "
    return f"{sized}{executor} x {workers}" + ("" if drive == "run" else f", {drive}")
