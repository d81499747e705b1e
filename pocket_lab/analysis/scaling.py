"""Speed-up and efficiency over worker counts, from ratios within rounds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pocket_lab.frames.points import LOCATION_COLUMNS, indices_of, point_of
from pocket_lab.records.point import Point
from pocket_lab.stats.median_interval import FEWEST, NAN, Estimate, estimate_median

if TYPE_CHECKING:
    from numpy.typing import NDArray

Throughputs = Mapping[Point, "pd.Series[float]"]

_SERIES = ["target", *(name for name in LOCATION_COLUMNS if name != "workers")]
_COLUMNS = ["speedup", "speedup_low", "speedup_high", "efficiency"]
_MANY, _WIDER = 15, 0.12
_WIDEST = 4.0
_UNKNOWN = Estimate(NAN, NAN, NAN)


def log_throughputs(samples: pd.DataFrame) -> dict[Point, pd.Series[float]]:
    """The logarithm of the items a second of each point, by round, from a `samples_frame`.

    Warm-ups and failed batches are left out, and so are open loops, whose throughput is the given rate. A window in which no
    request was answered has -inf.
    """
    timed = samples[samples["kind"].isin(["usual", "mild", "severe"]) & (samples["wall_s"] > 0) & samples["rate"].isna()]
    with np.errstate(divide="ignore"):
        logs = np.log(timed["items"].to_numpy(float)) - np.log(timed["wall_s"].to_numpy(float))
    rounds = timed["round"].to_numpy()
    return {point: _by_round(rounds[rows], logs[rows]) for point, rows in indices_of(timed).items()}


def add_speedup(frame: pd.DataFrame, throughputs: Throughputs) -> pd.DataFrame:
    """The frame with `speedup`, its 95 % interval and `efficiency` after `throughput_per_s`.

    The baseline of points that differ in workers only is the one with the fewest workers that has at least six rounds: its
    speed-up is 1 and has no interval. Speed-up is the `throughput_ratio` against it, NaN without an interval, or with
    one whose upper end is over four times the lower, which tells nothing; efficiency is
    speed-up x workers of the baseline / workers. NaN in an open loop, where the throughput is the given rate.
    """
    points = [point_of(row) for row in frame.to_dict("records")]
    baselines: dict[tuple[Any, ...], Point] = {}
    for point in sorted(points, key=lambda point: point.workers):
        if len(throughputs.get(point, ())) >= FEWEST:
            baselines.setdefault(_series_of(point), point)
    figures = [_figures(point, baselines.get(_series_of(point)), throughputs) for point in points]
    frame = frame.copy()
    position = list(frame.columns).index("throughput_per_s") + 1
    for offset, name in enumerate(_COLUMNS):
        frame.insert(position + offset, name, np.array([row[offset] for row in figures], dtype=float))
    return frame


def throughput_ratio(point: Point, other: Point, throughputs: Throughputs) -> Estimate:
    """How many times the throughput of another point this one has, with its 95 % interval; NaN below six common rounds.

    The median of the ratios of both within rounds, between which the machine may change its speed. Their interval is that of
    a median of logarithms (`estimate_median`), widened below 15 rounds, to the double at six: if each point has slow noise of
    its own, correlated by 0.6 between rounds, it would miss the true ratio of six rounds in 20 % of the cases, and so misses it
    in 5 %. With drifts, two speeds of the machine, skewed noise or spikes it misses in less than 4 % even without that.
    """
    if not {point, other} <= throughputs.keys():
        return _UNKNOWN
    logs = (throughputs[point] - throughputs[other]).dropna()
    if len(logs) < FEWEST or not np.isfinite(logs).all():
        return _UNKNOWN
    value, low, high = estimate_median(logs.to_list())
    wider = 1 + _WIDER * max(_MANY - len(logs), 0)
    return Estimate(math.exp(value), math.exp(value - wider * (value - low)), math.exp(value + wider * (high - value)))


def _figures(point: Point, baseline: Point | None, throughputs: Throughputs) -> tuple[float, float, float, float]:
    if baseline is None:
        return NAN, NAN, NAN, NAN
    ratio = Estimate(1.0, NAN, NAN) if point == baseline else throughput_ratio(point, baseline, throughputs)
    if ratio.high > _WIDEST * ratio.low:
        ratio = _UNKNOWN
    return *ratio, ratio.value * baseline.workers / point.workers


def _series_of(point: Point) -> tuple[Any, ...]:
    return tuple(getattr(point, name) for name in _SERIES)


def _by_round(rounds: NDArray[Any], logs: NDArray[np.float64]) -> pd.Series[float]:
    """The values by round; of two values of a round, the later one."""
    numbers, last = np.unique(rounds[::-1], return_index=True)
    return pd.Series(logs[::-1][last], index=numbers)
