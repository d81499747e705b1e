"""The picture of a leak report: memory by run, with the slope where the report says that it grows."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator

from pocket_lab.analysis.leaks import GROWS, MEASURES
from pocket_lab.frames.points import at_point, location_in
from pocket_lab.stats.theil_sen import steady_slope
from pocket_lab.units import format_bytes, format_count
from pocket_lab.view.plots.figure import INK, PALETTE, LabFigure, binary_step, in_own_style, new_figure, style
from pocket_lab.view.text.leaks_table import series_name

_MOST_SERIES = 6


@in_own_style
def leaks_figure(memory: pd.DataFrame, report: pd.DataFrame) -> LabFigure:
    """Memory by run as a figure: bytes on the left, blocks on the right; `report` has the verdicts."""
    figure, (left, right) = new_figure(2)
    plot_growth(left, memory, report)
    plot_blocks(right, memory, report)
    return figure


def plot_growth(ax: Axes, memory: pd.DataFrame, report: pd.DataFrame) -> None:
    """Memory since the warm-up by run: the bytes on which the verdict is based, resident memory if there are several."""
    verdicts = report[report["kind"] == "memory"]
    bases = [measure for measure, name in MEASURES.items() if len(verdicts) == 1 and verdicts["name"].iloc[0] == name]
    measure = bases[0] if bases and bases[0] in ("rss_bytes", "heap_bytes") else "rss_bytes"
    verdict = _plot(ax, memory, measure, verdicts)
    bottom, top = ax.get_ylim()
    ax.yaxis.set_major_locator(MultipleLocator(binary_step(top - bottom)))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: format_bytes(value)))
    ax.set(xlabel="run", ylabel="more than after the warm-up")
    style(ax, f"{MEASURES[measure].capitalize()}{verdict}")


def plot_blocks(ax: Axes, memory: pd.DataFrame, report: pd.DataFrame) -> None:
    """Blocks of Python's allocator since the warm-up by run."""
    verdict = _plot(ax, memory, "blocks", report[report["kind"] == "memory"])
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: format_count(round(value))))
    ax.set(xlabel="run", ylabel="more than after the warm-up")
    style(ax, f"Python's blocks{verdict}")


def _plot(ax: Axes, memory: pd.DataFrame, measure: str, verdicts: pd.DataFrame) -> str:
    """Draw the readings of each process, with their slope where memory grows; the verdict as the end of a title.

    Of one process the report's verdict is in the title, of several in the legend. A slope is drawn only if the report says
    that memory grows and this measure rises too.
    """
    shown = memory[memory["process"] != "traced"]
    keys = [*location_in(shown), "process"]
    groups = list(shown.groupby(keys, dropna=False, sort=False))
    verdict, is_rising = "", False
    for index, (key, rows) in enumerate(groups[:_MOST_SERIES]):
        run = rows["run"].to_numpy(float)
        more = rows[measure].to_numpy(float) - float(rows[measure].iloc[0])
        location = dict(zip(keys, key, strict=True))
        found = list(at_point(verdicts, location)["verdict"])
        verdict = found[0] if found else ""
        label = "" if len(groups) == 1 else ": ".join(filter(None, [series_name(location), verdict]))
        ax.plot(run, more, "o", markersize=5, color=PALETTE[index], alpha=0.8, label=label)
        slope = steady_slope(list(more))
        if is_rising := verdict == GROWS and slope.low > 0:
            offset = float(np.median(more - slope.value * run))
            ax.plot(run, offset + slope.value * run, color=PALETTE[index], linewidth=1.4)
    if not groups:
        ax.text(0.5, 0.5, "nothing measured", ha="center", va="center", transform=ax.transAxes, color=INK)
    elif len(groups) > 1:
        legend = ax.legend(fontsize=8, frameon=False)
        if len(groups) > _MOST_SERIES:
            legend.set_title(f"{_MOST_SERIES} of {len(groups)} shown")
    if np.ptp(ax.get_ylim()) < 10:  # a constant stays flat despite small fluctuations
        ax.set_ylim(-5, 5)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    is_said = len(groups) == 1 and verdict and (verdict != GROWS or is_rising)
    return f": {verdict}" if is_said else ""
