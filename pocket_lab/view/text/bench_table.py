"""A bench as a table of text."""

from __future__ import annotations

import pandas as pd

from pocket_lab.units import format_count, format_duration, format_interval
from pocket_lab.view.text.point_cells import size_cell
from pocket_lab.view.text.table import Cell, TextTable, cells_table


def bench_table(frame: pd.DataFrame) -> TextTable:
    """Size x workers with the median time and its interval, throughput and speed-up; the first 40 rows.

    Under load the percentiles of the latency too; errors only if there are any.
    """
    columns: dict[str, Cell] = {
        "size": size_cell,
        "executor": lambda row: str(row["executor"]),
        "workers": lambda row: str(row["workers"]),
        "time": lambda row: format_duration(row["wall_s"]),
        "95 % interval": lambda row: format_interval(row["wall_low_s"], row["wall_high_s"]),
        "p95": lambda row: format_duration(row["p95_s"]),
        "p99": lambda row: format_duration(row["p99_s"]),
        "per s": lambda row: format_count(row["throughput_per_s"]),
        "speed-up": lambda row: "–" if pd.isna(row["speedup"]) else f"{row['speedup']:.2f}x",
        "errors": lambda row: format_count(row["errors"]),
        "rounds": lambda row: str(row["rounds"]),
        "status": lambda row: str(row["status"]),
    }
    is_load = (frame["drive"] == "load").any()
    left_out = {*(() if is_load else ("p95", "p99")), *(() if frame["errors"].any() else ("errors",))}
    shown = {header: cell for header, cell in columns.items() if header not in left_out}
    return cells_table(frame, shown, frozenset({"executor", "status"}))
