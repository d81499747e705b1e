"""The columns of a table that name the points of its rows."""

from __future__ import annotations

from typing import Any

import pandas as pd

from pocket_lab.frames.points import parameter_names
from pocket_lab.records.point import describe_params, parse_params
from pocket_lab.units import format_count
from pocket_lab.view.text.table import Cell, shorten, shorten_apart

_LONGEST_LABEL, _LONGEST_WORDS = 24, 80


def size_cell(row: dict[Any, Any]) -> str:
    """The size of a point in a table, a dash if it has none."""
    return "–" if pd.isna(row["size"]) else format_count(row["size"])


def param_cells(frame: pd.DataFrame) -> dict[str, Cell]:
    """A column of labels for each parameter of the points."""

    def cell_of(name: str) -> Cell:
        labels = list(dict.fromkeys(label for one in combinations if (label := one.get(name)) is not None))
        shown = dict(zip(labels, shorten_apart(labels, _LONGEST_LABEL), strict=True))
        return lambda row: shown.get(dict(parse_params(row["params"])).get(name, ""), "–")

    names = parameter_names(frame)
    combinations = [dict(parse_params(text)) for text in frame["params"].dropna().unique()] if names else []
    return {name: cell_of(name) for name in names}


def params_words(params: str) -> str:
    """The combination of a column `params` in a sentence."""
    return shorten(describe_params(parse_params(params)), _LONGEST_WORDS)


def location_cells(frame: pd.DataFrame) -> dict[str, Cell]:
    """The columns of a table that distinguish the points of the frame, by header: only those in which they differ."""
    cells: dict[str, Cell] = {
        "size": size_cell,
        "executor": lambda row: str(row["executor"]),
        "workers": lambda row: str(row["workers"]),
        "drive": lambda row: str(row["drive"]),
        "rate": lambda row: "–" if pd.isna(row["rate"]) else f"{row['rate']:g} per s",
    }
    differing = {name: cell for name, cell in cells.items() if frame[name].nunique(dropna=False) > 1}
    params = {name: cell for name, cell in param_cells(frame).items() if frame[name].nunique(dropna=False) > 1}
    return {**params, **differing}
