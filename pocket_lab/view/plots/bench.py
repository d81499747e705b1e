"""Plots of a bench: time against size, speed-up against workers, and the samples of one point."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

from pocket_lab.frames.points import point_of, without
from pocket_lab.frames.samples import without_warm_up
from pocket_lab.records.point import describe
from pocket_lab.units import format_count, format_duration
from pocket_lab.view.plots.figure import PALETTE, LabFigure, new_figure, style
from pocket_lab.view.text.table import shorten

_MOST_SERIES = 8
_MOST_SIZE_TICKS = 8
_FEW_DECADES = 300
_MARKS = "os^DvPX*"


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
    """Median time per run against size on log axes, a line per executor and worker count, with its interval."""
    usable = frame[frame["wall_s"].notna() & frame["size"].notna()]
    groups = list(usable.groupby(without("size"), dropna=False, sort=False))
    for index, (_, rows) in enumerate(groups[:_MOST_SERIES]):
        rows = rows.sort_values("size")
        size = rows["size"].to_numpy(float)
        color = PALETTE[index % len(PALETTE)]
        label = describe(replace(point_of(rows.iloc[0].to_dict()), size=None))
        ax.plot(size, rows["wall_s"], marker=_MARKS[index % len(_MARKS)], markersize=4, linewidth=1.4, color=color, label=label)
        ax.fill_between(size, rows["wall_low_s"], rows["wall_high_s"], color=color, alpha=0.18, linewidth=0)
    if (usable["size"] > 0).all():
        _logarithmic(ax, usable)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: format_count(value)))
    ax.xaxis.set_minor_formatter(NullFormatter())
    _time_axis(ax)
    ax.set(xlabel="size", ylabel="time per run")
    _legend(ax, len(groups))
    style(ax, f"{_title(frame)}: time against size")


def plot_workers(ax: Axes, frame: pd.DataFrame) -> None:
    """Speed-up against workers at the largest size, a line per executor, with the ideal line."""
    usable = frame[frame["speedup"].notna()]
    if usable["size"].notna().any():
        usable = usable[usable["size"] == usable["size"].max()]
    workers = np.sort(usable["workers"].unique())
    ax.plot(workers, workers / workers[0], linestyle=":", color="#8a8f98", linewidth=1.2, label="ideal")
    groups = list(usable.groupby(without("size", "workers"), dropna=False, sort=False))
    for index, (_, rows) in enumerate(groups[:_MOST_SERIES]):
        rows = rows.sort_values("workers")
        base = rows["speedup"] * rows["wall_s"]
        color = PALETTE[index % len(PALETTE)]
        errors = np.array([rows["speedup"] - base / rows["wall_high_s"], base / rows["wall_low_s"] - rows["speedup"]])
        ax.errorbar(
            rows["workers"],
            rows["speedup"],
            yerr=np.nan_to_num(np.maximum(errors, 0)),
            marker=_MARKS[index],
            markersize=5,
            linewidth=1.4,
            capsize=3,
            color=color,
            label=str(rows["executor"].iloc[0]),
        )
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_ylim(bottom=0)
    ax.set(xlabel="workers", ylabel="speed-up")
    _legend(ax, len(groups))
    size = usable["size"].max() if usable["size"].notna().any() else None
    style(ax, "Speed-up against workers" + ("" if size is None else f" at size {format_count(size)}"))


def plot_samples(ax: Axes, samples: pd.DataFrame) -> None:
    """Every sample against its round, with the median; for a bench of one point."""
    good = without_warm_up(samples)
    runs = good["run_s"]
    ax.plot(good["round"], runs, "o", markersize=4, color=PALETTE[0], alpha=0.7)
    if len(runs):
        ax.axhline(float(runs.median()), color=PALETTE[1], linewidth=1.2)
    else:
        ax.text(0.5, 0.5, "no samples", ha="center", va="center", transform=ax.transAxes)
    _time_axis(ax)
    ax.set(xlabel="round", ylabel="time per run")
    style(ax, f"{_title(samples)}: samples and their median")


def _panels(frame: pd.DataFrame) -> list[tuple[Callable[[Axes, pd.DataFrame], None], bool]]:
    usable = frame[frame["wall_s"].notna()]
    return [(plot_sizes, usable["size"].nunique() > 1), (plot_workers, usable["workers"].nunique() > 1)]


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


def _legend(ax: Axes, groups: int) -> None:
    legend = ax.legend(fontsize=8, frameon=False)
    if groups > _MOST_SERIES:
        legend.set_title(f"{_MOST_SERIES} of {groups} shown", prop=FontProperties(size=8))
