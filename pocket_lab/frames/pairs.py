"""A comparison as frames: the rounds of each pair, and the status and waits of its sides."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from pocket_lab.frames.points import LOCATION_COLUMNS, with_point_types
from pocket_lab.records.point import Point, column_of
from pocket_lab.records.progress import Closed, Planned
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Block, Latency, Sample, Waits
from pocket_lab.stats.histogram import Buckets
from pocket_lab.stats.median_interval import NAN
from pocket_lab.stats.run_time import run_seconds

PAIR_COLUMNS = ["pair", "target_a", "target_b", *LOCATION_COLUMNS]
_WORST_FIRST = ("failed", "cancelled", "budget", "done")


def pairs_frame(records: Sequence[Record]) -> pd.DataFrame:
    """One row per round of a comparison: seconds of one run of both sides, with the block in which they were measured.

    Under load a run takes the median latency of its window. `pair` numbers the pairs of points, `spent_s` is the time of
    both batches; where the sides differ, `workers` and `executor` are texts such as "1 | 4".
    """
    pairs = pairs_of(records)
    sides = {point: (number, side) for number, points in enumerate(pairs) for side, point in enumerate(points)}
    rows: dict[tuple[int, int, int], dict[str, Any]] = {}
    block = 0
    latency: Latency | None = None
    for record in records:
        if isinstance(record, Block):
            block += 1  # its own number restarts when the measuring process dies
        elif isinstance(record, Latency):
            latency = record
        elif isinstance(record, Sample) and record.error is None and record.loops and record.point in sides:
            number, side = sides[record.point]
            start = {**pair_columns(number, *pairs[number]), "block": block, "round": record.round}
            row = rows.setdefault((number, block, record.round), start)
            row["spent_s"] = row.get("spent_s", 0.0) + record.wall_s
            row[f"wall_{'ab'[side]}_s"] = run_seconds(record.wall_s, record.loops, _latencies(record, latency))
            row[f"cpu_{'ab'[side]}_s"] = run_seconds(record.cpu_s, record.loops)
    columns = [*PAIR_COLUMNS, "block", "round", "wall_a_s", "wall_b_s", "cpu_a_s", "cpu_b_s", "spent_s"]
    return with_point_types(pd.DataFrame(list(rows.values()), columns=columns).dropna(subset=columns[-5:], ignore_index=True))


def sides_frame(records: Sequence[Record]) -> pd.DataFrame:
    """One row per pair: status, the share of wall time that each side waited, cores kept busy, voluntary switches per batch."""
    closed = {record.point: record.status for record in records if isinstance(record, Closed)}
    waits: dict[Point, list[Waits]] = {}
    for record in records:
        if isinstance(record, Waits):
            waits.setdefault(record.point, []).append(record)
    rows = []
    for number, points in enumerate(pairs_of(records)):
        row = pair_columns(number, *points)
        row["status"] = min((closed.get(point, "cancelled") for point in points), key=_WORST_FIRST.index)
        for name, point in zip("ab", points, strict=True):
            side = waits.get(point, [])
            wall_s, batches = sum(part.wall_s for part in side), sum(part.batches for part in side)
            running_s = sum(part.cpu_s + part.queued_s for part in side)
            row[f"waits_{name}"] = 1 - running_s / wall_s if wall_s else NAN
            row[f"cores_{name}"] = sum(part.cpu_s for part in side) / wall_s if wall_s else NAN
            row[f"switches_{name}"] = sum(part.switches for part in side) / batches if batches else NAN
        rows.append(row)
    return with_point_types(pd.DataFrame(rows))


def pairs_of(records: Iterable[Record]) -> list[tuple[Point, Point]]:
    """The pairs of points, which are planned one after the other."""
    points = [point for record in records if isinstance(record, Planned) for point in record.points]
    return list(zip(points[::2], points[1::2], strict=True))


def _latencies(sample: Sample, latency: Latency | None) -> Buckets | None:
    """The histogram of the window of a sample under load, whose Latency comes just before it; None of a batch."""
    if sample.point.drive != "load":
        return None
    return latency.histogram if latency is not None and latency.point == sample.point and latency.round == sample.round else ()


def pair_columns(number: int, a: Point, b: Point) -> dict[str, Any]:
    """The columns of a pair: its number, both targets and its location, with a text such as "1 | 4" where the sides differ."""

    def both(name: str) -> Any:
        value_a, value_b = column_of(a, name), column_of(b, name)
        return value_a if value_a == value_b else f"{value_a} | {value_b}"

    return {"pair": number, "target_a": a.target, "target_b": b.target, **{name: both(name) for name in LOCATION_COLUMNS}}
