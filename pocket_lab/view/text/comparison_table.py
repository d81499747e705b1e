"""A comparison as a table of text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from pocket_lab.view.text.point_cells import size_cell
from pocket_lab.view.text.table import Cell, TextTable, cells_table

_MEANS = {"change": "ratio", "CPU": "cpu_ratio", "wall": "wall_ratio"}


def comparison_table(frame: pd.DataFrame, means: Mapping[str, float] | None = None) -> TextTable:
    """A row per pair: the change with its interval, the verdict and the clock it is based on; the first 40 rows.

    `means` are the geometric means of the ratios by column name, shown as the last row if there are any.
    """
    cells: dict[str, Cell] = {
        "size": size_cell,
        "executor": lambda row: str(row["executor"]),
        "workers": lambda row: str(row["workers"]),
        "change": lambda row: _change(row["ratio"]),
        "99 % interval": lambda row: (
            "–" if pd.isna(row["ratio_low"]) else f"{_change(row['ratio_low'])} … {_change(row['ratio_high'])}"
        ),
        "verdict": lambda row: str(row["verdict"]),
        "basis": lambda row: str(row["basis"]),
        "CPU": lambda row: _change(row["cpu_ratio"]),
        "wall": lambda row: _change(row["wall_ratio"]),
        "blocks": lambda row: str(row["blocks"]),
        "status": lambda row: str(row["status"]),
    }
    table = cells_table(frame, cells, frozenset({"executor", "verdict", "basis", "status"}))
    if not means:
        return table
    last = {"size": "geomean", **{header: _change(means[column]) for header, column in _MEANS.items()}}
    return replace(table, rows=(*table.rows, tuple(last.get(header, "") for header in table.headers)))


def _change(ratio: float) -> str:
    return "–" if pd.isna(ratio) else f"{(ratio - 1) * 100:+.1f} %"
