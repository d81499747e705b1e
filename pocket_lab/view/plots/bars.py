"""Horizontal bars, longest first: what the charts of lines, of calls and of memory have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from pocket_lab.frames.points import at_point, point_of
from pocket_lab.records.point import describe
from pocket_lab.units import format_duration
from pocket_lab.view.plots.figure import INK, LabFigure, in_own_style, new_figure, style
from pocket_lab.view.points import heaviest

MOST_BARS = 20


@in_own_style
def bars_figure(frame: pd.DataFrame, count: int, plot: Callable[[Axes, pd.DataFrame], None]) -> LabFigure:
    """The bars that `plot` draws of a frame as a figure, high enough for `count` of them."""
    figure, (ax,) = new_figure(height=1.1 + 0.26 * max(2, min(int(count), MOST_BARS)))
    plot(ax, frame)
    return figure


def plot_times(
    ax: Axes, times_s: Sequence[float], labels: Sequence[str], notes: Sequence[str], color: str, family: str | None = None
) -> None:
    """A bar for each time, the first at the top, with its label beside the axis and its note, in a font family, on the bar."""
    position = np.arange(len(times_s))[::-1]
    ax.barh(position, times_s, height=0.7, color=color)
    ax.set_yticks(position, labels)
    for y, note in zip(position, notes, strict=True):
        ax.annotate(note, (0, y), (4, 0), textcoords="offset points", va="center", fontsize=7, color=INK, family=family)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: format_duration(value)))
    ax.xaxis.set_major_locator(MaxNLocator(5))


def style_bars(ax: Axes, title: str, count: int) -> None:
    """Style a panel of bars; the title says where some of the `count` bars are not shown."""
    left_out = f" ({MOST_BARS} of {count} shown)" if count > MOST_BARS else ""
    style(ax, title + left_out)
    ax.grid(False, axis="y")


def heaviest_point(frame: pd.DataFrame, column: str) -> tuple[pd.DataFrame, str]:
    """The rows of the point with the largest sum of a column; its description for a title, if there are other points."""
    point = heaviest(frame, column)
    here = at_point(frame, point)
    return here, f", {describe(point_of(point))}" if len(here) < len(frame) else ""
