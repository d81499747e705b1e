"""The picture of a memory profile: peaks per node, the run over time with its nodes, and growth over sizes or workers."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.gridspec import GridSpec
from matplotlib.ticker import FixedLocator, FuncFormatter, MultipleLocator, NullLocator

from pocket_lab.frames.points import at_point, point_of, without
from pocket_lab.profile.node_code import OUTSIDE
from pocket_lab.records.point import describe
from pocket_lab.units import format_bytes, format_count
from pocket_lab.view.plots.bars import MOST_BARS, style_bars
from pocket_lab.view.plots.figure import INK, PALETTE, LabFigure, binary_step, in_own_style, new_figure, style
from pocket_lab.view.plots.timeline import MOST_ROWS, plot_activity, plot_timeline
from pocket_lab.view.points import heaviest
from pocket_lab.view.text.table import shorten

_WIDTH = 8.4
_MOST_LINES, _MOST_TICKS = len(PALETTE), 10
_DASHES = ("-", "--", ":", "-.")


@in_own_style
def memory_figure(nodes: pd.DataFrame, runs: pd.DataFrame, timeline: pd.DataFrame, activity: pd.DataFrame) -> LabFigure:
    """Peaks, timeline and active nodes of the point with the highest peak, and with several points their growth.

    A run that was stopped before its end has no timeline.
    """
    if runs.empty:
        figure, (ax,) = new_figure(height=1.5)
        plot_memory(ax, nodes)
        return figure
    point = heaviest(runs, "peak_bytes")
    here, run = at_point(nodes, point), at_point(runs, point).iloc[0]
    moments, active = at_point(timeline, point), at_point(activity, point)
    varied = [name for name in ("size", "workers") if runs[name].nunique(dropna=False) > 1]
    heights = [0.9 + 0.36 * max(2, min(len(here), MOST_BARS)), 2.3]
    if len(active):
        heights.append(0.75 + 0.24 * min(active["node"].nunique(), MOST_ROWS))
    if varied:
        heights.append(3.2)
    figure = LabFigure(figsize=(_WIDTH, sum(heights) + 0.3), layout="constrained")
    rows = iter(GridSpec(len(heights), 1, figure=figure, height_ratios=heights))
    plot_memory(figure.add_subplot(next(rows)), here)
    if varied:
        bars = figure.axes[0]
        bars.set_title(f"{bars.get_title(loc='left')}, {describe(point_of(point))}", loc="left", fontsize=10, color=INK)
    upper = figure.add_subplot(next(rows))
    plot_timeline(upper, moments, int(run["peak_bytes"]), float(run["wall_s"]))
    if len(active):
        lower = figure.add_subplot(next(rows), sharex=upper)
        plot_activity(lower, active, max(float(run["wall_s"]), float(moments["at_s"].max()) if len(moments) else 0.0))
        upper.tick_params(labelbottom=False)
    if varied:
        plot_growth(figure.add_subplot(next(rows)), nodes, varied[0])
    return figure


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
    style_bars(ax, "Most bytes alive at once", len(frame))


def plot_growth(ax: Axes, nodes: pd.DataFrame, over: str) -> None:
    """The own peaks of the eight largest nodes by size or by workers, with a dash style for each other combination."""
    nodes = nodes[nodes["node"] != OUTSIDE]
    largest = nodes.groupby("node")["peak_bytes"].max().sort_values(ascending=False)
    others = [name for name in without(nodes, "size", over) if nodes[name].nunique(dropna=False) > 1]
    for color, node in zip(PALETTE, largest.index[:_MOST_LINES], strict=False):
        rows = nodes[nodes["node"] == node].sort_values(over)
        parts = [part for _, part in rows.groupby(others, dropna=False)] if others else [rows]
        for number, part in enumerate(parts):
            ax.plot(
                part[over].astype(float),
                part["peak_bytes"].clip(lower=1),
                "o",
                linestyle=_DASHES[number % len(_DASHES)],
                color=color,
                markersize=3.5,
                linewidth=1.3,
                label=None if number else shorten(str(node), 26),
            )
    ax.set_xscale("log")
    ax.set_yscale("log", base=2)
    levels = sorted(set(nodes[over].astype(float)))
    if len(levels) <= _MOST_TICKS:
        ax.xaxis.set_major_locator(FixedLocator(levels))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: format_count(value)))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: format_bytes(value)))
    ax.set_xlabel(over)
    more = f" ({_MOST_LINES} of {len(largest)} nodes)" if len(largest) > _MOST_LINES else ""
    ax.legend(fontsize=8, frameon=False, ncols=3, loc="upper left", bbox_to_anchor=(0, -0.2), borderaxespad=0)
    dashes = f", a dash for each {' and '.join(others).replace('workers', 'worker count')}" if others else ""
    style(ax, f"Own peak over {over}{dashes}{more}")
