"""The picture of a memory profile: peaks per node, the run over time with its nodes, and growth over sizes or workers."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.gridspec import GridSpec
from matplotlib.ticker import FuncFormatter

from pocket_lab.frames.points import PLACE_COLUMNS
from pocket_lab.units import format_bytes, format_count
from pocket_lab.view.bars import MOST_BARS, plot_memory
from pocket_lab.view.figure import PALETTE, LabFigure, style
from pocket_lab.view.places import place_text
from pocket_lab.view.table import shorten
from pocket_lab.view.timeline import MOST_LANES, plot_busy, plot_timeline

_WIDTH = 8.4
_MOST_LINES = len(PALETTE)


def memory_figure(nodes: pd.DataFrame, runs: pd.DataFrame, timeline: pd.DataFrame, busy: pd.DataFrame) -> LabFigure:
    """Bars, time and nodes at work of the point with the highest peak; with several points their peaks as well."""
    point = heaviest(runs)
    here, run = at_point(nodes, point), at_point(runs, point).iloc[0]
    moments, work = at_point(timeline, point), at_point(busy, point)
    varied = [name for name in ("size", "workers") if runs[name].nunique(dropna=False) > 1]
    heights = [0.9 + 0.36 * max(2, min(len(here), MOST_BARS)), 2.3]
    if len(work):
        heights.append(0.75 + 0.24 * min(work["node"].nunique(), MOST_LANES))
    if varied:
        heights.append(2.9)
    figure = LabFigure(figsize=(_WIDTH, sum(heights) + 0.3), layout="constrained")
    rows = iter(GridSpec(len(heights), 1, figure=figure, height_ratios=heights))
    plot_memory(figure.add_subplot(next(rows)), here)
    if varied:
        figure.axes[0].set_title(f"{figure.axes[0].get_title(loc='left')}, {_place(point)}", loc="left", fontsize=10)
    held = figure.add_subplot(next(rows))
    plot_timeline(held, moments, int(run["peak_bytes"]), float(run["wall_s"]))
    if len(work):
        below = figure.add_subplot(next(rows), sharex=held)
        plot_busy(below, work, max(float(run["wall_s"]), float(moments["at_s"].max()) if len(moments) else 0.0))
        held.tick_params(labelbottom=False)
    if varied:
        plot_growth(figure.add_subplot(next(rows)), nodes, varied[0])
    return figure


def plot_growth(ax: Axes, nodes: pd.DataFrame, over: str) -> None:
    """The own peak of each node over the sizes, or the workers; the eight largest nodes."""
    largest = nodes.groupby("node")["peak_bytes"].max().sort_values(ascending=False)
    others = [name for name in ("workers", "executor") if name != over and nodes[name].nunique() > 1]
    shown = list(largest.index[:_MOST_LINES])
    for color, node in zip(PALETTE, shown, strict=False):
        rows = nodes[nodes["node"] == node]
        for part in [group for _, group in rows.groupby(others)] if others else [rows]:
            part = part.sort_values(over)
            is_first = part.index[0] == rows.index[0] or not others
            ax.plot(
                part[over].astype(float),
                part["peak_bytes"].clip(lower=1),
                "o-",
                color=color,
                markersize=3.5,
                linewidth=1.3,
                label=shorten(str(node), 26) if is_first else None,
            )
    ax.set_xscale("log")
    ax.set_yscale("log", base=2)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: format_count(value)))
    ax.xaxis.set_minor_formatter(FuncFormatter(lambda value, _: ""))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: format_bytes(value)))
    ax.set_xlabel(over)
    more = f" ({_MOST_LINES} of {len(largest)} nodes)" if len(largest) > _MOST_LINES else ""
    ax.legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    style(ax, f"Own peak over {over}{more}")


def heaviest(runs: pd.DataFrame) -> dict[str, Any]:
    """The place of the point with the highest peak."""
    return dict(runs.sort_values("peak_bytes").iloc[-1][PLACE_COLUMNS])


def at_point(frame: pd.DataFrame, place: dict[str, Any]) -> pd.DataFrame:
    """The rows of one point."""
    here = pd.Series(True, index=frame.index)
    for name, value in place.items():
        here &= frame[name].isna() if pd.isna(value) else frame[name] == value
    return frame[here]


def _place(place: dict[str, Any]) -> str:
    return place_text(*place.values())
