"""The nodes of a trace as a table of text."""

from __future__ import annotations

import pandas as pd

from pocket_lab.units import format_count, format_duration, format_percent
from pocket_lab.view.text.point_cells import location_cells
from pocket_lab.view.text.table import Cell, TextTable, cells_table, shorten

_OPTIONAL = ("prep", "post", "yield", "retry", "queue", "errors")


def nodes_table(frame: pd.DataFrame) -> TextTable:
    """A row per node of `Trace.nodes`, in the order of the run, without empty columns and those in which all points agree.

    The queue is the sum of the waits of all items, which wait at the same time.
    """
    columns: dict[str, Cell] = {
        **location_cells(frame),
        "node": lambda row: shorten(str(row["node"])),
        "calls": lambda row: format_count(row["calls"]),
        "time": lambda row: format_duration(row["wall_s"]),
        "share": lambda row: format_percent(row["share"]),
        **{phase: _duration(f"{phase}_s") for phase in ("prep", "exec", "post", "yield", "retry")},
        "queue (sum)": _duration("queue_s"),
        "slack": lambda row: "–" if pd.isna(row["slack_s"]) else format_duration(row["slack_s"]),
        "errors": lambda row: format_count(row["errors"]),
    }
    present = {name for name in _OPTIONAL if (frame[name if name == "errors" else f"{name}_s"] > 0).any()}
    left_out = set(_OPTIONAL) - present
    left_out |= set() if present & {"prep", "post", "yield", "retry"} else {"exec"}
    shown = {header: cell for header, cell in columns.items() if header.removesuffix(" (sum)") not in left_out}
    return cells_table(frame, shown, frozenset({"node", "executor"}))


def _duration(column: str) -> Cell:
    return lambda row: format_duration(row[column]) if row[column] else "–"
