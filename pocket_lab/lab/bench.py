"""bench: how fast is it, how does it grow with its input and with its workers."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import pandas as pd
from markupsafe import Markup

from pocket_lab.analysis.advice import Advice, advise_workers
from pocket_lab.analysis.growth import Growth, fit_growth
from pocket_lab.analysis.machines import differences
from pocket_lab.analysis.noise import Noise, is_fastest, noise_of
from pocket_lab.analysis.precision import precision_of
from pocket_lab.analysis.scaling import add_speedup
from pocket_lab.errors import UsageError
from pocket_lab.frames.bench import bench_frame, metrics_frame, probe_frame
from pocket_lab.frames.nodes import nodes_frame
from pocket_lab.frames.samples import Columns, samples_frame, without_warm_up
from pocket_lab.graph.graph import Graph
from pocket_lab.history.archive import Archive
from pocket_lab.history.entry import Entry
from pocket_lab.lab.collect import Watcher, collect
from pocket_lab.lab.last_result import keep
from pocket_lab.lab.memory_pass import measure_peaks, refuse_peaks
from pocket_lab.lab.recording import Recording, options_json
from pocket_lab.lab.result import Result
from pocket_lab.measure.environment import read_environment
from pocket_lab.measure.job import Input, Job
from pocket_lab.measure.planning import plan_job
from pocket_lab.measure.resume import resumed
from pocket_lab.measure.sampler import sample
from pocket_lab.measure.supervisor import Task, measure
from pocket_lab.measure.sweep import Counts, Sweep, parse_sweep
from pocket_lab.profile.trace.bench_nodes import trace_nodes
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.environment import Environment
from pocket_lab.records.progress import Planned
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Probe, Sample
from pocket_lab.view.findings.bench import (
    advice_sentence,
    growth_sentence,
    metric_sentences,
    node_sentences,
    noise_sentence,
    outlier_caveats,
    precision_caveats,
)
from pocket_lab.view.findings.environment import describe_environment
from pocket_lab.view.html.page import note
from pocket_lab.view.text.bench_table import bench_table
from pocket_lab.view.text.table import TextTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


_WAYS = ("isolation", "fresh_input", "store", "caches")  # samples that were made in different ways make no common median


class Bench(Result):
    """The result of `bench`: `.frame` (a row per point), `.samples` (a row per batch), `.growth`, `.advice`, `.plot()`.

    `.metrics` has what the runs reported of themselves, `.noise` the A/A comparison inside the sweep. `samples` are given
    apart where they are not among the records: a loaded run has its million of them in columns.
    """

    def __init__(self, name: str, records: Sequence[Record], samples: Columns | None = None, run: int | None = None) -> None:
        super().__init__(name, records, run)
        self._columns = samples

    @property
    def title(self) -> str:
        """The target's name."""
        return f"Bench of {self.name}"

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row per point: median seconds per run with 95 % intervals, throughput, speed-up, errors, status."""
        is_open = any(isinstance(r, Planned) and any(point.rate is not None for point in r.points) for r in self.records)
        return add_speedup(bench_frame(self.records, self.samples), is_open)

    @cached_property
    def samples(self) -> pd.DataFrame:
        """One row per timed batch; `wall_s` and `cpu_s` are totals of its `loops` runs, `run_s` the time of one."""
        return samples_frame(self.records, self._columns)

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """One row per point, node and metric that the runs reported (`ctx.report`)."""
        return metrics_frame(self.records)

    @cached_property
    def nodes(self) -> pd.DataFrame:
        """One row per point and node of a graph: calls, seconds of its own and their share, waits of its items, errors.

        From a pass of its own, a run with a recorder of spans after the sweep, as far as the budget allows: no time of it is
        in `.frame`. With memory=True, `peak_bytes`, `allocated_bytes` and `allocations` from another one under
        memray. For more, `trace` and `memory`.
        """
        return nodes_frame(self.records)

    @cached_property
    def noise(self) -> Noise | None:
        """The A/A comparison inside the sweep; None where it has too few rounds."""
        return noise_of(probe_frame(self.records, self.samples))

    @property
    def table(self) -> TextTable:
        """Size x workers with median time, interval, throughput and speed-up."""
        return bench_table(self.frame)

    @cached_property
    def growth(self) -> Growth | None:
        """The growth law of the fewest workers of the first executor; None where there were no sizes."""
        return _growth_of(self.frame, without_warm_up(self.samples), "run_s")

    @cached_property
    def memory_growth(self) -> Growth | None:
        """The same of the most bytes that a run held at once; None without memory=True."""
        return _growth_of(self.frame, self.frame, "peak_bytes")

    @cached_property
    def advice(self) -> Advice | None:
        """The worker count and executor to use at the largest size; None where only one was measured."""
        return advise_workers(self.frame)

    @property
    def findings(self) -> list[str]:
        """Growth and worker advice in words."""
        texts = []
        if self.growth is not None:
            texts.append(growth_sentence(self.growth))
        if self.memory_growth is not None:
            texts.append(growth_sentence(self.memory_growth, "peak memory"))
        if self.advice is not None:
            texts.append(advice_sentence(self.advice))
        if self.noise is not None:
            point = next(record.point for record in self.records if isinstance(record, Probe))
            texts.append(noise_sentence(self.noise, point, is_fastest(point, self.frame)))
        return [*texts, *metric_sentences(self.metrics), *node_sentences(self.nodes)]

    @cached_property
    def caveats(self) -> list[str]:
        """Caveats noted during the measurement, and those that follow from the figures."""
        precise = precision_caveats(precision_of(self.frame), self.environment, int(self.frame["workers"].max()))
        return super().caveats + precise + outlier_caveats(self.samples)

    @property
    def environment(self) -> Environment | None:
        """Where it was measured."""
        return next((record for record in self.records if isinstance(record, Environment)), None)

    def _figure(self) -> Figure:
        """Time against size, and speed-up against workers."""
        from pocket_lab.view.plots.bench import bench_figure  # here, as matplotlib takes its time to load

        return bench_figure(self.frame, self.samples)

    def _draw(self, ax: Axes) -> None:
        from pocket_lab.view.plots.bench import plot_bench

        plot_bench(ax, self.frame, self.samples)

    def _parts(self) -> list[Markup]:
        kept = "" if self.run is None else f'; run {self.run} of the history, "{self.name}"'
        return [*super()._parts(), note(describe_environment(self.environment) + kept)]


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
    rate: float | str | None = None,
    memory: bool = False,
    precision: float | str = 0.02,
    budget: float | str = 30.0,
    point_timeout: float | str | None = None,
    isolation: str = "process",
    fresh_input: bool = False,
    store: str = "fresh",
    caches: str = "warm",
    name: str | None = None,
    resume: bool = False,
    command_line: str | None = None,
    watch: Watcher | None = None,
) -> Bench:
    """Measure a graph, node or callable over sizes x executors x workers, in a process of its own.

    Args:
        target: what to measure.
        size, sizes: numbers handed to `input`; also as text ("10,100,1k", "2^4..2^12"). Without, one point.
        workers: worker counts ("1,2,4", "1..16"): tasks in flight of the run's outermost fan-out, or runs in flight.
        executor, executors: "serial", "threads", "processes", and for async nodes "asyncio".
        input: a function of the size, or the input itself; the default is the size (`range(size)` under "map").
        drive: "run" (one input, one run), "map" (a list, each item a run), or "load" (each worker is a client that runs
            again and again: latencies, their percentiles, and requests a second).
        rate: under "load" the requests a second that come whether answered or not; their latency counts from when they
            were due. Without, a client sends its next request when the one before is answered.
        memory: add a run of each point under memray after the sweep, beyond its budget: the most bytes held at once and the
            allocations, of each point and of each node.
        precision: a point is done when half its 95 % interval is within this fraction of its median.
        budget: the most seconds for the whole sweep, to within one batch.
        point_timeout: the most seconds for one batch; a longer one is ended, and its point has failed.
        isolation: "process", or "kernel" for a target that cannot be sent to another process.
        fresh_input: build the input anew for each run, for a target that changes it.
        store: "fresh" for each run of a graph, or "shared" by all runs of a point: a warm and contended one.
        caches: "warm", or "cold" to clear the target's caches (whatever has `cache_clear`) before each run.
        name: how results and the history call the run.
        resume: go on with the newest run of that name in the history; no point is measured twice.
        command_line: the line of a magic or a shell that called it, kept in the history.
        watch: called with every record as it is made.

    An exception of the target fails its point (`.failures`, `.error`), the others go on. Raises UsageError for what
    cannot be measured. Ctrl-C keeps what was measured as `pocket_lab.last()` and is raised again. Every record is in the
    history (`History().load(name)`) as soon as it is made.
    """
    sweep = parse_sweep(
        size=size,
        sizes=sizes,
        workers=workers,
        executor=executor,
        executors=executors,
        drive=drive,
        rate=rate,
        precision=precision,
        budget=budget,
        point_timeout=point_timeout,
        isolation=isolation,
        fresh_input=fresh_input,
        store=store,
        caches=caches,
    )
    stored, records = _stored(name, sweep) if resume else (None, [])
    job = plan_job(target, input, sweep, name if stored is None else stored.target)
    label = job.points[0].target if stored is None else stored.name
    if stored is not None and not (job := resumed(job, records)).points:
        keep(whole := Bench(label, records, run=stored.id))
        return whole
    if memory:
        refuse_peaks(job)
    recording = Recording("bench", label, job.points[0].target, options_json(sweep, command_line), stored)
    try:
        task = partial(sample, afterwards=trace_nodes) if isinstance(job.target, Graph) else sample
        with recording, closing(_measured(job, task, memory)) as stream:
            collect(stream, records, recording, watch)
    finally:
        result = Bench(label, records, run=recording.run)
        if any(isinstance(record, Sample) for record in records):
            keep(result)
    return result


def _measured(job: Job, task: Task, memory: bool) -> Generator[Record]:
    with closing(measure(job, task)) as stream:
        yield from stream
    if memory:
        with closing(measure_peaks(job)) as stream:
            yield from stream


def _growth_of(points: pd.DataFrame, rows: pd.DataFrame, cost: str) -> Growth | None:
    """The law of a column at the fewest workers of the first executor."""
    usable = points[points["size"].notna() & points["wall_s"].notna()]
    if usable["size"].nunique() < 2:
        return None
    first = usable.sort_values("workers", kind="stable").iloc[0]
    told = rows[(rows["workers"] == first["workers"]) & (rows["executor"] == first["executor"]) & rows[cost].notna()]
    return fit_growth(told["size"].to_numpy(float), told[cost].to_numpy(float)) if len(told) else None


def _stored(name: str | None, sweep: Sweep) -> tuple[Entry, list[Record]]:
    """The run to go on with, and its records; raises UsageError where it was made in another place or in another way."""
    if name is None:
        raise UsageError("resume=True goes on with a run of the history: give its name")
    with Archive() as archive:
        entry = archive.find(name, "bench")
        records = archive.records(entry)
    earlier = entry.options.get("sweep", {})
    for option in _WAYS:
        if earlier.get(option, getattr(sweep, option)) != getattr(sweep, option):
            raise UsageError(
                f'the run "{name}" was made with {option}={earlier[option]!r}: resume it with that, or begin a new one '
                "under another name"
            )
    there, here = next((r for r in records if isinstance(r, Environment)), None), read_environment()
    if there is not None and (differing := differences(there, here)):
        raise UsageError(f'the run "{name}" was made with another {", ".join(differing)}: begin a new one under another name')
    if there is not None and there.revision != here.revision:
        message = f"begun at the git revision {there.revision}, resumed at {here.revision}: the code may have changed between"
        records.append(Caveat("other-revision", message))
    return entry, records
