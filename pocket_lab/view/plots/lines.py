"""The picture of a line profile: the most expensive lines."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from pocket_lab.view.plots.bars import MOST_BARS, bars_figure, heaviest_point, plot_times, style_bars
from pocket_lab.view.plots.figure import PALETTE, LabFigure
from pocket_lab.view.text.table import shorten


def lines_figure(frame: pd.DataFrame) -> LabFigure:
    """The most expensive lines as a figure."""
    here, _ = heaviest_point(frame, "time_s")
    return bars_figure(frame, int((here["time_s"] > 0).sum()), plot_lines)


def plot_lines(ax: Axes, frame: pd.DataFrame) -> None:
    """The most expensive lines, longest bar first, with node and source; at the point with the most time."""
    here, where = heaviest_point(frame, "time_s")
    costly = here[here["time_s"] > 0].sort_values("time_s", ascending=False)
    shown = costly.head(MOST_BARS)
    labels = [f"{shorten(node, 18)}:{line}" for node, line in zip(shown["node"], shown["line"], strict=True)]
    sources = [shorten(source.strip(), 44) for source in shown["source"]]
    plot_times(ax, shown["time_s"].to_list(), labels, sources, PALETTE[1], "monospace")
    style_bars(ax, f"Time per line{where}", len(costly))
