"""A memory profile as a frame."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, fields

import pandas as pd

from pocket_lab.records import NodeMemory, Record


def memory_frame(records: Iterable[Record]) -> pd.DataFrame:
    """One row per node, largest own peak first; `peak_share` is its share of what was alive at the peak of the process."""
    rows = [asdict(record) for record in records if isinstance(record, NodeMemory)]
    columns = [field.name for field in fields(NodeMemory)]
    frame = pd.DataFrame(rows, columns=columns).drop(columns="point")
    frame.insert(3, "peak_share", frame["at_peak_bytes"] / max(int(frame["at_peak_bytes"].sum()), 1))
    order = [
        "node",
        "peak_bytes",
        "inclusive_peak_bytes",
        "peak_share",
        "allocations",
        "allocated_bytes",
        "temporary",
        "leaked_bytes",
    ]
    return frame.sort_values("peak_bytes", ascending=False, ignore_index=True)[order]
