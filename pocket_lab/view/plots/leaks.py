"""The picture of a leak report: memory by run with its slope."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator

from pocket_lab.frames.points import LOCATION_COLUMNS
from pocket_lab.stats.theil_sen import estimate_slope
from pocket_lab.units import format_bytes, format_count
from pocket_lab.view.plots.figure import INK, PALETTE, LabFigure, binary_step, new_figure, style
from pocket_lab.view.text.leaks_table import series_name

_MOST_SERIES = 6


def leaks_figure(memory: pd.DataFrame) -> LabFigure:
    """Memory by run as a figure: bytes on the left, blocks on the right."""
    figure, (left, right) = new_figure(2)
    plot_growth(left, memory)
    plot_blocks(right, memory)
    return figure


def plot_growth(ax: Axes, memory: pd.DataFrame) -> None:
    """Resident memory since the warm-up by run, with its slope."""
    _plot(ax, memory, "rss_bytes")
    bottom, top = ax.get_ylim()
    ax.yaxis.set_major_locator(MultipleLocator(binary_step(top - bottom)))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: format_bytes(value)))
    ax.set(xlabel="run", ylabel="more than after the warm-up")
    style(ax, "Resident memory and its slope")


def plot_blocks(ax: Axes, memory: pd.DataFrame) -> None:
    """Blocks of Python's allocator since the warm-up by run, with their slope."""
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
        label = "" if len(groups) == 1 else series_name(dict(zip([*LOCATION_COLUMNS, "process"], key, strict=True)))
        ax.plot(run, more, "o", markersize=5, color=PALETTE[index], alpha=0.8, label=label)
        slope = estimate_slope(list(more)).value
        offset = float(np.median(more - slope * run))
        ax.plot(run, offset + slope * run, color=PALETTE[index], linewidth=1.4)
    if not groups:
        ax.text(0.5, 0.5, "nothing measured", ha="center", va="center", transform=ax.transAxes, color=INK)
    elif len(groups) > 1:
        legend = ax.legend(fontsize=8, frameon=False)
        if len(groups) > _MOST_SERIES:
            legend.set_title(f"{_MOST_SERIES} of {len(groups)} shown")
    if np.ptp(ax.get_ylim()) < 10:  # a constant stays flat despite small fluctuations
        ax.set_ylim(-5, 5)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
