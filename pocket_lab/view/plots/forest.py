"""The picture of a comparison: the ratio of each pair with its interval, and the margin below which a change does not count."""

from __future__ import annotations

import math

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from pocket_lab.frames.points import point_of
from pocket_lab.records.point import describe
from pocket_lab.view.plots.figure import INK, LabFigure, in_own_style, new_figure, style
from pocket_lab.view.text.table import shorten

_COLOURS = {"slower": "#d55e00", "faster": "#009e73", "same": "#1f83c4", "cannot tell": "#7f7f7f"}
_MOST_PAIRS = 40
_LONGEST_LABEL = 40


@in_own_style
def comparison_figure(frame: pd.DataFrame, margin: float) -> LabFigure:
    """One panel, whose height follows the number of pairs."""
    figure, (ax,) = new_figure(height=1.6 + 0.28 * min(len(frame), _MOST_PAIRS))
    plot_comparison(ax, frame, margin)
    return figure


def plot_comparison(ax: Axes, frame: pd.DataFrame, margin: float) -> None:
    """The change of the time from a to b in per cent, for the first 40 pairs from top to bottom."""
    rows = frame.head(_MOST_PAIRS).to_dict("records")
    ax.axvspan(-100 * margin / (1 + margin), 100 * margin, color="#8a8f98", alpha=0.18, linewidth=0)
    ax.axvline(0, color=INK, linewidth=0.8)
    for position, row in enumerate(rows):
        colour = _COLOURS[row["verdict"]]
        change, low, high = (100 * (row[name] - 1) for name in ("ratio", "ratio_low", "ratio_high"))
        if not math.isnan(low):
            ax.plot([low, high], [position, position], color=colour, linewidth=2, solid_capstyle="round")
        ax.plot([change], [position], "o", color=colour, markersize=5)
        ax.annotate(row["verdict"], (1.01, position), xycoords=("axes fraction", "data"), va="center", fontsize=8, color=INK)
    ax.set_yticks(range(len(rows)), [shorten(describe(point_of(row)), _LONGEST_LABEL) for row in rows])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:+g} %" if value else "0 %"))
    ax.xaxis.set_major_locator(MaxNLocator(6))
    low, high = ax.get_xlim()
    widest = max(abs(low), abs(high), 300 * margin)
    ax.set_xlim(max(low, -widest) if low < -300 * margin else -300 * margin, max(high, 300 * margin))
    more = "" if len(frame) <= _MOST_PAIRS else f", {len(frame) - _MOST_PAIRS} more in .frame"
    ax.set(xlabel=f"change of time from a to b (99 % interval{more})")
    style(ax, _title(frame))


def _title(frame: pd.DataFrame) -> str:
    if frame.empty:
        return ""
    before, after = (shorten(str(frame[name].iloc[0]), _LONGEST_LABEL) for name in ("target_a", "target_b"))
    return f"{after}{' ' if len(before + after) <= _LONGEST_LABEL else chr(10)}against {before}"
