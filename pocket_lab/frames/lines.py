"""A line profile as a frame."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from pocket_lab.records import LineCost, Record, Source


def lines_frame(records: Sequence[Record]) -> pd.DataFrame:
    """One row per line of each node, in the order of the source; `share` is of the time of all nodes together."""
    sources = {
        (record.file, number): text.rstrip()
        for record in records
        if isinstance(record, Source)
        for number, text in enumerate(record.lines, record.first)
    }
    rows = [
        {**{name: getattr(record, name) for name in ("node", "file", "line", "hits", "time_s")}}
        for record in records
        if isinstance(record, LineCost)
    ]
    frame = pd.DataFrame(rows, columns=["node", "file", "line", "hits", "time_s"])
    total = float(frame["time_s"].sum())
    frame["share"] = frame["time_s"] / total if total else 0.0
    frame["source"] = [sources.get(place, "") for place in zip(frame["file"], frame["line"], strict=True)]
    return frame
