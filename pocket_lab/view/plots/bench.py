"""Plots of a bench: time against size, speed-up against workers, and the samples of one point."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

from pocket_lab.analysis.precision import figures_of
from pocket_lab.frames.points import parameter_names, point_of, points_of, without
from pocket_lab.frames.samples import without_warm_up
from pocket_lab.records.point import describe, describe_params, parse_params
from pocket_lab.units import format_count, format_duration
from pocket_lab.view.plots.figure import PALETTE, LabFigure, in_own_style, new_figure, style
from pocket_lab.view.text.table import shorten

_MOST_SERIES, _MOST_INSIDE, _WIDEST_LABEL = 8, 5, 40
_MOST_MARKED, _MOST_TICKS, _WIDEST_TICKS = 60, 10, 60
_MOST_SIZE_TICKS = 8
_FEW_DECADES = 300
_BESIDE = 0.015  # of the axis: what series of equal workers are drawn apart
_MARKS = "os^DvPX*"
_GREY = "#8a8f98"
_HOLLOW: dict[str, Any] = {"color": _GREY, "markerfacecolor": "none"}


@in_own_style
def bench_figure(frame: pd.DataFrame, samples: pd.DataFrame) -> LabFigure:
    """The panels that a bench has data for, side by side."""
    drawn = [draw for draw, has_data in _panels(frame) if has_data] or [plot_samples]
    figure, axes = new_figure(len(drawn))
    for draw, ax in zip(drawn, axes, strict=True):
        draw(ax, samples if draw is plot_samples else frame)
    return figure


def plot_bench(ax: Axes, frame: pd.DataFrame, samples: pd.DataFrame) -> None:
    """The first panel that a bench has data for, on the given axes."""
    draw = next((draw for draw, has_data in _panels(frame) if has_data), plot_samples)
    draw(ax, samples if draw is plot_samples else frame)


def plot_sizes(ax: Axes, frame: pd.DataFrame) -> None:
    """Median time per run against size on log axes, a line per executor and worker count, with its interval.

    The CPU time of series that settled on it at each point, else wall time. Points without an interval are grey and hollow.
    """
    usable = frame[frame["wall_s"].notna() & frame["size"].notna()]
    groups = [rows for _, rows in usable.groupby(without(usable, "size"), dropna=False, sort=False)]
    shown = _spread(groups, lambda rows: rows["wall_s"].to_numpy()[rows["size"].to_numpy().argmax()])
    on_cpu = [_clock(rows) == "cpu" for rows in shown]
    for index, rows in enumerate(shown):
        rows = rows.sort_values("size")
        size, clock = rows["size"].to_numpy(float), _clock(rows)
        value, low, high = (rows[f"{clock}_{end}s"].to_numpy(float) for end in ("", "low_", "high_"))
        color, mark = PALETTE[index % len(PALETTE)], _MARKS[index % len(_MARKS)]
        label = shorten(describe(replace(point_of(rows.iloc[0].to_dict()), size=None)), _WIDEST_LABEL)
        label += ", CPU time" if clock == "cpu" and not all(on_cpu) else ""
        known = np.isfinite(low) & np.isfinite(high)
        ax.plot(size, value, linewidth=1.4, color=color if known.any() else _GREY, zorder=1)
        ax.plot([], [], marker=mark, markersize=4, linewidth=1.4, label=label, **(_solid(color) if known.any() else _HOLLOW))
        ax.plot(size[known], value[known], mark, markersize=4, **_solid(color))
        if not known.all():
            ax.plot(size[~known], value[~known], mark, markersize=5, **_HOLLOW)
        if known.sum() > 1:
            ax.fill_between(size, low, high, color=color, alpha=0.18, linewidth=0)
        ax.vlines(size[known], low[known], high[known], color=color, linewidth=1.0, alpha=0.7)
    if (usable["size"] > 0).all():
        _logarithmic(ax, usable)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: format_count(value)))
    ax.xaxis.set_minor_formatter(NullFormatter())
    _time_axis(ax)
    ax.set(xlabel="size", ylabel="CPU time per run" if all(on_cpu) else "time per run")
    _legend(ax, len(groups))
    style(ax, f"{_title(frame)}: time against size")


def plot_workers(ax: Axes, frame: pd.DataFrame) -> None:
    """Speed-up against workers at the largest size, a line per executor with its intervals, with the ideal line."""
    usable = _with_speedup(frame)
    workers = np.sort(usable["workers"].unique())
    ax.plot(workers, workers / workers[0], linestyle=":", color=_GREY, linewidth=1.2, label="ideal")
    groups = [rows for _, rows in usable.groupby(without(usable, "size", "workers"), dropna=False, sort=False)]
    shown = _spread(groups, lambda rows: rows["speedup"].max())
    for index, rows in enumerate(shown):
        rows = rows.sort_values("workers")
        color, label = PALETTE[index % len(PALETTE)], shorten(_series_label(rows))
        beside = (index - (len(shown) - 1) / 2) * _BESIDE * float(workers[-1] - workers[0])  # else intervals hide each other
        ax.plot(
            rows["workers"] + beside,
            rows["speedup"],
            marker=_MARKS[index],
            markersize=5,
            linewidth=1.4,
            color=color,
            label=label,
        )
        known = rows[rows["speedup_low"].notna()]  # a baseline has no interval
        errors = [known["speedup"] - known["speedup_low"], known["speedup_high"] - known["speedup"]]
        ax.errorbar(known["workers"] + beside, known["speedup"], yerr=np.array(errors), fmt="none", capsize=3, ecolor=color)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_ylim(bottom=0)
    ax.set(xlabel="workers", ylabel="speed-up")
    _legend(ax, len(groups))
    size = usable["size"].max() if usable["size"].notna().any() else None
    style(ax, "Speed-up against workers" + ("" if size is None else f" at size {format_count(size)}"))


def plot_params(ax: Axes, frame: pd.DataFrame) -> None:
    """Median time per run at the largest size against the parameter with most values, a line per setting of everything else."""
    usable = frame[frame["wall_s"].notna()]
    if usable["size"].notna().any():
        usable = usable[usable["size"] == usable["size"].max()]
    labels = [dict(parse_params(text)) for text in usable["params"]]
    axis = max(parameter_names(usable), key=lambda name: len({one.get(name) for one in labels}))
    usable = usable.assign(
        _label=[one.get(axis, "") for one in labels],
        _others=[describe_params((name, label) for name, label in one.items() if name != axis) for one in labels],
    )
    positions = {label: position for position, label in enumerate(usable["_label"].unique())}
    groups = [rows for _, rows in usable.groupby(["_others", "executor", "workers"], sort=False)]
    for index, rows in enumerate(_spread(groups, lambda rows: rows["wall_s"].median())):
        figures = figures_of(rows)
        others, executor, workers = rows[["_others", "executor", "workers"]].iloc[0]
        position, color = rows["_label"].map(positions).to_numpy(float), PALETTE[index % len(PALETTE)]
        label = ", ".join(filter(None, [str(others), f"{executor} x {workers}"]))
        mark = _MARKS[index % len(_MARKS)] if len(positions) <= _MOST_MARKED else None
        ax.plot(
            position,
            figures["value_s"],
            marker=mark,
            markersize=4,
            linewidth=1.2,
            color=color,
            label=shorten(label, _WIDEST_LABEL),
        )
        known = figures["low_s"].notna().to_numpy()
        if len(positions) <= _MOST_MARKED:
            ax.vlines(position[known], figures["low_s"][known], figures["high_s"][known], color=color, linewidth=1.0, alpha=0.7)
    if len(positions) <= _MOST_TICKS:
        ax.set_xticks(list(positions.values()), [shorten(label, 16) for label in positions])
        if max(map(len, positions)) * len(positions) > _WIDEST_TICKS:
            ax.tick_params(axis="x", rotation=30)
    else:
        texts = list(positions)
        ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda at, _: shorten(texts[int(at)], 12) if 0 <= at < len(texts) else ""))
    ax.set_ylim(bottom=0)
    _time_axis(ax)
    ax.set(xlabel=axis, ylabel="time per run")
    _legend(ax, len(groups))
    size = usable["size"].max() if usable["size"].notna().any() else None
    style(ax, f"{_title(frame)}: time against {shorten(axis, 20)}" + ("" if size is None else f" at size {format_count(size)}"))


def plot_samples(ax: Axes, samples: pd.DataFrame) -> None:
    """Every sample against its round, with the median of each point; first runs are left out."""
    good = without_warm_up(samples)
    groups = points_of(good[(good["round"] > 0) & good["run_s"].notna()])
    for index, (point, rows) in enumerate(list(groups.items())[:_MOST_SERIES]):
        color = PALETTE[index % len(PALETTE)]
        label = shorten(describe(point), _WIDEST_LABEL) if len(groups) > 1 else None
        ax.plot(rows["round"], rows["run_s"], "o", markersize=4, color=color, alpha=0.7, label=label)
        ax.axhline(float(rows["run_s"].median()), color=PALETTE[1] if len(groups) == 1 else color, linewidth=1.2)
    if len(groups) > 1:
        _legend(ax, len(groups), which="")
    elif not groups:
        ax.text(0.5, 0.5, "no samples", ha="center", va="center", transform=ax.transAxes)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    _time_axis(ax)
    ax.set(xlabel="round", ylabel="time per run")
    style(ax, f"{_title(samples)}: samples and their median{'s' if len(groups) > 1 else ''}")


def _panels(frame: pd.DataFrame) -> list[tuple[Callable[[Axes, pd.DataFrame], None], bool]]:
    sizes = frame.loc[frame["wall_s"].notna(), "size"]
    return [
        (plot_sizes, sizes.nunique() > 1),
        (plot_params, "params" in frame and frame.loc[frame["wall_s"].notna(), "params"].nunique() > 1),
        (plot_workers, _with_speedup(frame)["workers"].nunique() > 1),
    ]


def _with_speedup(frame: pd.DataFrame) -> pd.DataFrame:
    """The points that have a speed-up, at the largest size at which there are two worker counts, if there is one."""
    usable = frame[frame["speedup"].notna()]
    at_size = [rows for _, rows in usable.groupby("size", dropna=False) if rows["workers"].nunique() > 1]
    return at_size[-1] if at_size else usable.iloc[:0]


def _series_label(rows: pd.DataFrame) -> str:
    """The executor of a series, and its parameters, if there are any."""
    params = describe_params(point_of(rows.iloc[0].to_dict()).params)
    return f"{params}, {rows['executor'].iloc[0]}" if params else str(rows["executor"].iloc[0])


def _clock(rows: pd.DataFrame) -> str:
    """The clock of a series: "cpu" only if each of its points settled on it."""
    return "cpu" if (figures_of(rows)["basis"] == "cpu").all() else "wall"


def _solid(color: str) -> dict[str, Any]:
    return {"color": color, "markerfacecolor": color}


def _title(frame: pd.DataFrame) -> str:
    return shorten(str(frame["target"].iloc[0]), 28) if len(frame) else "nothing measured"


def _time_axis(ax: Axes) -> None:
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: format_duration(value)))
    ax.yaxis.set_minor_formatter(NullFormatter())


def _logarithmic(ax: Axes, usable: pd.DataFrame) -> None:
    """Set log axes with a tick at each size, if they are few, and enough ticks of time even within one decade."""
    ax.set_xscale("log")
    ax.set_yscale("log")
    sizes = np.sort(usable["size"].unique().astype(float))
    if len(sizes) <= _MOST_SIZE_TICKS:
        ax.xaxis.set_major_locator(FixedLocator(list(sizes)))
        ax.xaxis.set_minor_locator(NullLocator())
    if usable["wall_s"].max() < _FEW_DECADES * usable["wall_s"].min():
        ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))


def _spread(groups: list[pd.DataFrame], figure: Callable[[pd.DataFrame], float]) -> list[pd.DataFrame]:
    """As many series as there are colours, in their order: evenly from that with the least figure to that with the greatest."""
    if len(groups) <= _MOST_SERIES:
        return groups
    by_figure = sorted(range(len(groups)), key=lambda index: figure(groups[index]))
    chosen = {by_figure[step * (len(groups) - 1) // (_MOST_SERIES - 1)] for step in range(_MOST_SERIES)}
    return [groups[index] for index in sorted(chosen)]


def _legend(ax: Axes, groups: int, which: str = ", from least to most") -> None:
    below: dict[str, Any] = {"ncols": 2, "loc": "upper left", "bbox_to_anchor": (0, -0.2), "borderaxespad": 0}
    legend = ax.legend(fontsize=8, frameon=False, **(below if groups > _MOST_INSIDE else {}))
    if groups > _MOST_SERIES:
        legend.set_title(f"{_MOST_SERIES} of {groups} shown{which}", prop=FontProperties(size=8))
