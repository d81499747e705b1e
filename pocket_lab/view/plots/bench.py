"""Plots of a bench: time against size, speed-up against workers, and the samples of one point."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator
from matplotlib.transforms import ScaledTranslation

from pocket_lab.analysis.precision import figures_of
from pocket_lab.frames.points import parameter_names, point_of, points_of, without
from pocket_lab.frames.samples import without_warm_up
from pocket_lab.records.point import Params, Point, describe, describe_params, parse_params
from pocket_lab.units import format_count, format_duration
from pocket_lab.view.plots.figure import PALETTE, LabFigure, in_own_style, new_figure, style
from pocket_lab.view.text.table import shorten, shorten_apart

_MOST_SERIES, _MOST_INSIDE = 8, 5
_WIDEST_LABEL, _WIDEST_BELOW, _WIDEST_TICK, _LEAST_VALUE = 40, 36, 16, 9
_BELOW_HEIGHT, _AXIS_PT, _LETTER_PT = 0.8, 34, 2.6  # inches for a legend; below it ticks and their label; a rotated letter
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
    if any((legend := ax.get_legend()) is not None and len(legend.get_texts()) > _MOST_INSIDE for ax in axes):
        figure.set_figheight(figure.get_figheight() + _BELOW_HEIGHT)
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
    labels = _labels([replace(_first(rows), size=None) for rows in shown], len(groups))
    for index, (rows, label) in enumerate(zip(shown, labels, strict=True)):
        rows = rows.sort_values("size")
        size, clock = rows["size"].to_numpy(float), _clock(rows)
        value, low, high = (rows[f"{clock}_{end}s"].to_numpy(float) for end in ("", "low_", "high_"))
        color, mark = PALETTE[index % len(PALETTE)], _MARKS[index % len(_MARKS)]
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
    for index, (rows, label) in enumerate(
        zip(shown, _labels([_first(rows) for rows in shown], len(groups), _without_workers), strict=True)
    ):
        rows = rows.sort_values("workers")
        color = PALETTE[index % len(PALETTE)]
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
    params = [parse_params(text) for text in usable["params"]]
    axis = max(parameter_names(usable), key=lambda name: len({dict(one).get(name) for one in params}))
    others = pd.Series([_others(one, axis) for one in params], usable.index, dtype=object)
    usable = usable.assign(_label=[dict(one).get(axis, "") for one in params], _others=others)
    positions = {label: position for position, label in enumerate(usable["_label"].unique())}
    groups = [rows for _, rows in usable.groupby(["_others", "executor", "workers"], sort=False)]
    shown = _spread(groups, lambda rows: rows["wall_s"].median())
    series = [replace(point, size=None, params=_others(point.params, axis)) for point in map(_first, shown)]
    for index, (rows, label) in enumerate(zip(shown, _labels(series, len(groups)), strict=True)):
        figures = figures_of(rows)
        position, color = rows["_label"].map(positions).to_numpy(float), PALETTE[index % len(PALETTE)]
        drawn: dict[str, Any] = {"marker": _MARKS[index % len(_MARKS)], "markersize": 4, "linewidth": 1.2}
        if len(positions) > _MOST_MARKED:  # lines up and down between so many values would fill the panel
            drawn = {"marker": ".", "markersize": 2, "linestyle": ""}
        ax.plot(position, figures["value_s"], color=color, label=label, **drawn)
        known = figures["low_s"].notna().to_numpy()
        if len(positions) <= _MOST_MARKED:
            ax.vlines(position[known], figures["low_s"][known], figures["high_s"][known], color=color, linewidth=1.0, alpha=0.7)
    below_pt = _value_ticks(ax, list(positions))
    ax.set_ylim(bottom=0)
    _time_axis(ax)
    ax.set(xlabel=axis, ylabel="time per run")
    _legend(ax, len(groups), below_pt=below_pt)
    size = usable["size"].max() if usable["size"].notna().any() else None
    style(ax, f"{_title(frame)}: time against {shorten(axis, 20)}" + ("" if size is None else f" at size {format_count(size)}"))


def _others(params: Params, axis: str) -> Params:
    return tuple(pair for pair in params if pair[0] != axis)


def _value_ticks(ax: Axes, labels: list[str]) -> float:
    """Ticks with the values of a parameter; returns by how many points rotated ones are higher than a line."""
    if len(labels) > _MOST_TICKS:
        texts = shorten_apart(labels, _WIDEST_TICK - 4)
        ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda at, _: texts[int(at)] if 0 <= at < len(texts) else ""))
        return 0
    texts = shorten_apart(labels, _WIDEST_TICK)
    ax.set_xticks(range(len(texts)), texts)
    longest = max(map(len, texts))
    if longest * len(texts) <= _WIDEST_TICKS:
        return 0
    ax.set_xticks(range(len(texts)), texts, rotation=30, ha="right", rotation_mode="anchor")
    return _LETTER_PT * longest


def plot_samples(ax: Axes, samples: pd.DataFrame) -> None:
    """Every sample against its round, with the median of each point; first runs are left out."""
    good = without_warm_up(samples)
    groups = points_of(good[(good["round"] > 0) & good["run_s"].notna()])
    shown = list(groups.items())[:_MOST_SERIES]
    labels = _labels([point for point, _ in shown], len(groups))
    for index, ((_, rows), text) in enumerate(zip(shown, labels, strict=True)):
        color, label = PALETTE[index % len(PALETTE)], text if len(groups) > 1 else None
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


def _without_workers(point: Point) -> str:
    """The executor of a series, and its parameters, if there are any."""
    return ", ".join(filter(None, [describe_params(point.params), point.executor]))


def _only_params(point: Point) -> str:
    return describe_params(point.params)


def _first(rows: pd.DataFrame) -> Point:
    return point_of(rows.iloc[0].to_dict())


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


def _labels(points: Sequence[Point], groups: int, describe: Callable[[Point], str] = describe) -> list[str]:
    """The labels of series, short enough for two columns where their legend is below.

    Where they are not, what all have in common beside parameters is left out, and the values of these are shortened.
    """
    longest = _WIDEST_BELOW if groups > _MOST_INSIDE else _WIDEST_LABEL
    texts = [describe(point) for point in points]
    if any(len(text) > longest for text in texts):
        values = {name: [dict(point.params)[name] for point in points] for name, _ in points[0].params}
        if values and len({describe(replace(point, params=())) for point in points}) == 1 < len(points):
            describe = _only_params
        for_values = longest - max(len(describe(_with_values(point, [""] * len(values)))) for point in points)
        width = max(for_values // max(len(values), 1), _LEAST_VALUE)
        shown = zip(*(shorten_apart(labels, width) for labels in values.values()), strict=True)
        texts = (
            [describe(_with_values(point, labels)) for point, labels in zip(points, shown, strict=True)] if values else texts
        )
    return shorten_apart(texts, longest)


def _with_values(point: Point, labels: Sequence[str]) -> Point:
    return replace(point, params=tuple((name, label) for (name, _), label in zip(point.params, labels, strict=True)))


def _legend(ax: Axes, groups: int, which: str = ", from least to most", below_pt: float = 0) -> None:
    """The legend, that of many series below the label of the axis, whose ticks are `below_pt` higher than a line."""
    options: dict[str, Any] = {}
    if groups > _MOST_INSIDE:
        dpi_scale = ax.get_figure(root=True).dpi_scale_trans  # type: ignore[union-attr]
        below = ax.transAxes + ScaledTranslation(0, -(_AXIS_PT + below_pt) / 72, dpi_scale)
        options = {"ncols": 2, "loc": "upper left", "bbox_to_anchor": (0, 0), "bbox_transform": below, "borderaxespad": 0}
    legend = ax.legend(fontsize=8, frameon=False, **options)
    if groups > _MOST_SERIES:
        legend.set_title(f"{_MOST_SERIES} of {groups} shown{which}", prop=FontProperties(size=8))
