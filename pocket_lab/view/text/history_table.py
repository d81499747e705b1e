"""The history as a table of text."""

from __future__ import annotations

from datetime import datetime

import pandas as pd

from pocket_lab.units import format_count, format_duration
from pocket_lab.view.change import format_change
from pocket_lab.view.text.table import Cell, TextTable, cells_table, shorten

_BEGUN = "%Y-%m-%d %H:%M"


def run_label(name: str, run: int | None, begun: float | None) -> str:
    """A run among others of its name: "fit, run 12 of 2026-11-26 14:03", in local time."""
    of = "" if begun is None else f" of {datetime.fromtimestamp(begun).strftime(_BEGUN)}"
    return name if run is None else f"{name}, run {run}{of}"


def history_table(frame: pd.DataFrame) -> TextTable:
    """The runs of the history, newest first, in local time, and by how much the machine was slower; the first 40 rows."""
    cells: dict[str, Cell] = {
        "run": lambda row: str(row["id"]),
        "name": lambda row: shorten(row["name"]),
        "verb": lambda row: str(row["verb"]),
        "begun": lambda row: "–" if pd.isna(at := row["started_at"]) else at.to_pydatetime().astimezone().strftime(_BEGUN),
        "took": lambda row: format_duration(row["seconds"]),
        "samples": lambda row: format_count(row["samples"]),
        **({} if frame["machine_ratio"].isna().all() else {"machine": lambda row: format_change(row["machine_ratio"])}),
        "status": lambda row: str(row["status"]),
        "tags": lambda row: shorten(row["tags"]),
    }
    return cells_table(frame, cells, frozenset({"name", "verb", "begun", "status", "tags"}))
