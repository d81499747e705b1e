"""A comparison as frames: the rounds of each pair, and what its sides did."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from pocket_lab.frames.points import with_sizes
from pocket_lab.records.point import Point
from pocket_lab.records.progress import Closed, Planned
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Block, Latency, Sample, Waits
from pocket_lab.stats.histogram import Histogram
from pocket_lab.stats.median_interval import NAN

PAIR_COLUMNS = ["pair", "target_a", "target_b", "size", "workers", "executor", "drive"]
_WORST_FIRST = ("failed", "cancelled", "budget", "done")


def pairs_frame(records: Sequence[Record]) -> pd.DataFrame:
    """One row per round of a comparison: seconds a run of both sides, with the block in which they were measured.

    `pair` numbers the pairs of points, `spent_s` is the time of both batches; where the sides differ, `workers` and
    `executor` are texts such as "1 | 4".
    """
    pairs = _pairs(records)
    place = {point: (number, side) for number, points in enumerate(pairs) for side, point in enumerate(points)}
    rows: dict[tuple[int, int, int], dict[str, Any]] = {}
    block, latency_s = 0, NAN
    for record in records:
        if isinstance(record, Block):
            block += 1  # not its number, which begins anew where the measuring process died
        elif isinstance(record, Latency):
            latency_s = Histogram(record.histogram).quantile(0.5)
        elif isinstance(record, Sample) and record.error is None and record.loops and record.point in place:
            number, side = place[record.point]
            start = {**_pair_columns(number, *pairs[number]), "block": block, "round": record.round}
            row = rows.setdefault((number, block, record.round), start)
            row["spent_s"] = row.get("spent_s", 0.0) + record.wall_s
            row[f"wall_{'ab'[side]}_s"] = latency_s if record.point.drive == "load" else record.wall_s / record.loops
            row[f"cpu_{'ab'[side]}_s"] = record.cpu_s / record.loops
    columns = [*PAIR_COLUMNS, "block", "round", "wall_a_s", "wall_b_s", "cpu_a_s", "cpu_b_s", "spent_s"]
    return with_sizes(pd.DataFrame(list(rows.values()), columns=columns).dropna(subset=columns[-5:], ignore_index=True))


def sides_frame(records: Sequence[Record]) -> pd.DataFrame:
    """One row per pair: its status, how much each side waited (share of its wall time), and its voluntary switches a batch."""
    closed = {record.point: record.status for record in records if isinstance(record, Closed)}
    waits: dict[Point, list[Waits]] = {}
    for record in records:
        if isinstance(record, Waits):
            waits.setdefault(record.point, []).append(record)
    rows = []
    for number, points in enumerate(_pairs(records)):
        row = _pair_columns(number, *points)
        told = [closed.get(point, "cancelled") for point in points]
        row["status"] = min(told, key=_WORST_FIRST.index)
        for name, point in zip("ab", points, strict=True):
            side = waits.get(point, [])
            wall_s, batches = sum(part.wall_s for part in side), sum(part.batches for part in side)
            running_s = sum(part.cpu_s + part.queued_s for part in side)
            row[f"waits_{name}"] = 1 - running_s / wall_s if wall_s else NAN
            row[f"switches_{name}"] = sum(part.switches for part in side) / batches if batches else NAN
        rows.append(row)
    return with_sizes(pd.DataFrame(rows))


def _pairs(records: Iterable[Record]) -> list[tuple[Point, Point]]:
    """The points of a comparison, which are planned in pairs."""
    points = [point for record in records if isinstance(record, Planned) for point in record.points]
    return list(zip(points[::2], points[1::2], strict=True))


def _pair_columns(number: int, a: Point, b: Point) -> dict[str, Any]:
    def either(name: str) -> Any:
        one, other = getattr(a, name), getattr(b, name)
        return one if one == other else f"{one} | {other}"

    return {"pair": number, "target_a": a.target, "target_b": b.target, **{n: either(n) for n in PAIR_COLUMNS[3:]}}
