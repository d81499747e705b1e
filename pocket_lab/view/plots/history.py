"""How fast the machine was in each run of the history."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from pocket_lab.view.plots.figure import INK, PALETTE, LabFigure, in_own_style, new_figure, style
from pocket_lab.view.text.table import shorten

_MOST_NAMES = len(PALETTE) - 1


@in_own_style
def machine_figure(frame: pd.DataFrame) -> LabFigure:
    """One panel: the reference time of each run against the usual one of its machine."""
    figure, (ax,) = new_figure()
    plot_machine(ax, frame)
    return figure


def plot_machine(ax: Axes, frame: pd.DataFrame) -> None:
    """A dot per run that has references, from the first run to the newest, in the colour of its name."""
    known = frame[frame["machine_ratio"].notna()].sort_values("id")
    frequent = known["name"].value_counts().index[:_MOST_NAMES]
    groups = known.groupby(known["name"].where(known["name"].isin(frequent), "other names"), sort=False)
    for colour, (name, rows) in zip(PALETTE, groups, strict=False):
        label = shorten(str(name), 24)
        ax.plot(rows["id"], 100 * (rows["machine_ratio"] - 1), "o", color=colour, markersize=5, label=label)
    ax.axhline(0, color=INK, linewidth=0.8)
    if len(known):
        ax.legend(fontsize=8, frameon=False)
    else:
        ax.annotate("too few runs with references", (0.5, 0.6), xycoords="axes fraction", ha="center", fontsize=9, color=INK)
    ax.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:+g} %" if value else "0 %"))
    ax.set(xlabel="run", ylabel="reference time against its median")
    style(ax, "Speed of the machine: above 0 is slower")
