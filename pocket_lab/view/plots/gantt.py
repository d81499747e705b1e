"""A Gantt chart of a trace: a row per worker, a bar per span, the waiting items, and the critical path."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path
from matplotlib.ticker import FuncFormatter, MaxNLocator
from matplotlib.transforms import ScaledTranslation
from numpy.typing import NDArray

from pocket_lab.units import format_duration
from pocket_lab.view.plots.figure import INK, PALETTE, LabFigure, in_own_style, style
from pocket_lab.view.text.table import shorten

_STEPS = 1200  # bars closer than this part of the time are drawn as one
_MOST_BARS = 1500  # with more spans, a row shows the share of each node in each interval
_MOST_CORNERS, _MOST_INTERVALS = 20_000, 300
_MOST_ROWS, _MOST_NAMES = 24, 16
_BAR, _OUTER = 0.62, 0.12  # heights: of a span, and of the line of an enclosing span
_LOW = _BAR / 2  # the lower edge of the bars; the axis points downwards
_PATH = 0.1
_LIGHTER = 0.5
_GREY = "#8a8f98"
Color = str | tuple[float, float, float]
Numbers = NDArray[Any]


@in_own_style
def gantt_figure(spans: pd.DataFrame, path: pd.DataFrame, title: str = "") -> LabFigure:
    """The chart of the spans of one point as a figure."""
    rows = min(spans["worker"].nunique(), _MOST_ROWS) + int((spans["phase"] == "queue").any())
    names = min(int(spans["node"].nunique()), _MOST_NAMES)
    figure = LabFigure(figsize=(9.6, 1.3 + 0.36 * max(rows, 2) + 0.22 * -(-names // 4)), layout="constrained")
    plot_gantt(figure.add_subplot(), spans, path, title)
    return figure


def plot_gantt(ax: Axes, spans: pd.DataFrame, path: pd.DataFrame, title: str = "") -> None:
    """Draw a row per worker, the caller first; `path` has the spans of the critical path, marked by a dark line.

    A span that contains others is a thin line below them; failed attempts are lighter; the generators that a span resumed fill
    their share of its height. The last row shows how many items
    wait for a worker. If there are too many spans to see, a row shows the share of each node in each interval.
    """
    worked = spans[~spans["phase"].isin(["queue", "yield"])]
    workers = sorted(dict.fromkeys(worked["worker"]), key=_in_order)
    shown = workers[:_MOST_ROWS]
    row_of = {worker: number for number, worker in enumerate(shown)}
    total_s = max(float(spans["end_s"].max()), 1e-9) if len(spans) else 1.0
    colors = node_colors(spans)
    here = worked[worked["worker"].isin(shown)]
    is_outer = here["id"].isin(set(worked["parent"].dropna()))
    leaves = here[~is_outer]
    for name, rows in here[is_outer].groupby("node", sort=False):
        _bars(ax, _merged(rows, row_of, total_s), 0.5 - _OUTER, _OUTER, colors[str(name)], 0.9)
    if is_dense := len(leaves) > _MOST_BARS:
        _shares(ax, leaves, row_of, total_s, colors)
    else:
        for (node, is_retry), rows in leaves.groupby(["node", leaves["phase"] == "retry"], sort=False):
            _bars(ax, _merged(rows, row_of, total_s), _LOW - _BAR, _BAR, colors[str(node)], 0.35 if is_retry else 1.0)
        _yields(ax, spans[(spans["phase"] == "yield") & spans["worker"].isin(shown)], row_of, colors)
    _bars(ax, _merged(path[path["worker"].isin(shown)], row_of, total_s), -0.5, _PATH, INK, 1.0)
    labels = [shorten(_worker_label(worker), 26) for worker in shown]
    if len(waiting := spans[spans["phase"] == "queue"]):
        labels.append(_waiting(ax, waiting, len(shown)))
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.4, -0.6)
    ax.set_xlim(0, total_s)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: format_duration(value) if value else "0"))
    ax.xaxis.set_major_locator(MaxNLocator(7))
    more = f" ({_MOST_ROWS} of {len(workers)} workers shown)" if len(workers) > _MOST_ROWS else ""
    many = f" ({len(leaves):,} spans: the share of each node in each interval)" if is_dense else ""
    _legend(ax, colors, not path.empty)
    style(ax, f"{title or 'Who ran when'}{more}{many}")
    ax.grid(False, axis="y")


def node_colors(spans: pd.DataFrame) -> dict[str, tuple[float, float, float]]:
    """A colour per node, in the order in which they began; after the eighth node the colours repeat, lighter."""
    colors = {}
    for number, node in enumerate(dict.fromkeys(spans["node"])):
        mix = 1 - _LIGHTER ** (number // len(PALETTE))
        red, green, blue = (part + (0.82 - part) * mix for part in to_rgb(PALETTE[number % len(PALETTE)]))
        colors[node] = (red, green, blue)
    return colors


def _merged(spans: pd.DataFrame, row_of: dict[str, int], total_s: float) -> tuple[Numbers, Numbers, Numbers]:
    """Row, start and end of the bars of one node; bars too close to distinguish are merged."""
    row = spans["worker"].map(row_of).to_numpy(float)
    start, end = spans["start_s"].to_numpy(float), spans["end_s"].to_numpy(float)
    if not len(row):
        return row, start, end
    order = np.lexsort((start, row))
    row, start, end = row[order], start[order], end[order]
    step_s = total_s / _STEPS
    begins = np.ones(len(start), bool)
    begins[1:] = (row[1:] != row[:-1]) | (start[1:] - end[:-1] > step_s)
    first = np.flatnonzero(begins)
    return row[first], start[first], np.maximum(np.maximum.reduceat(end, first), start[first] + step_s / 3)


def _bars(ax: Axes, bars: tuple[Numbers, Numbers, Numbers], below: float, height: float, color: Color, alpha: float) -> None:
    """Draw rectangles as one path, which is faster to draw and shorter as SVG than a patch each."""
    row, start, end = bars
    if not len(row):
        return
    low, high = row + below, row + below + height
    corners = np.stack([start, low, start, high, end, high, end, low, start, low], 1).reshape(-1, 2)
    _fill(ax, corners, 5, color, alpha)


def _yields(ax: Axes, spans: pd.DataFrame, row_of: dict[str, int], colors: dict[str, tuple[float, float, float]]) -> None:
    """Draw the work of generators over the span that resumed them, from below, in the height of its share of the time."""
    filled: dict[Any, float] = {}
    for node, parent, worker, start_s, end_s, busy_s in zip(
        *(spans[name] for name in ("node", "parent", "worker", "start_s", "end_s", "busy_s")), strict=True
    ):
        height = _BAR * min(busy_s / (end_s - start_s), 1.0) if end_s > start_s else 0.0
        below = filled.get(parent, 0.0)
        bar = (np.array([float(row_of[worker])]), np.array([start_s]), np.array([end_s]))
        _bars(ax, bar, _LOW - below - height, height, colors[str(node)], 1.0)
        filled[parent] = below + height


def _fill(ax: Axes, corners: Numbers, each: int, color: Color, alpha: float) -> None:
    """Fill closed outlines of `each` corners."""
    codes = np.full(len(corners), Path.LINETO, Path.code_type)
    codes[::each], codes[each - 1 :: each] = Path.MOVETO, Path.CLOSEPOLY
    ax.add_patch(PathPatch(Path(corners, codes), facecolor=color, alpha=alpha, linewidth=0))


def _shares(
    ax: Axes, spans: pd.DataFrame, row_of: dict[str, int], total_s: float, colors: dict[str, tuple[float, float, float]]
) -> None:
    """Draw the share of each node in each interval, stacked, in the row of each worker."""
    count = int(np.clip(_MOST_CORNERS // (4 * len(row_of) * len(colors)), 40, _MOST_INTERVALS))
    number = {node: position for position, node in enumerate(colors)}
    active = np.zeros((len(row_of), len(number), count))
    step_s = total_s / count
    row, node = spans["worker"].map(row_of).to_numpy(int), spans["node"].map(number).to_numpy(int)
    start, end = spans["start_s"].to_numpy(float) / step_s, spans["end_s"].to_numpy(float) / step_s
    for offset in range(int(np.ceil((end - start).max())) + 1):  # one interval of every span at a time
        column = np.floor(start).astype(int) + offset
        part = np.minimum(end, column + 1) - np.maximum(start, column)
        held = (part > 0) & (column < count)
        np.add.at(active, (row[held], node[held], column[held]), part[held])
    top = np.cumsum(np.minimum(active, 1.0), axis=1) * _BAR
    at = np.repeat(np.arange(count + 1) * step_s, 2)[1:-1]
    for worker in range(len(row_of)):
        below = np.zeros(count)
        for position, color in enumerate(colors.values()):
            above = np.minimum(top[worker, position], _BAR)
            if (above > below).any():
                low, high = np.repeat(worker + _LOW - below, 2), np.repeat(worker + _LOW - above, 2)
                outline = np.stack([np.r_[at, at[::-1], at[0]], np.r_[low, high[::-1], low[0]]], 1)
                _fill(ax, outline, len(outline), color, 1.0)
            below = above


def _waiting(ax: Axes, waiting: pd.DataFrame, row: int) -> str:
    """Draw the number of waiting items as a hatched area and return the label of its row."""
    start, end = waiting["start_s"].to_numpy(float), waiting["end_s"].to_numpy(float)
    at = np.concatenate([start, end])
    change = np.concatenate([np.ones(len(start)), -np.ones(len(end))])
    order = np.argsort(at, kind="stable")
    at, count = at[order], np.cumsum(change[order])
    most = max(float(count.max()), 1.0)
    keep = np.unique(np.linspace(0, len(at) - 1, min(len(at), _MOST_INTERVALS)).astype(int))
    low = np.full(len(keep), row + 0.36)
    high = low - 0.8 * count[keep] / most
    ax.fill_between(at[keep], low, high, step="post", facecolor=_GREY, alpha=0.2, linewidth=0)
    ax.fill_between(at[keep], low, high, step="post", facecolor="none", edgecolor=_GREY, hatch="////", linewidth=0)
    return f"waiting (up to {int(most)})"


def _legend(ax: Axes, colors: dict[str, tuple[float, float, float]], has_path: bool) -> None:
    handles: list[Patch | Line2D] = [
        Patch(color=color, label=shorten(node, 24)) for node, color in list(colors.items())[:_MOST_NAMES]
    ]
    if has_path:
        handles.append(Line2D([], [], color=INK, linewidth=2.5, label="critical path"))
    if len(colors) > _MOST_NAMES:
        handles.append(Line2D([], [], linestyle="", label=f"and {len(colors) - _MOST_NAMES} more nodes"))
    below = ax.transAxes + ScaledTranslation(0, -0.32, ax.figure.dpi_scale_trans)
    ax.legend(
        handles=handles,
        fontsize=8,
        frameon=False,
        ncols=4,
        loc="upper left",
        bbox_to_anchor=(0, 0),
        bbox_transform=below,
        borderaxespad=0,
        handlelength=1.2,
    )


def _in_order(worker: str) -> tuple[bool, list[tuple[int, str]]]:
    """A sort key: workers of pools come last, 10 after 9."""
    parts = [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", worker)]
    return worker.startswith(("pocket-lab-", "process ")), parts


def _worker_label(worker: str) -> str:
    """The name of a worker without our prefix."""
    return worker.removeprefix("pocket-lab-").replace("_", " ", 1)
