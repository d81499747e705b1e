"""The runs of the history as a frame."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from pocket_lab.history.entry import Entry
from pocket_lab.stats.median_interval import NAN

MACHINE = "machine"  # the option of a run that keeps how fast its machine was: `reference_s`, and `where`
FEWEST_RUNS = 5
_COLUMNS = [
    *("id", "name", "verb", "target", "started_at", "seconds", "samples", "status", "tags", "command_line", "version"),
    *("reference_s", "machine_ratio"),
]


def history_frame(entries: Iterable[Entry]) -> pd.DataFrame:
    """One row per run of the history; `started_at` is in UTC, `seconds` NaN where the run never ended.

    `reference_s` are the CPU seconds of the reference workloads in the run, and `machine_ratio` is their ratio to the median of
    all runs on the same machine with the same interpreter; NaN without references, and for fewer than five such runs.
    """
    entries = list(entries)
    usual = _usual_speeds(entries)
    rows = [
        {
            "id": entry.id,
            "name": entry.name,
            "verb": entry.verb,
            "target": entry.target,
            "started_at": pd.Timestamp(entry.started_at, unit="s", tz="UTC").floor("ms"),
            "seconds": NAN if entry.ended_at is None else entry.ended_at - entry.started_at,
            "samples": entry.samples,
            "status": entry.status,
            "tags": ", ".join(entry.tags),
            "command_line": str(entry.options.get("command_line", "")),
            "version": entry.version,
            "reference_s": speed["reference_s"] if (speed := _speed_of(entry)) else NAN,
            "machine_ratio": speed["reference_s"] / usual.get(speed["where"], NAN) if speed else NAN,
        }
        for entry in entries
    ]
    return pd.DataFrame(rows, columns=_COLUMNS)


def earlier_speeds(entries: Iterable[Entry], speed: Mapping[str, Any] | None, run: int) -> list[float]:
    """`reference_s` of the runs before this one on the same machine with the same interpreter."""
    noted = [_speed_of(entry) for entry in entries if entry.id < run]
    return [] if speed is None else [one["reference_s"] for one in noted if one and one["where"] == speed.get("where")]


def _usual_speeds(entries: list[Entry]) -> dict[str, float]:
    """The median `reference_s` of each machine that has enough runs."""
    speeds: dict[str, list[float]] = {}
    for entry in entries:
        if speed := _speed_of(entry):
            speeds.setdefault(speed["where"], []).append(speed["reference_s"])
    return {where: float(pd.Series(runs).median()) for where, runs in speeds.items() if len(runs) >= FEWEST_RUNS}


def _speed_of(entry: Entry) -> Mapping[str, Any] | None:
    """`reference_s` and `where` of a run; None where it has none, or something else is stored in their stead."""
    speed = entry.options.get(MACHINE)
    if not isinstance(speed, dict) or not isinstance(speed.get("where"), str):
        return None
    seconds = speed.get("reference_s")
    return speed if isinstance(seconds, int | float) and 0 < seconds < math.inf else None
