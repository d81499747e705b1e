"""The reference workloads of a run as a frame: how fast the machine was, second by second."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from pocket_lab.records.record import Record
from pocket_lab.records.samples import Reference

WORKLOADS = ["memory_s", "integers_s", "matrix_s"]
_COLUMNS = ["round", "at_s", *WORKLOADS]
_LOW, _HIGH = 0.01, 0.97


def references_frame(records: Iterable[Record]) -> pd.DataFrame:
    """One row per round that measured the reference workloads: round, `at_s` since the first one, CPU seconds of each.

    The time of a run that was resumed goes on where the part before it ended.
    """
    rows = [[getattr(record, name) for name in _COLUMNS] for record in records if isinstance(record, Reference)]
    frame = pd.DataFrame(rows, columns=_COLUMNS, dtype=float).astype({"round": int})
    steps = frame["at_s"].diff()
    frame["at_s"] += (frame["at_s"].shift() - frame["at_s"]).where(steps < 0, 0.0).cumsum()
    return frame


def seconds_of_rounds(rounds: Any, references: pd.DataFrame) -> Any:
    """When these rounds were, in the seconds of `references`: interpolated for a round without them."""
    return np.interp(np.asarray(rounds, float), references["round"].to_numpy(float), references["at_s"].to_numpy(float))


def clipped_logs(seconds: Any) -> Any:
    """The logs of times, without the extremes of disturbed ones: clipped at the 1st and 97th percentile."""
    logs = np.log(np.asarray(seconds, float))
    return np.clip(logs, *np.quantile(logs, [_LOW, _HIGH])) if len(logs) else logs


def speed_by_second(references: pd.DataFrame) -> pd.DataFrame:
    """The mean log of each workload in each second of the run; the index is the second."""
    logs = pd.DataFrame({name: clipped_logs(references[name]) for name in WORKLOADS})
    return logs.groupby(np.floor(references["at_s"].to_numpy(float)).astype(int)).mean()


def reference_seconds(references: pd.DataFrame) -> float:
    """CPU seconds of the reference workloads in a run: the geometric mean over the three; NaN where there are none."""
    usable = references[(references[WORKLOADS] > 0).all(axis=1)]
    return float(np.exp(speed_by_second(usable).mean().mean())) if len(usable) else float("nan")
