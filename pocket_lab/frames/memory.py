"""A memory profile as frames: nodes, lines, whole runs, and time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from pocket_lab.frames.lines import source_texts
from pocket_lab.frames.points import location_in, point_frame
from pocket_lab.records.memory import HeapPoint, LineMemory, NodeActivity, NodeMemory, RunMemory
from pocket_lab.records.record import Record

_TOTALS = ["allocations", "allocated_bytes", "temporary", "leaked_bytes"]
_PROCESSES = ["process_peak_bytes", "processes"]
_NODE_COLUMNS = ["node", "peak_bytes", "inclusive_peak_bytes", "at_peak_bytes", *_TOTALS, *_PROCESSES]
_RUN_COLUMNS = ["peak_bytes", *_TOTALS, *_PROCESSES, "begun_at", "wall_s"]
_LINE_COLUMNS = ["node", "file", "line", "allocations", "allocated_bytes", "peak_bytes", "at_peak_bytes", *_TOTALS[2:]]


def memory_frame(records: Iterable[Record]) -> pd.DataFrame:
    """One row per point and node, at each point the largest own peak first.

    `peak_share` is the node's share of what was alive at the peak of the process.
    """
    frame = point_frame(records, NodeMemory, _NODE_COLUMNS)
    whole = frame.groupby(location_in(frame), dropna=False)["at_peak_bytes"].transform("sum")
    frame["at_peak_bytes"] = (frame["at_peak_bytes"] / whole.where(whole > 0)).fillna(0.0)
    frame = frame.rename(columns={"at_peak_bytes": "peak_share"})
    point = frame.groupby(location_in(frame), dropna=False, sort=False).ngroup()
    order = pd.DataFrame({"point": point, "peak": -frame["peak_bytes"]}).sort_values(["point", "peak"], kind="stable").index
    return frame.loc[order].reset_index(drop=True)


def runs_memory_frame(records: Iterable[Record]) -> pd.DataFrame:
    """One row per point: peak of the whole run, allocations, bytes left, start (Unix time), duration."""
    return point_frame(records, RunMemory, _RUN_COLUMNS)


def memory_lines_frame(records: Sequence[Record]) -> pd.DataFrame:
    """One row per point and line of a node that allocated, at each node first the line with most of its own peak."""
    frame = point_frame(records, LineMemory, _LINE_COLUMNS)
    sources = source_texts(records)
    frame.insert(3, "source", [sources.get(position, "") for position in zip(frame["file"], frame["line"], strict=True)])
    keys = frame.groupby([*location_in(frame), "node"], dropna=False, sort=False).ngroup()
    order = pd.DataFrame({"node": keys, "peak": -frame["peak_bytes"], "all": -frame["allocated_bytes"]})
    order = order.sort_values(["node", "peak", "all"], kind="stable")
    return frame.loc[order.index].reset_index(drop=True)


def timeline_frame(records: Iterable[Record]) -> pd.DataFrame:
    """One row per point and moment (every 10 ms): seconds since the run began, bytes alive in it, resident bytes."""
    return point_frame(records, HeapPoint, ["at_s", "heap_bytes", "rss_bytes"])


def activity_frame(records: Iterable[Record]) -> pd.DataFrame:
    """One row per point, node and interval in which its calls ran, in seconds since the run began."""
    return point_frame(records, NodeActivity, ["node", "start_s", "end_s"])
