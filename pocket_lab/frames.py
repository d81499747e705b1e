"""The one place where records become pandas frames: tidy, one row per observation, units in the column names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from typing import Any

import numpy as np
import pandas as pd

from pocket_lab.measure.interval import NAN, estimate_median
from pocket_lab.records import Block, Caveat, Closed, LineCost, NodeMemory, Planned, Point, Record, Sample, Waits

POINT_COLUMNS = ["target", "size", "workers", "executor", "drive"]
_SAMPLE_COLUMNS = ["round", "loops", "wall_s", "cpu_s", "items", "error"]
_FEWEST_FOR_P95, _FEWEST_FOR_P99 = 20, 100


def bench_frame(records: Iterable[Record]) -> pd.DataFrame:
    """One row per point: medians per run with their 95 % intervals, percentiles, throughput, errors, status.

    Points that were planned but not closed are "cancelled". p95 and p99 stand only where single runs were timed, at
    least 20 and 100 of them.
    """
    planned: dict[Point, None] = {}
    status: dict[Point, str] = {}
    samples: dict[Point, list[Sample]] = {}
    for record in records:
        if isinstance(record, Planned):
            planned |= dict.fromkeys(record.points)
        elif isinstance(record, Closed):
            status[record.point] = record.status
        elif isinstance(record, Sample):
            samples.setdefault(record.point, []).append(record)
    points = planned | dict.fromkeys(samples)
    rows = [_point_row(point, samples.get(point, []), status.get(point, "cancelled")) for point in points]
    return _with_sizes(pd.DataFrame(rows))


def _point_row(point: Point, samples: Sequence[Sample], status: str) -> dict[str, Any]:
    timed = [sample for sample in samples if sample.error is None]
    good = [sample for sample in timed if sample.round] or timed  # round 0 is a warm-up
    wall = estimate_median([sample.wall_s / sample.loops for sample in good])
    cpu = estimate_median([sample.cpu_s / sample.loops for sample in good])
    single = [sample.wall_s for sample in good] if all(sample.loops == 1 for sample in good) else []
    items = good[0].items / good[0].loops if good else NAN
    return {
        **_point_columns(point),
        "rounds": len(good),
        "wall_s": wall.value,
        "wall_low_s": wall.low,
        "wall_high_s": wall.high,
        "cpu_s": cpu.value,
        "cpu_low_s": cpu.low,
        "cpu_high_s": cpu.high,
        "p95_s": float(np.quantile(single, 0.95)) if len(single) >= _FEWEST_FOR_P95 else NAN,
        "p99_s": float(np.quantile(single, 0.99)) if len(single) >= _FEWEST_FOR_P99 else NAN,
        "throughput_per_s": items / wall.value if wall.value else NAN,
        "peak_bytes": NAN,
        "allocated_bytes": NAN,
        "allocations": NAN,
        "errors": len(samples) - len(timed),
        "status": status,
    }


def samples_frame(records: Iterable[Record]) -> pd.DataFrame:
    """One row per Sample, in the order in which they were made; round 0 is the warm-up."""
    rows = [
        {**_point_columns(record.point), **{name: getattr(record, name) for name in _SAMPLE_COLUMNS}}
        for record in records
        if isinstance(record, Sample)
    ]
    return _with_sizes(pd.DataFrame(rows, columns=[*POINT_COLUMNS, *_SAMPLE_COLUMNS]))


_WORST_FIRST = ("failed", "cancelled", "budget", "done")
PAIR_COLUMNS = ["pair", "target_a", "target_b", "size", "workers", "executor", "drive"]


def pairs_frame(records: Sequence[Record]) -> pd.DataFrame:
    """One row per round of a comparison: seconds a run of both sides, with the block in which they were measured.

    `pair` numbers the pairs of points, `spent_s` is the time of both batches; where the sides differ, `workers` and
    `executor` are texts such as "1 | 4".
    """
    pairs = _pairs(records)
    place = {point: (number, side) for number, points in enumerate(pairs) for side, point in enumerate(points)}
    rows: dict[tuple[int, int], dict[str, Any]] = {}
    block = 0
    for record in records:
        if isinstance(record, Block):
            block = record.number
        elif isinstance(record, Sample) and record.error is None and record.point in place:
            number, side = place[record.point]
            start = {**_pair_columns(number, *pairs[number]), "block": block, "round": record.round}
            row = rows.setdefault((number, record.round), start)
            row["spent_s"] = row.get("spent_s", 0.0) + record.wall_s
            row[f"wall_{'ab'[side]}_s"] = record.wall_s / record.loops
            row[f"cpu_{'ab'[side]}_s"] = record.cpu_s / record.loops
    columns = [*PAIR_COLUMNS, "block", "round", "wall_a_s", "wall_b_s", "cpu_a_s", "cpu_b_s", "spent_s"]
    return _with_sizes(pd.DataFrame(list(rows.values()), columns=columns).dropna(subset=columns[-5:], ignore_index=True))


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
    return _with_sizes(pd.DataFrame(rows))


def _pairs(records: Iterable[Record]) -> list[tuple[Point, Point]]:
    """The points of a comparison, which are planned in pairs."""
    points = [point for record in records if isinstance(record, Planned) for point in record.points]
    return list(zip(points[::2], points[1::2], strict=True))


def _pair_columns(number: int, a: Point, b: Point) -> dict[str, Any]:
    def either(name: str) -> Any:
        one, other = getattr(a, name), getattr(b, name)
        return one if one == other else f"{one} | {other}"

    return {"pair": number, "target_a": a.target, "target_b": b.target, **{n: either(n) for n in PAIR_COLUMNS[3:]}}


def without_warm_up(samples: pd.DataFrame) -> pd.DataFrame:
    """The rows of a samples frame that were timed, without the warm-up (round 0) of the points that have later rounds."""
    timed = samples[samples["error"].isna()]
    latest = timed.groupby(POINT_COLUMNS, dropna=False)["round"].transform("max")
    return timed[(timed["round"] > 0) | (latest == 0)]


def caveats_frame(records: Iterable[Record]) -> pd.DataFrame:
    """One row per distinct Caveat with the number of times it was raised."""
    counts = Counter(record for record in records if isinstance(record, Caveat))
    rows = [{"code": caveat.code, "message": caveat.message, "times": times} for caveat, times in counts.items()]
    return pd.DataFrame(rows, columns=["code", "message", "times"])


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


def lines_frame(records: Iterable[Record], sources: dict[str, Sequence[str]]) -> pd.DataFrame:
    """One row per line of each node, in the order of the source; `share` is of the time of all nodes together."""
    rows = [
        {**{name: getattr(record, name) for name in ("node", "file", "line", "hits", "time_s")}}
        for record in records
        if isinstance(record, LineCost)
    ]
    frame = pd.DataFrame(rows, columns=["node", "file", "line", "hits", "time_s"])
    total = float(frame["time_s"].sum())
    frame["share"] = frame["time_s"] / total if total else 0.0
    frame["source"] = [
        _source_line(sources.get(file, ()), line) for file, line in zip(frame["file"], frame["line"], strict=True)
    ]
    return frame


def _source_line(lines: Sequence[str], number: int) -> str:
    return lines[number - 1].rstrip() if 0 < number <= len(lines) else ""


def _point_columns(point: Point) -> dict[str, Any]:
    return {name: getattr(point, name) for name in POINT_COLUMNS}


def _with_sizes(frame: pd.DataFrame) -> pd.DataFrame:
    """Sizes as whole numbers, also where a point has none (then missing)."""
    if "size" in frame and frame["size"].isna().any():
        frame["size"] = frame["size"].astype("Int64")
    return frame
