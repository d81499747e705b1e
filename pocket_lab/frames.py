"""The one place where records become pandas frames: tidy, one row per observation, units in the column names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

import numpy as np
import pandas as pd

from pocket_lab.history.entry import Entry
from pocket_lab.measure.histogram import Histogram
from pocket_lab.measure.interval import NAN, estimate_median
from pocket_lab.measure.steady import outliers, warm_up
from pocket_lab.records import (
    Block,
    Caveat,
    Closed,
    Latency,
    LineCost,
    Metric,
    NodeMemory,
    Planned,
    Point,
    Probe,
    Record,
    Sample,
    Source,
    Waits,
)

POINT_COLUMNS = ["target", "size", "workers", "executor", "drive"]
_SAMPLE_COLUMNS = ["round", "loops", "wall_s", "cpu_s", "items", "error"]
_FEWEST_FOR_P95, _FEWEST_FOR_P99 = 20, 100

Columns = Mapping[str, Any]  # lists or arrays
_Key = tuple[str, int | None, int, str, str]


def bench_frame(records: Sequence[Record], samples: pd.DataFrame | None = None) -> pd.DataFrame:
    """One row per point: medians per run with their 95 % intervals, percentiles, throughput, errors, status.

    `samples` is the `samples_frame` of the same records, where it is at hand. Points that were planned but not closed are
    "cancelled". p95 and p99 stand only where single runs were timed, at least 20 and 100 of them; under load `wall_s` is
    the median latency, and all latencies count.
    """
    status: dict[Point, str] = {}
    for record in records:
        if isinstance(record, Planned):
            status |= dict.fromkeys(record.points, "cancelled")
        elif isinstance(record, Closed):
            status[record.point] = record.status
    samples = samples_frame(records) if samples is None else samples
    groups = {_key(*key): rows for key, rows in samples.groupby(POINT_COLUMNS, dropna=False, sort=False)}
    keys = {_key(*_point_columns(point).values()): told for point, told in status.items()}
    latencies = _latencies(records)
    rows = [_point_row(key, groups.get(key), latencies.get(key, {}), keys.get(key, "cancelled")) for key in keys | groups]
    return _with_sizes(pd.DataFrame(rows))


def _point_row(key: _Key, samples: pd.DataFrame | None, latencies: dict[int, Latency], status: str) -> dict[str, Any]:
    if samples is None:
        samples = _classed(pd.DataFrame(columns=[*POINT_COLUMNS, *_SAMPLE_COLUMNS]), {})
    good = without_warm_up(samples)
    counted = good[good["loops"] > 0]
    wall = estimate_median(counted["run_s"].to_list())
    cpu = estimate_median((counted["cpu_s"] / counted["loops"]).to_list())
    single = counted["wall_s"].to_numpy(float) if (counted["loops"] == 1).all() else np.empty(0)
    p95, p99 = np.quantile(single, [0.95, 0.99]) if len(single) else (NAN, NAN)
    answered, errors = len(single), len(samples) - int((samples["error"].isna()).sum())
    if latencies:
        told = [latencies[number] for number in good["round"] if number in latencies]
        merged = Histogram(bucket for latency in told for bucket in latency.histogram)
        p95, p99, answered = merged.quantile(0.95), merged.quantile(0.99), merged.count
        errors += sum(latency.errors for latency in told)
    item_s = float((counted["wall_s"] / counted["items"].where(counted["items"] > 0)).median()) if len(counted) else NAN
    return {
        **dict(zip(POINT_COLUMNS, key, strict=True)),
        "rounds": len(good),
        "wall_s": wall.value,
        "wall_low_s": wall.low,
        "wall_high_s": wall.high,
        "cpu_s": cpu.value,
        "cpu_low_s": cpu.low,
        "cpu_high_s": cpu.high,
        "p95_s": float(p95) if answered >= _FEWEST_FOR_P95 else NAN,
        "p99_s": float(p99) if answered >= _FEWEST_FOR_P99 else NAN,
        "throughput_per_s": 1 / item_s if item_s else NAN,
        "peak_bytes": NAN,
        "allocated_bytes": NAN,
        "allocations": NAN,
        "errors": errors,
        "status": status,
    }


def samples_frame(records: Iterable[Record], columns: Columns | None = None) -> pd.DataFrame:
    """One row per Sample, in the order in which they were made; `columns` holds them where they are not among the records.

    `run_s` is the time of one run (under load the median latency of the batch); `kind` is "warm-up", "failed", or Tukey's
    class of an outlier: "usual", "mild" or "severe". Only warm-ups and failures are left out of the figures.
    """
    kept = list(records)
    if columns is None:
        found = [record for record in kept if isinstance(record, Sample)]
        columns = {name: [getattr(sample.point, name) for sample in found] for name in POINT_COLUMNS}
        columns |= {name: [getattr(sample, name) for sample in found] for name in _SAMPLE_COLUMNS}
    frame = pd.DataFrame({name: columns[name] for name in [*POINT_COLUMNS, *_SAMPLE_COLUMNS]})
    return _with_sizes(_classed(frame, _latencies(kept)))


def _classed(frame: pd.DataFrame, latencies: dict[_Key, dict[int, Latency]]) -> pd.DataFrame:
    """The frame with `run_s` and `kind`."""
    loops = frame["loops"].to_numpy(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        run_s = np.where(loops > 0, frame["wall_s"].to_numpy(float) / loops, NAN)
    kind = np.where(frame["error"].notna(), "failed", np.where(frame["round"] == 0, "warm-up", "usual")).astype(object)
    rounds = frame["round"].to_numpy()
    places_of: dict[Any, Any] = frame.groupby(POINT_COLUMNS, dropna=False, sort=False).indices
    for key, places in places_of.items():
        told = latencies.get(_key(*key), {})
        for place in places if told else ():
            latency = told.get(int(rounds[place]))
            run_s[place] = NAN if latency is None else Histogram(latency.histogram).quantile(0.5)
        steady = places[(kind[places] == "usual") & ~np.isnan(run_s[places])]
        early = warm_up(run_s[steady])
        kind[steady[:early]] = "warm-up"
        kind[steady[early:]] = outliers(run_s[steady[early:]])
    return frame.assign(run_s=run_s, kind=pd.Series(kind, dtype=object))


def without_warm_up(samples: pd.DataFrame) -> pd.DataFrame:
    """The rows of a samples frame that the figures rest on: no failures, and warm-ups only of points that have nothing else."""
    timed = samples[samples["kind"] != "failed"]
    is_late = timed["kind"] != "warm-up"
    has_late = is_late.groupby([timed[name] for name in POINT_COLUMNS], dropna=False).transform("any")
    return timed[is_late | ~has_late.astype(bool)]


def probe_frame(records: Iterable[Record], samples: pd.DataFrame) -> pd.DataFrame:
    """One row per two neighbouring rounds of the point that was built twice: `wall_a_s` and `wall_b_s`, seconds of a run."""
    probed = next((_key(*_point_columns(r.point).values()) for r in records if isinstance(r, Probe)), None)
    good = without_warm_up(samples)
    groups = {_key(*key): rows for key, rows in good.groupby(POINT_COLUMNS, dropna=False, sort=False)}
    rows = groups.get(probed) if probed is not None else None
    if rows is None:
        return pd.DataFrame(columns=["wall_a_s", "wall_b_s"], dtype=float)
    number = rows["round"].to_numpy()
    by_parity = pd.DataFrame({"pair": (number + 1) // 2, "side": number % 2, "run_s": rows["run_s"]})
    pairs = by_parity[number > 0].pivot_table(index="pair", columns="side", values="run_s").reindex(columns=[1, 0]).dropna()
    return pairs.set_axis(["wall_a_s", "wall_b_s"], axis=1).reset_index(drop=True)


def metrics_frame(records: Iterable[Record]) -> pd.DataFrame:
    """One row per point, node and metric: the median over the batches with its 95 % interval, and the reports of a run."""
    told: dict[tuple[_Key, str, str, str], list[Metric]] = {}
    for record in records:
        if isinstance(record, Metric):
            key = (_key(*_point_columns(record.point).values()), record.node, record.name, record.unit)
            told.setdefault(key, []).append(record)
    rows = []
    for (place, node, name, unit), metrics in told.items():
        late = [metric for metric in metrics if metric.round] or metrics
        value = estimate_median([metric.value for metric in late])
        per_run = estimate_median([metric.reports for metric in late]).value
        figures = {"value": value.value, "low": value.low, "high": value.high, "unit": unit, "reports_per_run": per_run}
        row = {**dict(zip(POINT_COLUMNS, place, strict=True)), "node": node, "name": name, **figures}
        rows.append({**row, "batches": len(late)})
    columns = [*POINT_COLUMNS, "node", "name", "value", "low", "high", "unit", "reports_per_run", "batches"]
    return _with_sizes(pd.DataFrame(rows, columns=columns))


def _latencies(records: Iterable[Record]) -> dict[_Key, dict[int, Latency]]:
    """By point and round."""
    found: dict[_Key, dict[int, Latency]] = {}
    for record in records:
        if isinstance(record, Latency):
            found.setdefault(_key(*_point_columns(record.point).values()), {})[record.round] = record
    return found


def _key(target: Any, size: Any, workers: Any, executor: Any, drive: Any) -> _Key:
    """A point as the frames know it."""
    return str(target), None if pd.isna(size) else int(size), int(workers), str(executor), str(drive)


_WORST_FIRST = ("failed", "cancelled", "budget", "done")
PAIR_COLUMNS = ["pair", "target_a", "target_b", "size", "workers", "executor", "drive"]


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


def history_frame(entries: Iterable[Entry]) -> pd.DataFrame:
    """One row per run of the history; `started_at` is in UTC, `seconds` NaN where the run was broken off."""
    rows = [
        {
            "id": entry.id,
            "name": entry.name,
            "verb": entry.verb,
            "target": entry.target,
            "started_at": pd.Timestamp(entry.started_at, unit="s", tz="UTC").floor("ms"),
            "seconds": NAN if entry.ended_at is None else entry.ended_at - entry.started_at,
            "samples": entry.samples,
            "status": entry.status,
            "tags": ", ".join(entry.tags),
            "asked": entry.options.get("asked", ""),
            "version": entry.version,
        }
        for entry in entries
    ]
    columns = ["id", "name", "verb", "target", "started_at", "seconds", "samples", "status", "tags", "asked", "version"]
    return pd.DataFrame(rows, columns=columns)


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


def lines_frame(records: Sequence[Record]) -> pd.DataFrame:
    """One row per line of each node, in the order of the source; `share` is of the time of all nodes together."""
    sources = {
        (record.file, number): text.rstrip()
        for record in records
        if isinstance(record, Source)
        for number, text in enumerate(record.lines, record.first)
    }
    rows = [
        {**{name: getattr(record, name) for name in ("node", "file", "line", "hits", "time_s")}}
        for record in records
        if isinstance(record, LineCost)
    ]
    frame = pd.DataFrame(rows, columns=["node", "file", "line", "hits", "time_s"])
    total = float(frame["time_s"].sum())
    frame["share"] = frame["time_s"] / total if total else 0.0
    frame["source"] = [sources.get(place, "") for place in zip(frame["file"], frame["line"], strict=True)]
    return frame


def _point_columns(point: Point) -> dict[str, Any]:
    return {name: getattr(point, name) for name in POINT_COLUMNS}


def _with_sizes(frame: pd.DataFrame) -> pd.DataFrame:
    """Sizes as whole numbers, also where a point has none (then missing)."""
    if "size" in frame and frame["size"].isna().any():
        frame["size"] = frame["size"].astype("Int64")
    return frame
