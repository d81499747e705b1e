"""Samples as a frame, each with its kind: warm-up, usual, outlier, failed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from pocket_lab.frames.points import POINT_COLUMNS, point_of, with_point_types
from pocket_lab.records.point import Point
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Latency, Sample
from pocket_lab.stats.run_time import run_seconds, run_seconds_array
from pocket_lab.stats.stationarity import outliers, warm_up

SAMPLE_COLUMNS = ["round", "loops", "wall_s", "cpu_s", "items", "error"]
Columns = Mapping[str, Any]  # lists or arrays


def samples_frame(records: Iterable[Record], columns: Columns | None = None) -> pd.DataFrame:
    """One row per Sample, in the order in which they were made; `columns` has the samples where the records have none.

    `run_s` and `cpu_run_s` are the wall and CPU seconds of one run; under load `run_s` is the median latency of the window,
    NaN where no request was answered. `kind` is "warm-up", "failed", or Tukey's class of an outlier: "usual", "mild" or
    "severe". Only warm-ups and failures are excluded from the figures.
    """
    kept = list(records)
    if columns is None:
        found = [record for record in kept if isinstance(record, Sample)]
        columns = {name: [getattr(sample.point, name) for sample in found] for name in POINT_COLUMNS}
        columns |= {name: [getattr(sample, name) for sample in found] for name in SAMPLE_COLUMNS}
    frame = pd.DataFrame({name: columns[name] for name in [*POINT_COLUMNS[1:], *SAMPLE_COLUMNS, POINT_COLUMNS[0]]})
    return classify(with_point_types(frame), latencies_of(kept))


def classify(frame: pd.DataFrame, latencies: Mapping[Point, Mapping[int, Latency]]) -> pd.DataFrame:
    """The frame with `run_s`, `cpu_run_s` and `kind`."""
    loops = frame["loops"].to_numpy(float)
    run_s = run_seconds_array(frame["wall_s"].to_numpy(float), loops)
    cpu_run_s = run_seconds_array(frame["cpu_s"].to_numpy(float), loops)
    kind = np.where(frame["error"].notna(), "failed", np.where(frame["round"] == 0, "warm-up", "usual")).astype(object)
    rounds = frame["round"].to_numpy()
    indices_of: dict[Any, Any] = frame.groupby(POINT_COLUMNS, dropna=False, sort=False).indices
    for key, indices in indices_of.items():
        point = point_of(dict(zip(POINT_COLUMNS, key, strict=True)))
        if point.drive == "load":
            windows = latencies.get(point, {})
            for index in indices:
                latency = windows.get(int(rounds[index]))
                run_s[index] = run_seconds(0.0, 0, () if latency is None else latency.histogram)
        timed = indices[(kind[indices] == "usual") & ~np.isnan(run_s[indices])]
        early = warm_up(run_s[timed])
        kind[timed[:early]] = "warm-up"
        kind[timed[early:]] = outliers(run_s[timed[early:]])
    return frame.assign(run_s=run_s, cpu_run_s=cpu_run_s, kind=pd.Series(kind, dtype=object))


def without_warm_up(samples: pd.DataFrame) -> pd.DataFrame:
    """The rows of a samples frame behind the figures: no failures, and warm-ups only of points that have nothing else."""
    timed = samples[samples["kind"] != "failed"]
    is_late = timed["kind"] != "warm-up"
    has_late = is_late.groupby([timed[name] for name in POINT_COLUMNS], dropna=False).transform("any")
    return timed[is_late | ~has_late.astype(bool)]


def latencies_of(records: Iterable[Record]) -> dict[Point, dict[int, Latency]]:
    """The Latency records by point and round."""
    found: dict[Point, dict[int, Latency]] = {}
    for record in records:
        if isinstance(record, Latency):
            found.setdefault(record.point, {})[record.round] = record
    return found
