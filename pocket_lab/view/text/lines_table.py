"""A line profile as a table of text."""

from __future__ import annotations

import pandas as pd

from pocket_lab.units import format_count, format_duration, format_percent
from pocket_lab.view.text.point_cells import location_cells
from pocket_lab.view.text.table import Cell, TextTable, cells_table, file_names, shorten

_LONGEST_SOURCE = 80


def lines_table(frame: pd.DataFrame) -> TextTable:
    """Time per source line, most expensive first: the first 40 lines that were hit, with their point if there are several."""
    hit = frame[frame["hits"] > 0].sort_values("time_s", ascending=False)
    name_of = file_names(frame["file"])
    cells: dict[str, Cell] = {
        **location_cells(frame),
        "node": lambda row: shorten(row["node"]),
        "file": lambda row: shorten(name_of(row["file"]), 28),
        "line": lambda row: str(row["line"]),
        "hits": lambda row: format_count(row["hits"]),
        "time": lambda row: format_duration(row["time_s"]),
        "share": lambda row: format_percent(row["share"]),
        "source": lambda row: str(row["source"]).strip()[:_LONGEST_SOURCE],
    }
    return cells_table(hit, cells, frozenset({"executor", "node", "file", "source"}))
