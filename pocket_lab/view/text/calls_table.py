"""A call tree as a table of text."""

from __future__ import annotations

import pandas as pd

from pocket_lab.frames.calls import own_times
from pocket_lab.units import format_duration, format_percent
from pocket_lab.view.text.point_cells import location_cells
from pocket_lab.view.text.table import Cell, TextTable, cells_table, file_names, shorten


def calls_table(frame: pd.DataFrame) -> TextTable:
    """Functions by their self time and its CPU time, summed over all their calls in the tree; the first 40."""
    name_of = file_names(frame["file"])
    cells: dict[str, Cell] = {
        **location_cells(frame),
        "node": lambda row: shorten(row["node"]),
        "function": lambda row: shorten(row["function"].rsplit("<locals>.", 1)[-1]),
        "own time": lambda row: format_duration(row["self_s"]),
        "own CPU": lambda row: "–" if pd.isna(row["self_cpu_s"]) else format_duration(row["self_cpu_s"]),
        "share": lambda row: format_percent(row["share"]),
        "where": lambda row: f"{name_of(row['file'])}:{row['line']}" if row["file"] else "",
    }
    return cells_table(own_times(frame), cells, frozenset({"executor", "node", "function", "where"}))
