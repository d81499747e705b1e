"""The picture of a monitor: latencies per node, and visits a second over the window."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from pocket_lab.units import format_count, format_duration
from pocket_lab.view.plots.figure import INK, PALETTE, LabFigure, in_own_style, new_figure, style
from pocket_lab.view.text.table import shorten

_MOST_NODES = 20
_MOST_LINES = 8
_FEW_DECADES = 300


@in_own_style
def traffic_figure(frame: pd.DataFrame, recent: pd.DataFrame) -> LabFigure:
    """Latencies per node on the left, visits over the window on the right."""
    height = 1.4 + 0.42 * max(3, min(len(frame), _MOST_NODES))
    figure, (left, right) = new_figure(2, height)
    plot_latencies(left, frame)
    plot_recent(right, recent)
    return figure


def plot_latencies(ax: Axes, frame: pd.DataFrame) -> None:
    """From the median to the highest percentile of each node that is known, up to the 99th, on a log axis."""
    shown = frame.head(_MOST_NODES).iloc[::-1]
    position = np.arange(len(shown))
    highest = shown[["p50_s", "p95_s", "p99_s"]].max(axis=1)
    ax.hlines(position, shown["p50_s"], highest, color=PALETTE[0], alpha=0.35, linewidth=6)
    for name, mark, color in (("p50", "o", PALETTE[0]), ("p95", "D", PALETTE[4]), ("p99", "s", PALETTE[1])):
        ax.plot(shown[f"{name}_s"], position, mark, color=color, markersize=6, label=name)
    names = _names(frame)
    ax.set_yticks(position, [shorten(names[key], 28) for key in zip(shown["graph"], shown["node"], strict=True)])
    ax.set_ylim(-0.7, max(len(shown), 1) - 0.3)
    if len(shown):
        ax.set_xscale("log")
        if highest.max() < _FEW_DECADES * frame["p50_s"].min():
            ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=9))
        ax.legend(fontsize=8, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=3)
    else:
        ax.text(0.5, 0.5, "no visits yet", ha="center", va="center", transform=ax.transAxes, color=INK)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: format_duration(value)))
    ax.xaxis.set_minor_formatter(NullFormatter())
    left_out = f" ({_MOST_NODES} of {len(frame)} shown)" if len(frame) > _MOST_NODES else ""
    style(ax, "Latency per node" + left_out)
    ax.grid(False, axis="y")


def plot_recent(ax: Axes, recent: pd.DataFrame) -> None:
    """Visits a second of the busiest nodes, from the start of the window until now."""
    groups = sorted(recent.groupby(["graph", "node"], sort=False), key=lambda group: -group[1]["per_s"].sum())
    names = _names(recent)
    for index, (key, rows) in enumerate(groups[:_MOST_LINES]):
        width = max(1.0, 3.4 - 0.8 * index)  # the nodes of a chain have one throughput: all lines stay visible
        name = shorten(names[key], 24)
        ax.step(rows["at_s"], rows["per_s"], where="mid", color=PALETTE[index], linewidth=width, label=name)
    ax.set_ylim(bottom=0)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: format_count(round(value, 6))))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} s"))
    ax.set(xlabel="before now", ylabel="visits a second")
    if groups:
        ax.legend(fontsize=8, frameon=False)
    more = f" ({_MOST_LINES} of {len(groups)} shown)" if len(groups) > _MOST_LINES else ""
    style(ax, "Throughput" + more)


def _names(frame: pd.DataFrame) -> dict[Any, str]:
    """The labels of the nodes by graph and node, with the graph if two graphs have nodes of one name."""
    nodes = frame[["graph", "node"]].drop_duplicates()
    shared = set(nodes["node"][nodes["node"].duplicated()])
    return {
        (graph, node): f"{node} in {graph}" if node in shared else str(node)
        for graph, node in nodes.itertuples(index=False, name=None)
    }
