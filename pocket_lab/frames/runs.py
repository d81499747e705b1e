"""The runs of the history as a frame."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from pocket_lab.history.entry import Entry
from pocket_lab.stats.median_interval import NAN


def history_frame(entries: Iterable[Entry]) -> pd.DataFrame:
    """One row per run of the history; `started_at` is in UTC, `seconds` NaN where the run never ended."""
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
            "command_line": entry.options.get("command_line", ""),
            "version": entry.version,
        }
        for entry in entries
    ]
    columns = ["id", "name", "verb", "target", "started_at", "seconds", "samples", "status", "tags", "command_line", "version"]
    return pd.DataFrame(rows, columns=columns)
