"""A monitor's counts as frames: a row per node, and the visits of the window over time."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from pocket_lab.records.record import Record
from pocket_lab.records.traffic import NodeTraffic
from pocket_lab.stats.histogram import Histogram
from pocket_lab.stats.median_interval import NAN

_FEWEST_FOR_P95, _FEWEST_FOR_P99 = 20, 100
_COLUMNS = [
    "node",
    "executions",
    "errors",
    "error_rate",
    "p50_s",
    "p95_s",
    "p99_s",
    "mean_s",
    "last_at",
    "throughput_per_s",
    "window_s",
    "graph",
]


def traffic_frame(records: Iterable[Record]) -> pd.DataFrame:
    """One row per node of each graph, in the order in which they were first seen.

    Seconds; `last_at` in UTC; `throughput_per_s` is the number of visits that ended within the last `window_s`: the window, or
    less where the monitor began later (NaN until a sixtieth of the window has passed). The percentiles are exact to 1 % and
    include all visits since the monitor began, failed ones too; p95 and p99 are NaN below 20 and 100 visits.
    """
    rows = []
    for record in records:
        if isinstance(record, NodeTraffic):
            histogram = Histogram(record.histogram)
            rows.append(
                {
                    "node": record.node,
                    "executions": record.executions,
                    "errors": record.errors,
                    "error_rate": record.errors / record.executions,
                    "p50_s": histogram.quantile(0.5),
                    "p95_s": histogram.quantile(0.95) if histogram.count >= _FEWEST_FOR_P95 else NAN,
                    "p99_s": histogram.quantile(0.99) if histogram.count >= _FEWEST_FOR_P99 else NAN,
                    "mean_s": record.total_s / record.executions,
                    "last_at": pd.Timestamp(record.last_at, unit="s", tz="UTC").floor("us"),
                    "throughput_per_s": _throughput(record),
                    "window_s": record.window_s,
                    "graph": record.graph,
                }
            )
    return pd.DataFrame(rows, columns=_COLUMNS)


def _throughput(record: NodeTraffic) -> float:
    """Visits a second in the window, or since the monitor began, which must not have been a moment ago."""
    return sum(count for _, count in record.recent) / record.window_s if record.window_s >= record.slot_s else NAN


def recent_frame(records: Iterable[Record]) -> pd.DataFrame:
    """One row per node and slot of the window: visits a second, `at_s` (the middle of the slot, relative to now, negative).

    A slot without visits has a row of zero; the current slot, which is incomplete, and slots before the monitor began have no
    row.
    """
    rows = []
    for record in records:
        if isinstance(record, NodeTraffic):
            visits = dict(record.recent)
            oldest = -int(record.window_s / record.slot_s)
            for slot in range(oldest, 0):
                per_s = visits.get(slot, 0) / record.slot_s
                rows.append({"node": record.node, "graph": record.graph, "at_s": (slot + 0.5) * record.slot_s, "per_s": per_s})
    return pd.DataFrame(rows, columns=["node", "graph", "at_s", "per_s"])
