"""Samples as a frame, each with its kind: first run, warm-up, usual, outlier, failed; and the clock to read them on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pocket_lab.frames.points import POINT_COLUMNS, indices_of, with_point_types
from pocket_lab.records.point import Point, column_of
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Latency, Sample, Waits
from pocket_lab.stats.cpu_bound import is_cpu_bound_at, share_waiting
from pocket_lab.stats.median_interval import NAN
from pocket_lab.stats.run_time import run_seconds, run_seconds_array
from pocket_lab.stats.stationarity import outliers, warm_up

SAMPLE_COLUMNS = ["round", "loops", "wall_s", "cpu_s", "items", "error"]
FIGURES = ("usual", "mild", "severe")
Columns = Mapping[str, Any]  # lists or arrays


def samples_frame(records: Iterable[Record], columns: Columns | None = None) -> pd.DataFrame:
    """One row per Sample, in the order in which they were made; `columns` has the samples where the records have none.

    `run_s` and `cpu_run_s` are the wall and CPU seconds of one run; under load `run_s` is the median latency of the window,
    NaN where no request was answered. `kind` is "first run" (round 0), "warm-up", "failed", or Tukey's class of an outlier on
    the clock of the point: "usual", "mild" or "severe". Only these three take part in the figures.
    """
    kept = list(records)
    if columns is None:
        found = [record for record in kept if isinstance(record, Sample)]
        columns = {name: [column_of(sample.point, name) for sample in found] for name in POINT_COLUMNS}
        columns |= {name: [getattr(sample, name) for sample in found] for name in SAMPLE_COLUMNS}
    if "params" not in columns:
        columns = {**columns, "params": [""] * len(columns["round"])}
    frame = pd.DataFrame({name: columns[name] for name in [*POINT_COLUMNS[1:], *SAMPLE_COLUMNS, POINT_COLUMNS[0]]})
    on_cpu = {point for point, spent in time_spent(kept).items() if spent.is_cpu_bound}
    return _classify(with_point_types(frame), latencies_of(kept), on_cpu)


def _classify(frame: pd.DataFrame, latencies: Mapping[Point, Mapping[int, Latency]], on_cpu: Collection[Point]) -> pd.DataFrame:
    """The frame with `run_s`, `cpu_run_s` and `kind`."""
    loops = frame["loops"].to_numpy(float)
    run_s = run_seconds_array(frame["wall_s"].to_numpy(float), loops)
    cpu_run_s = run_seconds_array(frame["cpu_s"].to_numpy(float), loops)
    kind = np.where(frame["error"].notna(), "failed", np.where(frame["round"] == 0, "first run", "usual")).astype(object)
    rounds = frame["round"].to_numpy()
    for point, indices in indices_of(frame).items():
        if point.drive == "load":
            windows = latencies.get(point, {})
            for index in indices:
                latency = windows.get(int(rounds[index]))
                run_s[index] = run_seconds(0.0, 0, () if latency is None else latency.histogram)
        timed = indices[(kind[indices] == "usual") & ~np.isnan(run_s[indices])]
        settling_s = (cpu_run_s if point in on_cpu else run_s)[timed]
        early = warm_up(settling_s)
        kind[timed[:early]] = "warm-up"
        kind[timed[early:]] = outliers(settling_s[early:])
    return frame.assign(run_s=run_s, cpu_run_s=cpu_run_s, kind=pd.Series(kind, dtype=object))


def without_warm_up(samples: pd.DataFrame) -> pd.DataFrame:
    """The rows of a samples frame behind the figures: no first runs, no warm-ups, no failures."""
    return samples[samples["kind"].isin(FIGURES)]


class TimeSpent(NamedTuple):
    """What the workers of a point did in its batches: shares of their time, NaN where the system does not report them.

    `waits`: neither running nor ready to run, for the world, a lock or each other. `queued`: ready, and no core was free, at
    most the time in which they did not run: the thread or process that waits for them may be ready beside them.
    """

    waits: float
    queued: float
    is_cpu_bound: bool


def time_spent(records: Iterable[Record]) -> dict[Point, TimeSpent]:
    """The TimeSpent of each point that has Waits; the CPU clock is the better one where the one worker `is_cpu_bound`."""
    found: dict[Point, list[Waits]] = {}
    for record in records:
        if isinstance(record, Waits) and record.batches:
            found.setdefault(record.point, []).append(record)
    return {point: _shares(point, waits) for point, waits in found.items()}


def _shares(point: Point, parts: Sequence[Waits]) -> TimeSpent:
    wall_s, cpu_s, queued_s = (sum(getattr(part, name) for part in parts) for name in ("wall_s", "cpu_s", "queued_s"))
    switches = sum(part.switches for part in parts) / sum(part.batches for part in parts)
    waits = share_waiting(wall_s, cpu_s, queued_s, point.workers)
    is_bound = point.drive != "load" and is_cpu_bound_at(point.workers, point.executor, waits, switches)
    if not wall_s or queued_s != queued_s:
        return TimeSpent(NAN, NAN, is_bound)
    idle = max(0.0, 1 - cpu_s / (wall_s * point.workers))
    return TimeSpent(max(0.0, waits), min(queued_s / (wall_s * point.workers), idle), is_bound)


def latencies_of(records: Iterable[Record]) -> dict[Point, dict[int, Latency]]:
    """The Latency records by point and round."""
    found: dict[Point, dict[int, Latency]] = {}
    for record in records:
        if isinstance(record, Latency):
            found.setdefault(record.point, {})[record.round] = record
    return found
