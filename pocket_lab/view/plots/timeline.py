"""The memory of a run over time: heap and resident memory, and below them the nodes that were active."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator

from pocket_lab.units import format_bytes, format_duration
from pocket_lab.view.plots.figure import INK, PALETTE, binary_step, style
from pocket_lab.view.text.table import shorten

MOST_ROWS = 14


def plot_timeline(ax: Axes, timeline: pd.DataFrame, peak_bytes: int, wall_s: float) -> None:
    """Bytes that the run held as an area, the growth of its resident memory as a line, its exact peak as a dashed line.

    memray samples every 10 ms, so the area may miss the peak; a shorter run has no area.
    """
    at_s, heap = timeline["at_s"].to_numpy(float), timeline["heap_bytes"].to_numpy(float)
    top = float(peak_bytes)
    if len(at_s):
        grown = timeline["rss_bytes"].to_numpy(float) - float(timeline["rss_bytes"].iloc[0])
        ax.fill_between(at_s, heap, color=PALETTE[0], alpha=0.35, linewidth=0, label="held by the run")
        ax.plot(at_s, heap, color=PALETTE[0], linewidth=1.2)
        ax.plot(at_s, grown, color=PALETTE[1], linewidth=1.0, label="resident, growth")
        top = max(top, float(heap.max()), float(grown.max()))
    else:
        text = "the run is too short for samples every 10 ms"
        ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", color=INK, fontsize=8)
    ax.axhline(peak_bytes, color=INK, linewidth=0.9, linestyle=(0, (4, 3)), label=f"peak {format_bytes(peak_bytes)}")
    ax.set_xlim(0, max(wall_s, float(at_s.max(initial=0.0)), 1e-9))
    ax.set_ylim(0, max(top, 1.0) * 1.12)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: format_bytes(value) if value else "0"))
    ax.yaxis.set_major_locator(MultipleLocator(binary_step(top)))
    _time_axis(ax)
    ax.legend(fontsize=8, frameon=False, ncols=3, loc="lower left", bbox_to_anchor=(0, 1.0), borderaxespad=0.1)
    style(ax)


def plot_activity(ax: Axes, activity: pd.DataFrame, wall_s: float) -> None:
    """A row per node in the order in which they began, with a bar for each period of activity; the first fourteen nodes."""
    nodes = list(dict.fromkeys(activity["node"]))
    shown = nodes[:MOST_ROWS]
    least_s = wall_s / 600  # the narrowest visible bar
    for row, node in enumerate(shown):
        periods = activity[activity["node"] == node]
        start_s = periods["start_s"].to_numpy(float)
        bars = np.stack((start_s, np.maximum(periods["end_s"].to_numpy(float) - start_s, least_s)), axis=1)
        ax.broken_barh([(a, b) for a, b in bars], (row - 0.34, 0.68), color=PALETTE[row % len(PALETTE)], linewidth=0)
    ax.set_yticks(range(len(shown)), [shorten(str(node), 24) for node in shown])
    ax.set_ylim(max(len(shown), 1) - 0.4, -0.6)
    ax.set_xlim(0, max(wall_s, 1e-9))
    _time_axis(ax)
    more = f", {MOST_ROWS} of {len(nodes)} shown" if len(nodes) > MOST_ROWS else ""
    ax.set_xlabel(f"time since the run began, nodes at work{more}")
    style(ax)
    ax.grid(False, axis="y")


def _time_axis(ax: Axes) -> None:
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: format_duration(value) if value else "0"))
    ax.xaxis.set_major_locator(MaxNLocator(6))
