"""The history as a table of text."""

from __future__ import annotations

import pandas as pd

from pocket_lab.units import format_count, format_duration
from pocket_lab.view.text.table import Cell, TextTable, cells_table, shorten


def history_table(frame: pd.DataFrame) -> TextTable:
    """The runs of the history, newest first, in local time; the first 40 rows."""
    cells: dict[str, Cell] = {
        "run": lambda row: str(row["id"]),
        "name": lambda row: shorten(row["name"]),
        "verb": lambda row: str(row["verb"]),
        "begun": lambda row: row["started_at"].to_pydatetime().astimezone().strftime("%Y-%m-%d %H:%M"),
        "took": lambda row: format_duration(row["seconds"]),
        "samples": lambda row: format_count(row["samples"]),
        "status": lambda row: str(row["status"]),
        "tags": lambda row: shorten(row["tags"]),
    }
    return cells_table(frame, cells, frozenset({"name", "verb", "begun", "status", "tags"}))
