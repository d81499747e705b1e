"""A trace as frames: its spans, and the time of each node."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from statistics import median
from typing import Any

import pandas as pd

from pocket_lab.frames.points import LOCATION_COLUMNS, location_columns, with_point_types
from pocket_lab.profile.trace.self_time import node_times, self_times
from pocket_lab.records.point import Point, column_of
from pocket_lab.records.record import Record
from pocket_lab.records.spans import NodeTime, Span, Traced
from pocket_lab.stats.median_interval import estimate_median

SPAN_COLUMNS = [field.name for field in fields(Span) if field.name != "point"]
PHASES = ("prep", "exec", "post", "yield", "retry", "queue")
_WHOLE = ("parent", "item")


def spans_frame(records: Sequence[Record]) -> pd.DataFrame:
    """One row per Span, by point and start; `self_s` excludes the spans inside it and the cost of the instrument."""
    own: list[float] = []
    kept: list[Span] = []
    for traced, spans in by_point(records):
        seconds = self_times(spans, traced.inside_s, traced.outside_s)
        own += [seconds[span.id] for span in spans]
        kept += spans
    frame = pd.DataFrame({name: [getattr(span, name) for span in kept] for name in SPAN_COLUMNS}, columns=SPAN_COLUMNS)
    frame = frame.astype(dict.fromkeys(_WHOLE, "Int64"))
    frame["self_s"] = own
    for name in LOCATION_COLUMNS:
        frame[name] = [column_of(span.point, name) for span in kept]
    return with_point_types(frame)


def traced_nodes_frame(records: Sequence[Record]) -> pd.DataFrame:
    """One row per point and node, in the order in which the nodes began.

    `wall_s` is its self time in all phases, `share` is of the time of all nodes. Its parts are `prep_s`, `exec_s`, `post_s`,
    `yield_s` (the work of its generators, inside the nodes that consume them) and `retry_s`; `queue_s` is the waiting time of
    the items that begin with it.
    """
    rows = []
    for traced, spans in by_point(records):
        nodes = node_times(spans, traced.inside_s, traced.outside_s)
        total_s = sum(times.wall_s for times in nodes.values())
        for node, times in nodes.items():
            row = {"node": node, "calls": times.calls, "wall_s": times.wall_s}
            row["share"] = times.wall_s / total_s if total_s else 0.0
            row |= {f"{phase}_s": times.phases.get(phase, 0.0) for phase in PHASES}
            rows.append({**row, "errors": times.errors, **location_columns(traced.point)})
    columns = ["node", "calls", "wall_s", "share", *(f"{phase}_s" for phase in PHASES), "errors", *LOCATION_COLUMNS]
    return with_point_types(pd.DataFrame(rows, columns=columns))


def node_times_frame(records: Iterable[Record]) -> pd.DataFrame:
    """One row per point and node of a bench: medians over its `runs` with spans, without the first one if there are more.

    `share` is of the time of all nodes together, with the 95 % interval `share_low` to `share_high` of its median, from six
    runs on. Calls and errors are those of the last run.
    """
    runs: dict[tuple[Point, str], list[NodeTime]] = {}
    for record in records:
        if isinstance(record, NodeTime):
            runs.setdefault((record.point, record.node), []).append(record)
    rows = [_node_row(of_node[1:] or of_node) for of_node in runs.values()]
    columns = ["node", "calls", "wall_s", "share", "share_low", "share_high", "queue_s", "errors", "runs", *LOCATION_COLUMNS]
    return with_point_types(pd.DataFrame(rows, columns=columns))


def _node_row(runs: Sequence[NodeTime]) -> dict[str, Any]:
    last, share = runs[-1], estimate_median([run.share for run in runs])
    wall_s, queue_s = (median(getattr(run, name) for run in runs) for name in ("wall_s", "queue_s"))
    row = {"node": last.node, "calls": last.calls, "wall_s": wall_s, "share": share.value}
    row |= {"share_low": share.low, "share_high": share.high, "queue_s": queue_s, "errors": last.errors, "runs": len(runs)}
    return {**row, **location_columns(last.point)}


def by_point(records: Iterable[Record]) -> Iterator[tuple[Traced, list[Span]]]:
    """The traced points with their spans; of a point that was traced twice, only the last trace.

    Spans before the record of their trace are left out: it has the cost of the instrument, without which they mean little.
    """
    found: dict[Point, tuple[Traced, list[Span]]] = {}
    for record in records:
        if isinstance(record, Traced):
            found[record.point] = (record, [])
        elif isinstance(record, Span) and record.point in found:
            found[record.point][1].append(record)
    yield from found.values()
