"""The picture of a call profile: the functions with the most time of their own."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from pocket_lab.frames.calls import own_times
from pocket_lab.view.plots.bars import MOST_BARS, bars_figure, heaviest_point, plot_times, style_bars
from pocket_lab.view.plots.figure import PALETTE, LabFigure
from pocket_lab.view.text.table import shorten


def calls_figure(frame: pd.DataFrame) -> LabFigure:
    """The functions with the most self time as a figure."""
    here, _ = heaviest_point(frame, "self_s")
    return bars_figure(frame, len(own_times(here)), plot_calls)


def plot_calls(ax: Axes, frame: pd.DataFrame) -> None:
    """The functions with the most self time, longest bar first, with their nodes; at the point with the most time."""
    here, where = heaviest_point(frame, "self_s")
    own = own_times(here)
    shown = own.head(MOST_BARS)
    labels = [shorten(str(name).rsplit("<locals>.", 1)[-1], 28) for name in shown["function"]]
    nodes = [shorten(str(node), 36) for node in shown["node"]]
    plot_times(ax, shown["self_s"].to_list(), labels, nodes, PALETTE[2])
    style_bars(ax, f"Time in the function itself{where}", len(own))
