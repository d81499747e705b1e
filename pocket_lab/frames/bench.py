"""A sweep as frames: its points, the A/A comparison inside it, the metrics of its runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pocket_lab.frames.points import POINT_COLUMNS, indices_of, point_columns, points_of, with_point_types
from pocket_lab.frames.samples import FIGURES, TimeSpent, latencies_of, samples_frame, time_spent, without_warm_up
from pocket_lab.records.memory import RunMemory
from pocket_lab.records.point import Point
from pocket_lab.records.progress import Closed, Planned
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Latency, Metric, Probe
from pocket_lab.stats.histogram import Histogram
from pocket_lab.stats.median_interval import NAN, estimate_median

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MEMORY_COLUMNS = ["peak_bytes", "allocated_bytes", "allocations"]
_FEWEST_FOR_P95, _FEWEST_FOR_P99 = 20, 100


def bench_frame(records: Sequence[Record], samples: pd.DataFrame | None = None) -> pd.DataFrame:
    """One row per point: medians per run with their 95 % intervals, percentiles, throughput, errors, basis, waits, status.

    `samples` is the `samples_frame` of the same records, where the caller has it. Points that were planned but not closed are
    "cancelled". A first run is apart (`first_run_s`): a point that has nothing else has no figure. `basis` is "cpu" where one
    worker kept a core busy, so that its CPU time is the figure, which other work on the machine hardly changes; else "wall".
    `waits` and `queued` are the shares of the workers' time in which they waited, and in which no core was free. p95 and p99
    are NaN unless single runs were timed, at least 20 and 100 of them; under load `wall_s` is the median latency, and the
    percentiles are those of all latencies. `peak_bytes`, `allocated_bytes` and `allocations` are of one run (under load of one
    window) in the memory pass, NaN without such a pass.
    """
    status: dict[Point, str] = {}
    for record in records:
        if isinstance(record, Planned):
            status |= dict.fromkeys(record.points, "cancelled")
        elif isinstance(record, Closed):
            status[record.point] = record.status
    memory = {record.point: record for record in records if isinstance(record, RunMemory)}
    batches = _Batches.of(samples_frame(records) if samples is None else samples)
    latencies, spent = latencies_of(records), time_spent(records)
    rows = []
    for point in status | batches.rows:
        row = point_columns(point)
        row |= _figures(batches.at(point), latencies.get(point, {}))
        row |= _reading(spent.get(point))
        row["status"] = status.get(point, "cancelled")
        if (run_memory := memory.get(point)) is not None:
            row |= {name: getattr(run_memory, name) for name in _MEMORY_COLUMNS}
        rows.append(row)
    nothing = _Batches.of(samples_frame([])).at(None)
    columns = [*POINT_COLUMNS, *_figures(nothing, {}), *_reading(None), "status"]  # also of a run that has no points
    return with_point_types(pd.DataFrame(rows, columns=columns))


@dataclass(frozen=True, slots=True)
class _Batches:
    """The columns of a samples frame as arrays, and the rows of each point: pandas would take a second for 300 points."""

    columns: dict[str, NDArray[Any]]
    rows: dict[Point, NDArray[np.intp]]

    @classmethod
    def of(cls, samples: pd.DataFrame) -> _Batches:
        columns = {name: samples[name].to_numpy(float) for name in ("wall_s", "run_s", "cpu_run_s", "loops", "items")}
        columns |= {"round": samples["round"].to_numpy(), "has_failed": samples["error"].notna().to_numpy()}
        columns |= {
            "is_good": samples["kind"].isin(FIGURES).to_numpy(),
            "is_first": (samples["kind"] == "first run").to_numpy(),
        }
        return cls(columns, indices_of(samples))

    def at(self, point: Point | None) -> dict[str, NDArray[Any]]:
        """Those of one point."""
        rows = np.empty(0, int) if point is None else self.rows.get(point, np.empty(0, int))
        return {name: values[rows] for name, values in self.columns.items()}


def _figures(batches: dict[str, NDArray[Any]], latencies: dict[int, Latency]) -> dict[str, Any]:
    is_good, loops, wall_s = batches["is_good"], batches["loops"], batches["wall_s"]
    counted = is_good & (loops > 0)
    wall = estimate_median(batches["run_s"][counted].tolist())
    cpu = estimate_median(batches["cpu_run_s"][counted].tolist())
    single = wall_s[counted] if (loops[counted] == 1).all() else np.empty(0)
    p95, p99 = np.quantile(single, [0.95, 0.99]) if len(single) else (NAN, NAN)
    answered, errors = len(single), int(batches["has_failed"].sum())
    if latencies:
        windows = [latencies[number] for number in batches["round"][is_good] if number in latencies]
        merged = Histogram(bucket for latency in windows for bucket in latency.histogram)
        p95, p99, answered = merged.quantile(0.95), merged.quantile(0.99), merged.count
        errors += sum(latency.errors for latency in windows)
    has_items = counted & (batches["items"] > 0) & ~np.isnan(wall_s)
    item_s = float(np.median(wall_s[has_items] / batches["items"][has_items])) if has_items.any() else NAN
    first = batches["run_s"][batches["is_first"]]
    return {
        "rounds": int(is_good.sum()),
        "wall_s": wall.value,
        "wall_low_s": wall.low,
        "wall_high_s": wall.high,
        "cpu_s": cpu.value,
        "cpu_low_s": cpu.low,
        "cpu_high_s": cpu.high,
        "first_run_s": float(first[0]) if len(first) else NAN,
        "p95_s": float(p95) if answered >= _FEWEST_FOR_P95 else NAN,
        "p99_s": float(p99) if answered >= _FEWEST_FOR_P99 else NAN,
        "throughput_per_s": 1 / item_s if item_s else NAN,
        **dict.fromkeys(_MEMORY_COLUMNS, NAN),
        "errors": errors,
    }


def _reading(spent: TimeSpent | None) -> dict[str, Any]:
    """On which clock the figures are to be read, and what the workers did beside running."""
    if spent is None:
        return {"basis": "wall", "waits": NAN, "queued": NAN}
    return {"basis": "cpu" if spent.is_cpu_bound else "wall", "waits": spent.waits, "queued": spent.queued}


def probe_frame(records: Iterable[Record], samples: pd.DataFrame) -> pd.DataFrame:
    """One row per two neighbouring rounds of the point that was built twice: `wall_a_s` and `wall_b_s`, seconds of a run."""
    probed = next((record.point for record in records if isinstance(record, Probe)), None)
    rows = None if probed is None else points_of(without_warm_up(samples)).get(probed)
    if rows is None:
        return pd.DataFrame(columns=["wall_a_s", "wall_b_s"], dtype=float)
    number = rows["round"].to_numpy()
    by_parity = pd.DataFrame({"pair": (number + 1) // 2, "side": number % 2, "run_s": rows["run_s"]})
    pairs = by_parity[number > 0].pivot_table(index="pair", columns="side", values="run_s").reindex(columns=[1, 0]).dropna()
    return pairs.set_axis(["wall_a_s", "wall_b_s"], axis=1).reset_index(drop=True)


def metrics_frame(records: Iterable[Record]) -> pd.DataFrame:
    """One row per point, node and metric: the median over the batches with its 95 % interval, and the reports of a run."""
    batches: dict[tuple[Point, str, str, str], list[Metric]] = {}
    for record in records:
        if isinstance(record, Metric):
            batches.setdefault((record.point, record.node, record.name, record.unit), []).append(record)
    rows = []
    for (point, node, name, unit), metrics in batches.items():
        late = [metric for metric in metrics if metric.round] or metrics
        value = estimate_median([metric.value for metric in late])
        per_run = estimate_median([metric.reports for metric in late]).value
        figures = {"value": value.value, "low": value.low, "high": value.high, "unit": unit, "reports_per_run": per_run}
        rows.append({**point_columns(point), "node": node, "name": name, **figures, "batches": len(late)})
    columns = [*POINT_COLUMNS, "node", "name", "value", "low", "high", "unit", "reports_per_run", "batches"]
    return with_point_types(pd.DataFrame(rows, columns=columns))
