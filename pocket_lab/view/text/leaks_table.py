"""What runs left behind, as a table of text, and the words for its amounts and origins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from pocket_lab.frames.points import point_of
from pocket_lab.records.leaks import WORKER
from pocket_lab.records.point import describe
from pocket_lab.units import format_bytes, format_count
from pocket_lab.view.text.point_cells import location_cells
from pocket_lab.view.text.table import Cell, TextTable, cells_table, shorten


def leaks_table(frame: pd.DataFrame) -> TextTable:
    """What is left, where it was created and how it grows; the point too if there are several."""
    cells: dict[str, Cell] = {
        **location_cells(frame),
        "kind": lambda row: str(row["kind"]),
        "what": lambda row: shorten(row["name"]) + (" (in workers)" if row["process"] == WORKER else ""),
        "a run": lambda row: amount(row["per_run"], row["unit"]),
        "left": lambda row: amount(row["left"], row["unit"]),
        "verdict": lambda row: str(row["verdict"]),
        "node": lambda row: shorten(row["node"], 28),
        "made at": creation_site,
    }
    return cells_table(frame, cells, frozenset({"executor", "kind", "what", "verdict", "node", "made at"}))


def amount(value: float, unit: str) -> str:
    """A count, bytes or blocks in words."""
    if unit == "B":
        return format_bytes(value)
    return format_count(value) + (" blocks" if unit == "blocks" else "")


def creation_site(row: Mapping[Any, Any]) -> str:
    """The creation site without its folder, "cache.py:12"; the frame has the whole path."""
    return f"{row['file'].rpartition('/')[2]}:{row['line']}" if row["file"] else ""


def series_name(row: Mapping[Any, Any]) -> str:
    """The point of a row, with a remark for the worker processes."""
    point = describe(point_of(row))
    return f"{point} (workers)" if row["process"] == WORKER else point
