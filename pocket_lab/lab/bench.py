"""bench: how fast is it, how does it grow with its input and with its workers."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd

from pocket_lab.analysis.advice import Advice, advise_workers
from pocket_lab.analysis.growth import CANNOT_TELL, Growth, fit_growth
from pocket_lab.analysis.scaling import add_speedup
from pocket_lab.frames import bench_frame, samples_frame, without_warm_up
from pocket_lab.lab.collect import Watcher, collect
from pocket_lab.lab.last import keep
from pocket_lab.lab.result import Result
from pocket_lab.measure.interval import FEWEST
from pocket_lab.measure.job import Input, plan_job
from pocket_lab.measure.measure import measure
from pocket_lab.measure.sweep import Counts, parse_sweep
from pocket_lab.records import Environment, Record, Sample
from pocket_lab.units import format_percent
from pocket_lab.view.plot import bench_figure, plot_bench
from pocket_lab.view.table import TextTable, bench_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class Bench(Result):
    """The result of `bench`: `.frame` (a row per point), `.samples` (a row per batch), `.growth`, `.advice`, `.plot()`."""

    @property
    def title(self) -> str:
        """The target's name."""
        return f"Bench of {self.name}"

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row per point: median seconds per run with 95 % intervals, throughput, speed-up, errors, status."""
        return add_speedup(bench_frame(self.records))

    @cached_property
    def samples(self) -> pd.DataFrame:
        """One row per timed batch; `wall_s` and `cpu_s` are totals of its `loops` runs."""
        return samples_frame(self.records)

    @property
    def table(self) -> TextTable:
        """Size x workers with median time, interval, throughput and speed-up."""
        return bench_table(self.frame)

    @cached_property
    def growth(self) -> Growth | None:
        """The growth law of the fewest workers of the first executor; None where there were no sizes."""
        rows = self.frame[self.frame["size"].notna() & self.frame["wall_s"].notna()]
        if rows["size"].nunique() < 2:
            return None
        first = rows.sort_values("workers", kind="stable").iloc[0]
        samples = without_warm_up(self.samples)
        samples = samples[(samples["workers"] == first["workers"]) & (samples["executor"] == first["executor"])]
        return fit_growth(samples["size"].to_numpy(float), (samples["wall_s"] / samples["loops"]).to_numpy(float))

    @cached_property
    def advice(self) -> Advice | None:
        """The worker count and executor to use at the largest size; None where only one was measured."""
        return advise_workers(self.frame)

    @property
    def findings(self) -> list[str]:
        """Growth and worker advice in words."""
        texts = []
        if self.growth is not None:
            texts.append(_growth_sentence(self.growth))
        if self.advice is not None:
            texts.append(_advice_sentence(self.advice))
        return texts

    @cached_property
    def caveats(self) -> list[str]:
        """Doubts noted during the measurement, and those that the figures themselves raise."""
        return super().caveats + _doubts(self.frame, self.environment)

    @property
    def environment(self) -> Environment | None:
        """Where it was measured."""
        return next((record for record in self.records if isinstance(record, Environment)), None)

    def _figure(self) -> Figure:
        """Time against size, and speed-up against workers."""
        return bench_figure(self.frame, self.samples)

    def _draw(self, ax: Axes) -> None:
        plot_bench(ax, self.frame, self.samples)

    def _parts(self) -> list[str]:
        from pocket_lab.view.page import note

        return [*super()._parts(), note(_where(self.environment))]


def bench(
    target: Any,
    *,
    size: int | str | None = None,
    sizes: Counts | None = None,
    workers: Counts | None = None,
    executor: str | None = None,
    executors: str | Iterable[str] | None = None,
    input: Any = Input.ABSENT,
    drive: str = "run",
    precision: float | str = 0.02,
    budget: float | str = 30.0,
    isolation: str = "process",
    name: str | None = None,
    watch: Watcher | None = None,
) -> Bench:
    """Measure a graph, node or callable over sizes x executors x workers, in a process of its own.

    Args:
        target: what to measure.
        size, sizes: numbers handed to `input`; also as text ("10,100,1k", "2^4..2^12"). Without, one point.
        workers: worker counts ("1,2,4", "1..16"): tasks in flight of the run's outermost fan-out, or runs in flight.
        executor, executors: "serial", "threads", "processes", and for async nodes "asyncio".
        input: a function of the size, or the input itself; the default is the size (`range(size)` under "map").
        drive: "run" (one input, one run) or "map" (a list, each item a run).
        precision: a point is done when half its 95 % interval is within this fraction of its median.
        budget: the most seconds for the whole sweep, to within one batch.
        isolation: "process", or "kernel" for a target that cannot be sent to another process.
        name: how results call the target.
        watch: called with every record as it is made.

    An exception of the target fails its point (`.failures`, `.error`), the others go on. Raises UsageError for what
    cannot be measured. Ctrl-C keeps what was measured as `pocket_lab.last()` and is raised again.
    """
    sweep = parse_sweep(
        size=size,
        sizes=sizes,
        workers=workers,
        executor=executor,
        executors=executors,
        drive=drive,
        precision=precision,
        budget=budget,
        isolation=isolation,
    )
    job = plan_job(target, input, sweep, name)
    records: list[Record] = []
    try:
        with closing(measure(job)) as stream:
            collect(stream, records, watch)
    finally:
        result = Bench(job.points[0].target, records)
        if any(isinstance(record, Sample) for record in records):
            keep(result)
    return result


def _growth_sentence(growth: Growth) -> str:
    low, high = growth.interval
    slope = f"; log-log slope {growth.exponent:.2f} [{low:.2f}, {high:.2f}]" if growth.exponent == growth.exponent else ""
    if growth.law == CANNOT_TELL:
        return f"Growth: cannot tell ({growth.reason}){slope}."
    name = f"n^{growth.exponent:.2f}" if growth.law == "power" else growth.law
    return f"Growth: time grows like {name} ({format_percent(growth.probability)} of bootstrap replicates){slope}."


def _advice_sentence(advice: Advice) -> str:
    plural = "" if advice.workers == 1 else "s"
    doubt = "" if advice.certain else ", though the intervals overlap"
    gain = f", {advice.speedup:.2f}x the best single worker{doubt}" if advice.speedup > 1 else ""
    return f"Advice: {advice.workers} worker{plural} on {advice.executor}{gain}. Why: {advice.reason}."


def _doubts(frame: pd.DataFrame, environment: Environment | None) -> list[str]:
    doubts = []
    few = int(((frame["rounds"] < FEWEST) & (frame["status"] != "failed")).sum())
    if few:
        doubts.append(f"{few} of {len(frame)} points have fewer than {FEWEST} samples and so no interval: raise the budget")
    wide = int(((frame["status"] == "budget") & (frame["rounds"] >= FEWEST)).sum())
    if wide:
        doubts.append(f"the budget ended before {wide} of {len(frame)} points reached the precision asked for")
    if environment is not None and int(frame["workers"].max()) > environment.cores:
        doubts.append(f"more workers than the {environment.cores} cores that the measuring process may use")
    return doubts


def _where(environment: Environment | None) -> str:
    if environment is None:
        return ""
    return (
        f"Python {environment.python}, {environment.platform}, {environment.processor}, "
        f"{environment.cores} cores, load {environment.load_1m:.2f} at the start"
    )
