"""What a monitor has counted, as a table of text."""

from __future__ import annotations

import pandas as pd

from pocket_lab.units import format_count, format_duration, format_percent
from pocket_lab.view.text.table import Cell, TextTable, cells_table, shorten


def traffic_table(frame: pd.DataFrame) -> TextTable:
    """Visits, errors, latencies and throughput per node; the graph too if two graphs have nodes of one name."""
    cells: dict[str, Cell] = {
        "node": lambda row: shorten(row["node"]),
        "graph": lambda row: shorten(row["graph"]),
        "visits": lambda row: format_count(row["executions"]),
        "errors": lambda row: format_count(row["errors"]),
        "error rate": lambda row: format_percent(row["error_rate"]),
        "p50": lambda row: format_duration(row["p50_s"]),
        "p95": lambda row: format_duration(row["p95_s"]),
        "p99": lambda row: format_duration(row["p99_s"]),
        "mean": lambda row: format_duration(row["mean_s"]),
        "per s": lambda row: format_count(row["throughput_per_s"]),
        "last": lambda row: row["last_at"].to_pydatetime().astimezone().strftime("%H:%M:%S"),
    }
    if not frame["node"].duplicated().any():
        del cells["graph"]
    return cells_table(frame, cells, frozenset({"node", "graph"}))
