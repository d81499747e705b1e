"""A leak report as frames: resources that were left, memory by run, and the lines that keep it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import pandas as pd

from pocket_lab.frames.points import LOCATION_COLUMNS, location_columns, point_frame, with_point_types
from pocket_lab.records.leaks import Filling, Leftover, MemoryReading, Retained, TracedMemory
from pocket_lab.records.record import Record

_RESOURCE = ["kind", "name", "run", "node", "function", "file", "line", "process"]
_MEMORY = ["run", "process", "blocks", "heap_bytes", "rss_bytes", "traced_bytes", "is_further"]
_FILLING = ["name", "entries", "limit", "per_run", "bytes_per_run"]
_LINE = ["node", "file", "line", "bytes_per_run", "blocks_per_run"]


def leftovers_frame(records: Iterable[Record]) -> pd.DataFrame:
    """One row per resource that still exists after the last run; `run` is the run after which it was first seen."""
    return point_frame(records, Leftover, _RESOURCE)


def memory_series(records: Iterable[Record]) -> pd.DataFrame:
    """One row per run and process: blocks, bytes of malloc, resident bytes; tracemalloc's counts have separate rows.

    `process` is "main" for the measuring process, "worker" for the sum of the worker processes, "traced" for a second pass.
    """
    rows: list[dict[str, Any]] = []
    for record in records:
        if isinstance(record, MemoryReading):
            rows.append({**asdict(record), **location_columns(record.point)})
        elif isinstance(record, TracedMemory):
            rows.append({**asdict(record), "process": "traced", "is_further": False, **location_columns(record.point)})
    frame = pd.DataFrame(rows, columns=[*_MEMORY, *LOCATION_COLUMNS])
    return with_point_types(frame.astype(dict.fromkeys(_MEMORY[2:-1], float) | {"is_further": bool}))


def retained_frame(records: Iterable[Record]) -> pd.DataFrame:
    """One row per source line that keeps memory from run to run, the most first."""
    return point_frame(records, Retained, _LINE)


def filling_frame(records: Iterable[Record]) -> pd.DataFrame:
    """One row per bounded container that the runs were still filling."""
    return point_frame(records, Filling, _FILLING)
