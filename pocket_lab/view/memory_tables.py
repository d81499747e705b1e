"""A memory profile as tables of text: nodes, and the lines that allocate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from pocket_lab.units import format_bytes, format_count, format_percent
from pocket_lab.view.table import TextTable, shorten

_MOST_ROWS, _MOST_LINES = 40, 15
_LONGEST_SOURCE = 80
_LEFT = frozenset({"node", "executor", "source"})
Cell = Callable[[dict[Any, Any]], str]


def memory_table(frame: pd.DataFrame) -> TextTable:
    """Peaks and allocations per node; sizes, workers and executors only where the points differ in them."""
    cells: dict[str, Cell] = {
        **_place_cells(frame),
        "node": lambda row: shorten(row["node"]),
        "own peak": lambda row: format_bytes(row["peak_bytes"]),
        "inclusive peak": lambda row: format_bytes(row["inclusive_peak_bytes"]),
        "share at peak": lambda row: format_percent(row["peak_share"]),
        "allocated": lambda row: format_bytes(row["allocated_bytes"]),
        "allocations": lambda row: format_count(row["allocations"]),
        "temporary": lambda row: format_count(row["temporary"]),
        "left behind": lambda row: format_bytes(row["leaked_bytes"]),
    }
    if (frame["processes"] > 1).any():
        cells["in one process"] = lambda row: format_bytes(row["process_peak_bytes"])
    return _table(frame, cells, _MOST_ROWS)


def memory_lines_table(frame: pd.DataFrame) -> TextTable:
    """The lines with most of their node's own peak; the first fifteen."""
    cells: dict[str, Cell] = {
        **_place_cells(frame),
        "node": lambda row: shorten(row["node"]),
        "line": lambda row: str(row["line"]),
        "at own peak": lambda row: format_bytes(row["peak_bytes"]),
        "allocated": lambda row: format_bytes(row["allocated_bytes"]),
        "allocations": lambda row: format_count(row["allocations"]),
        "temporary": lambda row: format_count(row["temporary"]),
        "source": lambda row: str(row["source"]).strip()[:_LONGEST_SOURCE],
    }
    order = frame.sort_values(["peak_bytes", "allocated_bytes"], ascending=False, kind="stable")
    return _table(order, cells, _MOST_LINES)


def _place_cells(frame: pd.DataFrame) -> dict[str, Cell]:
    cells: dict[str, Cell] = {
        "size": lambda row: "–" if pd.isna(row["size"]) else format_count(row["size"]),
        "executor": lambda row: str(row["executor"]),
        "workers": lambda row: str(row["workers"]),
    }
    return {name: cell for name, cell in cells.items() if frame[name].nunique(dropna=False) > 1}


def _table(frame: pd.DataFrame, cells: dict[str, Cell], most: int) -> TextTable:
    rows = tuple(tuple(cell(row) for cell in cells.values()) for row in frame.head(most).to_dict("records"))
    return TextTable(tuple(cells), rows, _LEFT & set(cells), max(len(frame) - most, 0))
