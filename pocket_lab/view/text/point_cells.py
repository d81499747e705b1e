"""The columns of a table that name the points of its rows."""

from __future__ import annotations

from typing import Any

import pandas as pd

from pocket_lab.units import format_count
from pocket_lab.view.text.table import Cell


def size_cell(row: dict[Any, Any]) -> str:
    """The size of a point in a table, a dash if it has none."""
    return "–" if pd.isna(row["size"]) else format_count(row["size"])


def location_cells(frame: pd.DataFrame) -> dict[str, Cell]:
    """The columns of a table that distinguish the points of the frame, by header: only those in which they differ."""
    cells: dict[str, Cell] = {
        "size": size_cell,
        "executor": lambda row: str(row["executor"]),
        "workers": lambda row: str(row["workers"]),
        "drive": lambda row: str(row["drive"]),
        "rate": lambda row: "–" if pd.isna(row["rate"]) else f"{row['rate']:g} per s",
    }
    return {name: cell for name, cell in cells.items() if frame[name].nunique(dropna=False) > 1}
