"""A comparison as tables of text: of its pairs, and of the nodes of two graphs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from pocket_lab.analysis.compare.stored import CORRECTED
from pocket_lab.units import format_duration, format_percent
from pocket_lab.view.change import format_both, format_change
from pocket_lab.view.text.point_cells import location_cells, param_cells, size_cell
from pocket_lab.view.text.table import Cell, TextTable, cells_table, shorten

_LONGEST_NAME = 16
_MEANS = {"change": "ratio", "CPU": "cpu_ratio", "wall": "wall_ratio", "CPU raw": "cpu_ratio", "wall raw": "wall_ratio"}
_TAKEN = {
    "size",
    "executor",
    "workers",
    "99 % interval",
    "verdict",
    "basis",
    "machine",
    "corrected",
    "blocks",
    "status",
    *_MEANS,
}


def comparison_table(frame: pd.DataFrame, means: Mapping[str, float] | None = None) -> TextTable:
    """A row per pair: the time of both sides, the change with its interval, the verdict and its clock; the first 40 rows.

    Of two stored runs also how the machine changed, and whether it was taken out of the change: without that, a change is
    the ratio of both times. `means` are the geometric means of the ratios by column name, shown as the last row if there are
    any.
    """
    is_stored = "machine_ratio" in frame
    of_runs: dict[str, Cell] = {
        "machine": lambda row: format_change(row["machine_ratio"]),
        "corrected": lambda row: "yes" if row["reason"] == CORRECTED else "no",
    }
    raw = " raw" if is_stored else ""
    cells: dict[str, Cell] = {
        **param_cells(frame),
        "size": size_cell,
        "executor": lambda row: str(row["executor"]),
        "workers": lambda row: str(row["workers"]),
        **_times(frame),
        "change": lambda row: format_change(row["ratio"]),
        "99 % interval": lambda row: (
            "–" if pd.isna(row["ratio_low"]) else f"{format_change(row['ratio_low'])} … {format_change(row['ratio_high'])}"
        ),
        "verdict": lambda row: str(row["verdict"]),
        "basis": lambda row: str(row["basis"]),
        f"CPU{raw}": lambda row: format_change(row["cpu_ratio"]),
        f"wall{raw}": lambda row: format_change(row["wall_ratio"]),
        **(of_runs if is_stored else {}),
        "blocks": lambda row: str(row["blocks"]),
        "status": lambda row: str(row["status"]),
    }
    table = cells_table(frame, cells, frozenset({"executor", "verdict", "basis", "corrected", "status"}))
    if not means:
        return table
    last = {"size": "geomean", **{header: format_change(means[column]) for header, column in _MEANS.items()}}
    return replace(table, rows=(*table.rows, tuple(last.get(header, "") for header in table.headers)))


def _times(frame: pd.DataFrame) -> dict[str, Cell]:
    """A column for each side, on the clock of the basis; its header is the target's name where that is short."""
    if frame["a_s"].isna().all():
        return {}
    names = [[str(name) for name in frame[f"target_{side}"].unique()] for side in "ab"]
    before, after = (of_side[0] if len(of_side) == 1 else "" for of_side in names)
    is_clear = before and after and before != after and not {before, after} & _TAKEN
    if not is_clear or max(len(before), len(after)) > _LONGEST_NAME:
        before, after = "before", "after"
    return {
        before: lambda row: format_both(row["a_s"], row["b_s"])[0],
        after: lambda row: format_both(row["a_s"], row["b_s"])[1],
    }


def node_changes_table(frame: pd.DataFrame) -> TextTable:
    """A row per pair and node: self times of both sides, the change with its interval, its share of the change of all nodes."""
    cells: dict[str, Cell] = {
        **location_cells(frame),
        "node": lambda row: shorten(str(row["node"])),
        "before": lambda row: format_duration(row["a_s"]),
        "after": lambda row: format_duration(row["b_s"]),
        "change": lambda row: _signed(row["change_s"]),
        "99 % interval": lambda row: (
            "–" if pd.isna(row["change_low_s"]) else f"{_signed(row['change_low_s'])} … {_signed(row['change_high_s'])}"
        ),
        "share": lambda row: format_percent(row["share"]),
    }
    return cells_table(frame, cells, frozenset({"node", "executor"}))


def _signed(seconds: float) -> str:
    return "–" if pd.isna(seconds) else f"{'+' if seconds >= 0 else '-'}{format_duration(abs(seconds))}"
