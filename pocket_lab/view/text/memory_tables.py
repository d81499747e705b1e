"""A memory profile as tables of text: nodes, and the lines that allocate."""

from __future__ import annotations

import pandas as pd

from pocket_lab.units import format_bytes, format_count, format_percent
from pocket_lab.view.text.point_cells import location_cells
from pocket_lab.view.text.table import Cell, TextTable, cells_table, file_names, shorten

_MOST_LINES = 15
_LONGEST_SOURCE = 80
_LEFT = frozenset({"node", "executor", "file", "source"})


def memory_table(frame: pd.DataFrame) -> TextTable:
    """Peaks and allocations per node; sizes, workers and executors only if the points differ in them."""
    cells: dict[str, Cell] = {
        **location_cells(frame),
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
    return cells_table(frame, cells, _LEFT)


def memory_lines_table(frame: pd.DataFrame) -> TextTable:
    """The fifteen lines with the largest part of their node's own peak."""
    name_of = file_names(frame["file"])
    cells: dict[str, Cell] = {
        **location_cells(frame),
        "node": lambda row: shorten(row["node"]),
        "file": lambda row: shorten(name_of(row["file"]), 28),
        "line": lambda row: str(row["line"]),
        "at own peak": lambda row: format_bytes(row["peak_bytes"]),
        "allocated": lambda row: format_bytes(row["allocated_bytes"]),
        "allocations": lambda row: format_count(row["allocations"]),
        "temporary": lambda row: format_count(row["temporary"]),
        "source": lambda row: str(row["source"]).strip()[:_LONGEST_SOURCE],
    }
    order = frame.sort_values(["peak_bytes", "allocated_bytes"], ascending=False, kind="stable")
    return cells_table(order, cells, _LEFT, _MOST_LINES)
