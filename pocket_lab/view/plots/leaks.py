"""What runs left behind as a table, as sentences and as a picture: memory by run with its slope."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator

from pocket_lab.analysis.leaks import CANNOT_TELL, GROWS, KEPT
from pocket_lab.frames.points import LOCATION_COLUMNS
from pocket_lab.records.leaks import WORKER
from pocket_lab.stats.theil_sen import estimate_slope
from pocket_lab.units import format_bytes, format_count
from pocket_lab.view.plots.figure import INK, PALETTE, LabFigure, new_figure, style
from pocket_lab.view.points import Cell, location_cells, location_text
from pocket_lab.view.text.table import TextTable, cells_table, shorten

Row = dict[Any, Any]
_MOST_SERIES = 6


def leaks_table(frame: pd.DataFrame) -> TextTable:
    """What is left, where it was made and how it grows; the point where there are several."""
    cells: dict[str, Cell] = {
        **location_cells(frame),
        "kind": lambda row: str(row["kind"]),
        "what": lambda row: shorten(row["name"]) + (" (in workers)" if row["process"] == WORKER else ""),
        "a run": _per_run,
        "left": lambda row: _amount(row["left"], row["unit"]),
        "verdict": lambda row: str(row["verdict"]),
        "node": lambda row: shorten(row["node"], 28),
        "made at": _made_at,
    }
    return cells_table(frame, cells, frozenset({"executor", "kind", "what", "verdict", "node", "made at"}))


def leaks_sentences(frame: pd.DataFrame, runs: int) -> Iterator[str]:
    """Every leak in a sentence, and what can be said of memory where it does not grow."""
    several = frame[LOCATION_COLUMNS].drop_duplicates().shape[0] > 1
    for row in frame.to_dict("records"):
        point = f"{_label(row)}: " if several else "worker processes: " if row["process"] == WORKER else ""
        where = f', made in node "{row["node"]}"' if row["node"] else ""
        at = f" at {_made_at(row)}" if row["file"] else ""
        if row["kind"] == "memory":
            yield point + _of_memory(row, runs)
        elif row["verdict"] == GROWS:
            yield f"{point}Leaks {_per_run(row)} {_plural(row['kind'], row['per_run'])} a run: {row['name']}{where}{at}."
        elif row["verdict"] == KEPT:
            yield f"{point}Kept, and not more and more of it: {row['kind']} {row['name']}{where}{at}."


def _of_memory(row: Row, runs: int) -> str:
    if row["verdict"] == GROWS:
        most = f'; most of it from {_made_at(row)}, node "{row["node"]}"' if row["file"] and row["node"] else ""
        most = most or (f"; most of it from {_made_at(row)}" if row["file"] else "")
        low, high = _amount(row["low"], row["unit"]), _amount(row["high"], row["unit"])
        return f"Leaks {_amount(row['per_run'], row['unit'])} a run [{low}, {high}] ({row['name']}){most}."
    if row["verdict"] == CANNOT_TELL:
        return f"Whether memory grows cannot be told from {runs} runs: ask for more of them, for example runs=30."
    return f"Memory: no growth seen in {runs} runs."


def leaks_figure(memory: pd.DataFrame) -> LabFigure:
    """Memory against runs as a figure: bytes, and beside them blocks."""
    figure, (left, right) = new_figure(2)
    plot_growth(left, memory)
    plot_blocks(right, memory)
    return figure


def plot_growth(ax: Axes, memory: pd.DataFrame) -> None:
    """Resident memory since the warm-up against the number of the run, with the slope through it."""
    _plot(ax, memory, "rss_bytes")
    bottom, top = ax.get_ylim()
    ax.yaxis.set_major_locator(MultipleLocator(2.0 ** max(0, math.ceil(math.log2((top - bottom) / 6)))))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: format_bytes(value)))
    ax.set(xlabel="run", ylabel="more than after the warm-up")
    style(ax, "Resident memory and its slope")


def plot_blocks(ax: Axes, memory: pd.DataFrame) -> None:
    """The same of the blocks of Python's allocator."""
    _plot(ax, memory, "blocks")
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: format_count(round(value))))
    ax.set(xlabel="run", ylabel="more than after the warm-up")
    style(ax, "Python's blocks and their slope")


def _plot(ax: Axes, memory: pd.DataFrame, measure: str) -> None:
    shown = memory[memory["process"] != "traced"]
    groups = list(shown.groupby([*LOCATION_COLUMNS, "process"], dropna=False, sort=False))
    for index, (key, rows) in enumerate(groups[:_MOST_SERIES]):
        run = rows["run"].to_numpy(float)
        more = rows[measure].to_numpy(float) - float(rows[measure].iloc[0])
        label = "" if len(groups) == 1 else _label(dict(zip([*LOCATION_COLUMNS, "process"], key, strict=True)))
        ax.plot(run, more, "o", markersize=5, color=PALETTE[index], alpha=0.8, label=label)
        slope = estimate_slope(list(more)).value
        middle = float(np.median(more - slope * run))
        ax.plot(run, middle + slope * run, color=PALETTE[index], linewidth=1.4)
    if not groups:
        ax.text(0.5, 0.5, "nothing measured", ha="center", va="center", transform=ax.transAxes, color=INK)
    elif len(groups) > 1:
        legend = ax.legend(fontsize=8, frameon=False)
        if len(groups) > _MOST_SERIES:
            legend.set_title(f"{_MOST_SERIES} of {len(groups)} shown")
    if np.ptp(ax.get_ylim()) < 10:  # a flat line is flat, whatever its last digit does
        ax.set_ylim(-5, 5)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def _label(row: Row) -> str:
    point = location_text(*(row[name] for name in LOCATION_COLUMNS))
    return f"{point} (workers)" if row["process"] == WORKER else point


def _per_run(row: Row) -> str:
    return _amount(row["per_run"], row["unit"])


def _amount(value: float, unit: str) -> str:
    if unit == "B":
        return format_bytes(value)
    return format_count(value) + (" blocks" if unit == "blocks" else "")


def _plural(kind: str, count: float) -> str:
    return kind if count == 1 else f"{kind}es" if kind == "process" else f"{kind}s"


def _made_at(row: Row) -> str:
    """ "cache.py:12"; the frame has the whole path."""
    return f"{row['file'].rpartition('/')[2]}:{row['line']}" if row["file"] else ""
