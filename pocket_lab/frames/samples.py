"""Samples as a frame, each with its kind: warm-up, usual, outlier, failed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from pocket_lab.frames.points import POINT_COLUMNS, Key, key_of, point_columns, with_sizes
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Latency, Sample
from pocket_lab.stats.histogram import Histogram
from pocket_lab.stats.median_interval import NAN
from pocket_lab.stats.stationarity import outliers, warm_up

SAMPLE_COLUMNS = ["round", "loops", "wall_s", "cpu_s", "items", "error"]
Columns = Mapping[str, Any]  # lists or arrays


def samples_frame(records: Iterable[Record], columns: Columns | None = None) -> pd.DataFrame:
    """One row per Sample, in the order in which they were made; `columns` holds them where they are not among the records.

    `run_s` is the time of one run (under load the median latency of the batch); `kind` is "warm-up", "failed", or Tukey's
    class of an outlier: "usual", "mild" or "severe". Only warm-ups and failures are left out of the figures.
    """
    kept = list(records)
    if columns is None:
        found = [record for record in kept if isinstance(record, Sample)]
        columns = {name: [getattr(sample.point, name) for sample in found] for name in POINT_COLUMNS}
        columns |= {name: [getattr(sample, name) for sample in found] for name in SAMPLE_COLUMNS}
    frame = pd.DataFrame({name: columns[name] for name in [*POINT_COLUMNS[1:], *SAMPLE_COLUMNS, POINT_COLUMNS[0]]})
    return with_sizes(classed(frame, latencies_of(kept)))


def classed(frame: pd.DataFrame, latencies: dict[Key, dict[int, Latency]]) -> pd.DataFrame:
    """The frame with `run_s` and `kind`."""
    loops = frame["loops"].to_numpy(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        run_s = np.where(loops > 0, frame["wall_s"].to_numpy(float) / loops, NAN)
    kind = np.where(frame["error"].notna(), "failed", np.where(frame["round"] == 0, "warm-up", "usual")).astype(object)
    rounds = frame["round"].to_numpy()
    places_of: dict[Any, Any] = frame.groupby(POINT_COLUMNS, dropna=False, sort=False).indices
    for key, places in places_of.items():
        told = latencies.get(key_of(*key), {})
        for place in places if told else ():
            latency = told.get(int(rounds[place]))
            run_s[place] = NAN if latency is None else Histogram(latency.histogram).quantile(0.5)
        steady = places[(kind[places] == "usual") & ~np.isnan(run_s[places])]
        early = warm_up(run_s[steady])
        kind[steady[:early]] = "warm-up"
        kind[steady[early:]] = outliers(run_s[steady[early:]])
    return frame.assign(run_s=run_s, kind=pd.Series(kind, dtype=object))


def without_warm_up(samples: pd.DataFrame) -> pd.DataFrame:
    """The rows of a samples frame that the figures rest on: no failures, and warm-ups only of points that have nothing else."""
    timed = samples[samples["kind"] != "failed"]
    is_late = timed["kind"] != "warm-up"
    has_late = is_late.groupby([timed[name] for name in POINT_COLUMNS], dropna=False).transform("any")
    return timed[is_late | ~has_late.astype(bool)]


def latencies_of(records: Iterable[Record]) -> dict[Key, dict[int, Latency]]:
    """By point and round."""
    found: dict[Key, dict[int, Latency]] = {}
    for record in records:
        if isinstance(record, Latency):
            found.setdefault(key_of(*point_columns(record.point).values()), {})[record.round] = record
    return found
