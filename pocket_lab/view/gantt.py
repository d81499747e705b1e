"""Who ran when on which worker: a lane per worker, a bar per span, items that wait, and the critical path."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from pocket_lab.units import format_duration
from pocket_lab.view.figure import INK, PALETTE, LabFigure, style
from pocket_lab.view.table import shorten

_STEPS = 1500  # bars closer than this part of the time are drawn as one
_MOST_LANES, _MOST_NAMES = 24, 16
_BAR, _AROUND = 0.62, 0.12  # heights: of a span, and of the line under those that lie inside it
_PATH = 0.1
_LIGHTER = 0.5
Rows = tuple[np.ndarray, np.ndarray, np.ndarray]  # lane, start, end


def gantt_figure(spans: pd.DataFrame, path: pd.DataFrame, title: str = "") -> LabFigure:
    """The picture of the spans of one point as a figure."""
    lanes = min(spans["worker"].nunique(), _MOST_LANES) + int((spans["phase"] == "queue").any())
    figure = LabFigure(figsize=(9.6, 1.3 + 0.36 * max(lanes, 2) + 0.22 * -(-min(_names(spans), _MOST_NAMES) // 4)))
    figure.set_layout_engine("constrained")
    plot_gantt(figure.add_subplot(), spans, path, title)
    return figure


def plot_gantt(ax: Axes, spans: pd.DataFrame, path: pd.DataFrame, title: str = "") -> None:
    """A lane per worker in the order in which they began; `path` are the spans of the critical path, marked by a dark line.

    A span with others inside is a thin line under them; failed attempts are lighter. Below, how many items wait for a
    worker. Bars that are too short to be seen one by one are drawn together.
    """
    worked = spans[spans["phase"] != "queue"]
    workers = list(dict.fromkeys(worked["worker"]))
    shown = workers[:_MOST_LANES]
    place = {worker: number for number, worker in enumerate(shown)}
    total_s = float(spans["end_s"].max()) if len(spans) else 1.0
    colors = node_colors(spans)
    here = worked[worked["worker"].isin(shown)]
    around = here["id"].isin(set(spans["parent"].dropna()))
    for node, color in colors.items():
        of_node = here["node"] == node
        is_retry = here["phase"] == "retry"
        _bars(ax, _merged(here[of_node & around], place, total_s), 0.5 - _AROUND, _AROUND, color, 0.9)
        _bars(ax, _merged(here[of_node & ~around & ~is_retry], place, total_s), (_AROUND - _BAR) / 2, _BAR, color, 1.0)
        _bars(ax, _merged(here[of_node & ~around & is_retry], place, total_s), (_AROUND - _BAR) / 2, _BAR, color, 0.35)
    _bars(ax, _merged(path[path["worker"].isin(shown)], place, total_s), -0.5, _PATH, INK, 1.0)
    labels = [shorten(_spoken(worker), 26) for worker in shown]
    if (waiting := spans[spans["phase"] == "queue"]).size:
        labels.append(_waiting(ax, waiting, len(shown)))
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.4, -0.6)
    ax.set_xlim(0, total_s)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: format_duration(value) if value else "0"))
    ax.xaxis.set_major_locator(MaxNLocator(7))
    more = f" ({_MOST_LANES} of {len(workers)} workers shown)" if len(workers) > _MOST_LANES else ""
    style(ax, f"{title or 'Who ran when'}{more}")
    ax.grid(False, axis="y")
    _legend(ax, colors, not path.empty)


def node_colors(spans: pd.DataFrame) -> dict[str, tuple[float, float, float]]:
    """A colour for each node, in the order in which they began; after the eighth they come again, lighter."""
    colors = {}
    for number, node in enumerate(dict.fromkeys(spans["node"])):
        mix = 1 - _LIGHTER ** (number // len(PALETTE))
        red, green, blue = (part + (0.82 - part) * mix for part in to_rgb(PALETTE[number % len(PALETTE)]))
        colors[node] = (red, green, blue)
    return colors


def _names(spans: pd.DataFrame) -> int:
    return int(spans["node"].nunique())


def _merged(spans: pd.DataFrame, place: dict[str, int], total_s: float) -> Rows:
    """The bars of one node: those that the eye cannot tell apart are one, over what they cover together."""
    if spans.empty:
        return np.empty(0), np.empty(0), np.empty(0)
    lane = spans["worker"].map(place).to_numpy(float)
    start, end = spans["start_s"].to_numpy(float), spans["end_s"].to_numpy(float)
    order = np.lexsort((start, lane))
    lane, start, end = lane[order], start[order], end[order]
    step_s = total_s / _STEPS
    begins = np.ones(len(start), bool)
    begins[1:] = (lane[1:] != lane[:-1]) | (start[1:] - end[:-1] > step_s) | (end[1:] - start[1:] > 4 * step_s)
    first = np.flatnonzero(begins)
    ends = np.maximum.reduceat(end, first)
    return lane[first], start[first], np.maximum(ends, start[first] + step_s / 3)


def _bars(ax: Axes, rows: Rows, below: float, height: float, color: str | tuple[float, float, float], alpha: float) -> None:
    lane, start, end = rows
    if not len(lane):
        return
    low, high = lane + below, lane + below + height
    corners = np.stack(
        [np.stack([start, low], 1), np.stack([start, high], 1), np.stack([end, high], 1), np.stack([end, low], 1)], 1
    )
    ax.add_collection(PolyCollection(list(corners), facecolors=[color], alpha=alpha, linewidths=0))


def _waiting(ax: Axes, waiting: pd.DataFrame, lane: int) -> str:
    """How many items wait, as a hatched area; the label of its lane."""
    start, end = waiting["start_s"].to_numpy(float), waiting["end_s"].to_numpy(float)
    at = np.concatenate([start, end])
    change = np.concatenate([np.ones(len(start)), -np.ones(len(end))])
    order = np.argsort(at, kind="stable")
    at, count = at[order], np.cumsum(change[order])
    most = max(float(count.max()), 1.0)
    keep = np.unique(np.linspace(0, len(at) - 1, min(len(at), _STEPS)).astype(int))
    low = np.full(len(keep), lane + 0.36)
    ax.fill_between(
        at[keep],
        low,
        low - 0.8 * count[keep] / most,
        step="post",
        facecolor="#8a8f98",
        edgecolor="#8a8f98",
        alpha=0.35,
        hatch="////",
        linewidth=0,
    )
    return f"waiting (up to {int(most)})"


def _legend(ax: Axes, colors: dict[str, tuple[float, float, float]], has_path: bool) -> None:
    handles: list[Patch | Line2D] = [
        Patch(color=color, label=shorten(node, 24)) for node, color in list(colors.items())[:_MOST_NAMES]
    ]
    if has_path:
        handles.append(Line2D([], [], color=INK, linewidth=2.5, label="critical path"))
    if len(colors) > _MOST_NAMES:
        handles.append(Line2D([], [], linestyle="", label=f"and {len(colors) - _MOST_NAMES} more nodes"))
    legend = ax.legend(
        handles=handles,
        fontsize=8,
        frameon=False,
        ncols=4,
        loc="upper left",
        bbox_to_anchor=(0, -0.14),
        borderaxespad=0,
        handlelength=1.2,
    )
    legend.set_in_layout(True)


def _spoken(worker: str) -> str:
    """A worker as one speaks of it."""
    return worker.removeprefix("pocket-lab-").replace("_", " ", 1)
