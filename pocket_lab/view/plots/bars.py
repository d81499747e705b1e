"""Bar charts of the profiles: peaks per node, time per line, time per function."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator

from pocket_lab.frames.calls import own_times
from pocket_lab.frames.points import at_point, point_of
from pocket_lab.records.point import describe
from pocket_lab.units import format_bytes, format_duration
from pocket_lab.view.plots.figure import INK, PALETTE, LabFigure, new_figure, style
from pocket_lab.view.points import heaviest
from pocket_lab.view.text.table import shorten

MOST_BARS = 20


def plot_memory(ax: Axes, frame: pd.DataFrame) -> None:
    """Own peak per node as a bar, the inclusive peak as a fainter bar behind it."""
    shown = frame.head(MOST_BARS).iloc[::-1]
    position = np.arange(len(shown))
    ax.barh(position, shown["inclusive_peak_bytes"], height=0.7, color=PALETTE[5], alpha=0.35, label="inclusive peak")
    ax.barh(position, shown["peak_bytes"], height=0.44, color=PALETTE[0], label="own peak")
    ax.set_yticks(position, [shorten(name, 28) for name in shown["node"]])
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: format_bytes(value)))
    ax.xaxis.set_major_locator(MultipleLocator(binary_step(float(shown["inclusive_peak_bytes"].to_numpy().max(initial=0)))))
    ax.legend(fontsize=8, frameon=False, loc="lower right")
    style(ax, "Most bytes alive at once" + _left_out(len(frame)))
    ax.grid(False, axis="y")


def lines_figure(frame: pd.DataFrame) -> LabFigure:
    """The bar chart of a line profile as a figure."""
    here = at_point(frame, heaviest(frame, "time_s"))
    figure, (ax,) = new_figure(height=_height((here["time_s"] > 0).sum(), 0.26))
    plot_lines(ax, frame)
    return figure


def plot_lines(ax: Axes, frame: pd.DataFrame) -> None:
    """The most expensive lines, longest bar first, with node and source; at the point with the most time."""
    point = heaviest(frame, "time_s")
    here = at_point(frame, point)
    costly = here[here["time_s"] > 0].sort_values("time_s", ascending=False)
    shown = costly.head(MOST_BARS).iloc[::-1]
    position = np.arange(len(shown))
    ax.barh(position, shown["time_s"], height=0.7, color=PALETTE[1])
    labels = [f"{shorten(node, 18)}:{line}" for node, line in zip(shown["node"], shown["line"], strict=True)]
    ax.set_yticks(position, labels)
    for y, source in zip(position, shown["source"], strict=True):
        text = shorten(source.strip(), 44)
        ax.annotate(text, (0, y), (4, 0), textcoords="offset points", va="center", fontsize=7, color=INK, family="monospace")
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: format_duration(value)))
    ax.xaxis.set_major_locator(MaxNLocator(5))
    style(ax, "Time per line" + _where(frame, point) + _left_out(len(costly)))
    ax.grid(False, axis="y")


def calls_figure(frame: pd.DataFrame) -> LabFigure:
    """The bar chart of a call tree as a figure."""
    here = at_point(frame, heaviest(frame, "self_s"))
    figure, (ax,) = new_figure(height=_height(len(own_times(here)), 0.26))
    plot_calls(ax, frame)
    return figure


def plot_calls(ax: Axes, frame: pd.DataFrame) -> None:
    """The functions with the most self time, longest bar first, with their nodes; at the point with the most time."""
    point = heaviest(frame, "self_s")
    own = own_times(at_point(frame, point))
    shown = own.head(MOST_BARS).iloc[::-1]
    position = np.arange(len(shown))
    ax.barh(position, shown["self_s"], height=0.7, color=PALETTE[2])
    functions = [str(name).rsplit("<locals>.", 1)[-1] for name in shown["function"]]
    ax.set_yticks(position, [shorten(name, 28) for name in functions])
    for y, node in zip(position, shown["node"], strict=True):
        ax.annotate(shorten(str(node), 36), (0, y), (4, 0), textcoords="offset points", va="center", fontsize=7, color=INK)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: format_duration(value)))
    ax.xaxis.set_major_locator(MaxNLocator(5))
    style(ax, "Time in the function itself" + _where(frame, point) + _left_out(len(own)))
    ax.grid(False, axis="y")


def binary_step(largest: float) -> float:
    """The power of two that divides an axis of bytes into three to six parts."""
    return 2.0 ** max(0, math.ceil(math.log2(max(largest, 1.0) / 6)))


def _height(bars: int, each: float) -> float:
    return 1.1 + each * max(2, min(int(bars), MOST_BARS))


def _where(frame: pd.DataFrame, point: dict[str, Any]) -> str:
    return f", {describe(point_of(point))}" if len(at_point(frame, point)) < len(frame) else ""


def _left_out(count: int) -> str:
    return f" ({MOST_BARS} of {count} shown)" if count > MOST_BARS else ""
