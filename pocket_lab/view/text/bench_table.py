"""A bench as a table of text."""

from __future__ import annotations

from typing import Any

import pandas as pd

from pocket_lab.analysis.precision import FIGURE_COLUMNS, figures_of
from pocket_lab.units import format_count, format_duration, format_interval
from pocket_lab.view.text.point_cells import param_cells, size_cell
from pocket_lab.view.text.table import Cell, TextTable, cells_table


def bench_table(frame: pd.DataFrame) -> TextTable:
    """Size x workers with the median time and its interval, throughput and speed-up; the first 40 rows.

    If the figures of some points are CPU times, the clock of each and the wall time too. A point that only had its first
    run has the time of that, named as such, and no figures. Under load the percentiles of the latency too; errors only if there
    are any.
    """
    figures = figures_of(frame)
    columns: dict[str, Cell] = {
        **param_cells(frame),
        "size": size_cell,
        "executor": lambda row: str(row["executor"]),
        "workers": lambda row: str(row["workers"]),
        "time": _time_cell,
        "95 % interval": lambda row: format_interval(row["low_s"], row["high_s"]),
        "clock": _clock_cell,
        "wall": lambda row: format_duration(row["wall_s"]),
        "p95": lambda row: format_duration(row["p95_s"]),
        "p99": lambda row: format_duration(row["p99_s"]),
        "per s": lambda row: format_count(row["throughput_per_s"]),
        "speed-up": _speedup_cell,
        "errors": lambda row: format_count(row["errors"]),
        "rounds": lambda row: str(row["rounds"]),
        "status": lambda row: str(row["status"]),
    }
    is_load, on_cpu = (frame["drive"] == "load").any(), (figures["basis"] == "cpu").any()
    left_out = {*(() if is_load else ("p95", "p99")), *(() if on_cpu else ("clock", "wall"))}
    left_out |= set() if frame["errors"].any() else {"errors"}
    shown = {header: cell for header, cell in columns.items() if header not in left_out}
    return cells_table(
        frame.assign(**{name: figures[name] for name in FIGURE_COLUMNS}), shown, frozenset({"executor", "clock", "status"})
    )


def format_speedup(speedup: float, low: float, high: float) -> str:
    """A speed-up with its interval: "1.80x [1.71, 1.88]"."""
    return f"{speedup:.2f}x [{low:.2f}, {high:.2f}]"


def _time_cell(row: dict[Any, Any]) -> str:
    first_run_s = row.get("first_run_s", float("nan"))
    if row["rounds"] == 0 and first_run_s == first_run_s:
        return f"first run {format_duration(first_run_s)}"
    return format_duration(row["value_s"])


def _clock_cell(row: dict[Any, Any]) -> str:
    return "–" if pd.isna(row["value_s"]) else "CPU" if row["basis"] == "cpu" else "wall"


def _speedup_cell(row: dict[Any, Any]) -> str:
    if pd.isna(row["speedup"]):
        return "–"
    if pd.isna(row["speedup_low"]):
        return "1x"
    return format_speedup(row["speedup"], row["speedup_low"], row["speedup_high"])
