"""bench: how fast is it, how does it grow with its input and with its workers."""

from __future__ import annotations

from collections.abc import Generator, Hashable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property, partial
from time import monotonic
from typing import TYPE_CHECKING, Any, Unpack

import pandas as pd
from markupsafe import Markup

from pocket_lab.analysis.advice import Advice, Undecided, advise_workers
from pocket_lab.analysis.growth import Growth, growth_of_memory, growth_of_time
from pocket_lab.analysis.machine import Machine, machine_of
from pocket_lab.analysis.noise import Noise, is_fastest, noise_of
from pocket_lab.analysis.precision import figures_of, precision_of
from pocket_lab.analysis.scaling import Throughputs, add_speedup, log_throughputs
from pocket_lab.errors import UsageError
from pocket_lab.frames.bench import bench_frame, metrics_frame, probe_frame
from pocket_lab.frames.nodes import nodes_frame
from pocket_lab.frames.points import at_point, point_columns, point_of
from pocket_lab.frames.references import references_frame
from pocket_lab.frames.samples import Columns, samples_frame
from pocket_lab.lab.automatic import Search
from pocket_lab.lab.options.keywords import BenchOptions
from pocket_lab.lab.options.request import parse_request
from pocket_lab.lab.options.signature import takes_options
from pocket_lab.lab.result import Result
from pocket_lab.lab.runs.collect import collect
from pocket_lab.lab.runs.interruptible import interruptible
from pocket_lab.lab.runs.last_result import keep
from pocket_lab.lab.runs.parameters import refuse_taken
from pocket_lab.lab.runs.recording import Recording, options_json
from pocket_lab.lab.runs.resumable import find_resumable
from pocket_lab.measure.code_version import code_version
from pocket_lab.measure.job import Job
from pocket_lab.measure.planning import plan_job
from pocket_lab.measure.resume import resumed
from pocket_lab.measure.sampler import sample
from pocket_lab.measure.supervisor import Task, measure
from pocket_lab.measure.sweep import sweep_options
from pocket_lab.profile.memory.bench_peaks import measure_peaks, refuse_peaks
from pocket_lab.profile.trace.bench_nodes import trace_nodes
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.environment import Environment
from pocket_lab.records.point import Point
from pocket_lab.records.progress import Forecast
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Probe, Sample
from pocket_lab.view.findings.advice import advice_sentence
from pocket_lab.view.findings.bench import (
    growth_sentence,
    metric_sentences,
    node_sentences,
    noise_sentence,
    outlier_caveats,
    precision_caveats,
)
from pocket_lab.view.findings.combinations import combination_sentences
from pocket_lab.view.findings.environment import describe_environment
from pocket_lab.view.findings.machine import machine_sentences
from pocket_lab.view.forecast import budget_caveats
from pocket_lab.view.html.page import note
from pocket_lab.view.text.bench_table import bench_table
from pocket_lab.view.text.history_table import run_label
from pocket_lab.view.text.table import TextTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LATE_FOR_PEAKS = 0.08  # of the budget: when a memory pass that has begun within it ends
_LEAST_WITH_PEAKS_S = 2.0  # a very short budget is a wish for few samples, and two processes have to start


class Bench(Result):
    """The result of `bench`: `.frame` (a row per point), `.samples` (a row per batch), `.growth`, `.advice`, `.plot()`.

    `.metrics` has what the runs reported, `.noise` the A/A comparison inside the sweep. `samples` are the samples of a loaded
    run as columns, where they are not among the records; `code` is the version of the target's code, where it is known;
    `begun` is when the run began, `earlier` are the `reference_seconds` of earlier runs on the same machine.
    """

    def __init__(
        self,
        name: str,
        records: Sequence[Record],
        samples: Columns | None = None,
        run: int | None = None,
        sweep: Mapping[str, Any] | None = None,
        code: str | None = None,
        *,
        begun: float | None = None,
        earlier: Sequence[float] = (),
    ) -> None:
        super().__init__(name, records, run)
        self._columns = samples
        self._earlier = earlier
        self.sweep = sweep or {}
        self.code = code
        self.begun = begun

    @property
    def title(self) -> str:
        """The target's name, and that of the run."""
        return f"Bench of {self._names}"

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row per point: median seconds per run with 95 % intervals, throughput, speed-up, errors, status."""
        return add_speedup(bench_frame(self.records, self.samples), self._throughputs)

    @cached_property
    def samples(self) -> pd.DataFrame:
        """One row per timed batch; `wall_s` and `cpu_s` are totals of its `loops` runs, `run_s` the time of one."""
        return samples_frame(self.records, self._columns)

    @cached_property
    def references(self) -> pd.DataFrame:
        """One row per round that measured the reference workloads: when, and the CPU seconds of each."""
        return references_frame(self.records)

    @cached_property
    def machine(self) -> Machine:
        """How fast the machine was and how steady, by the references."""
        return machine_of(self.references, self._earlier)

    @cached_property
    def _throughputs(self) -> Throughputs:
        return log_throughputs(self.samples)

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """One row per point, node and metric that the runs reported (`ctx.report`)."""
        return metrics_frame(self.records)

    @cached_property
    def nodes(self) -> pd.DataFrame:
        """One row per point and node of a graph: calls, seconds of its own and their share, waits of its items, errors.

        Medians of separate runs with a span recorder after the sweep, up to twelve as far as the budget allows; none of their
        time is in `.frame`. With memory=True, `peak_bytes`, `allocated_bytes` and `allocations` come from another run under
        memray. See also `trace` and `memory`.
        """
        return nodes_frame(self.records)

    @cached_property
    def noise(self) -> Noise | None:
        """The A/A comparison inside the sweep, on the clock of its point; None where it has too few rounds to tell."""
        if (figures := self._probed_figures) is None:
            return None
        cost = "cpu_run_s" if figures["basis"] == "cpu" else "run_s"
        pairs = probe_frame(self.records, self.samples.assign(run_s=self.samples[cost]))
        return noise_of(pairs, (figures["high_s"] - figures["low_s"]) / 2 / figures["value_s"])

    @cached_property
    def _probe(self) -> Point | None:
        return next((record.point for record in self.records if isinstance(record, Probe)), None)

    @cached_property
    def _probed_figures(self) -> Mapping[Hashable, Any] | None:
        if self._probe is None:
            return None
        rows = at_point(self.frame, point_columns(self._probe))
        return figures_of(rows).iloc[0].to_dict() if len(rows) else None

    @property
    def table(self) -> TextTable:
        """Size x workers with median time, interval, throughput and speed-up."""
        return bench_table(self.frame)

    @cached_property
    def growth(self) -> Growth | None:
        """The growth law of the time of a run, of the fewest workers of the first executor; None where there were no sizes."""
        return growth_of_time(self.frame)

    @cached_property
    def memory_growth(self) -> Growth | None:
        """The growth law of the peak bytes of one run per size; None without memory=True."""
        return growth_of_memory(self.frame)

    @cached_property
    def advice(self) -> Advice | None:
        """The worker count and executor to use at the largest size; None where there is no choice or the data cannot tell."""
        return self._advised if isinstance(self._advised, Advice) else None

    @cached_property
    def _advised(self) -> Advice | Undecided | None:
        cores = None if self.environment is None else self.environment.cores
        return advise_workers(self.frame, self._throughputs, cores)

    @property
    def findings(self) -> list[str]:
        """Growth and worker advice in words."""
        texts = []
        if self.growth is not None:
            texts.append(growth_sentence(self.growth))
        if self.memory_growth is not None:
            texts.append(growth_sentence(self.memory_growth, "peak memory"))
        if self._advised is not None:
            texts.append(advice_sentence(self._advised))
        if self.noise is not None and self._probe is not None and self._probed_figures is not None:
            is_first = is_fastest(self._probe, self.frame)
            texts.append(noise_sentence(self.noise, self._probe, is_first, self._probed_figures["basis"]))
        texts[:0] = combination_sentences(self.frame)
        return [*texts, *metric_sentences(self.metrics), *node_sentences(self.nodes), *machine_sentences(self.machine)]

    @cached_property
    def caveats(self) -> list[Caveat]:
        """Caveats noted during the measurement, and those that follow from the figures."""
        precision = precision_of(self.frame, self.sweep.get("precision"))
        precise = precision_caveats(precision, self.environment, max(self.frame["workers"], default=0))
        has_begun = self.frame["first_run_s"].notna() | (self.frame["rounds"] > 0) | (self.frame["status"] == "failed")
        stopped = {record.point for record in self.records if isinstance(record, Caveat) and record.code == "run-stopped"}
        has_begun |= pd.Series(
            [point_of(row) in stopped for row in self.frame.to_dict("records")], self.frame.index, dtype=bool
        )
        forecast = next((record for record in reversed(self.records) if isinstance(record, Forecast)), None)
        left = budget_caveats(forecast, int(has_begun.sum()), is_stopped=bool((self.frame["status"] == "cancelled").any()))
        return super().caveats + left + precise + outlier_caveats(self.samples)

    @property
    def environment(self) -> Environment | None:
        """Where it was measured."""
        return next((record for record in self.records if isinstance(record, Environment)), None)

    def _figure(self) -> Figure:
        """Time against size, and speed-up against workers."""
        from pocket_lab.view.plots.bench import bench_figure  # here, as matplotlib is slow to load

        return bench_figure(self.frame, self.samples)

    def _draw(self, ax: Axes) -> None:
        from pocket_lab.view.plots.bench import plot_bench

        plot_bench(ax, self.frame, self.samples)

    def _parts(self) -> list[Markup]:
        kept = "" if self.run is None else f"; in the history: {run_label(self.name, self.run, self.begun)}"
        return [*super()._parts(), note(describe_environment(self.environment) + kept)]


@dataclass(frozen=True, slots=True)
class _Own:
    """The options of `bench` alone."""

    memory: bool
    resume: bool


@interruptible
@takes_options
def bench(target: Any, **options: Unpack[BenchOptions]) -> Bench:
    """Measure a graph, node or callable over sizes x executors x workers, in a separate process.

    Args:
        target: what to measure.
        {options}

    An exception of the target fails its point (`.failures`, `.error`); the other points continue. Raises UsageError for
    invalid usage. Ctrl-C keeps what was measured as `pocket_lab.last()` and is raised again. Every record is in the
    history (`History().load(name)`) as soon as it is measured.
    """
    request = parse_request("bench", _Own, options)
    sweep = request.sweep
    found: tuple[Caveat, ...] = ()
    if sweep.automatic:
        if request.own.resume:
            raise UsageError(f'{" and ".join(sweep.automatic)}: give those of the run that is resumed, not "auto"')
        sweep, found = Search(target, request.input, request.target_name(target), sweep, request.watch).resolved()
    if sweep.params:
        empty = Bench("", ())
        refuse_taken(sweep, empty.frame, empty.samples, empty.nodes, empty.metrics)
    code = code_version(target, request.input, *sweep.values.objects().values())
    stored, records = find_resumable(request.name, sweep, code) if request.own.resume else (None, [])
    job = plan_job(target, request.input, sweep, request.target_name(target) if stored is None else stored.target)
    label = request.run_name(job) if stored is None else stored.name
    if stored is not None and not (job := resumed(job, records)).points:
        keep(whole := Bench(label, records, run=stored.id, sweep=sweep_options(sweep), code=code, begun=stored.started_at))
        return whole
    if request.own.memory:
        refuse_peaks(job)
    job = replace(job, memory_pass=request.own.memory, caveats=(*found, *job.caveats))
    recording = Recording("bench", label, job.points[0].target, options_json(sweep, request.command_line, code=code), stored)
    try:
        task = partial(sample, afterwards=trace_nodes) if job.runs_graphs else sample
        with recording, closing(_measured(job, task, request.own.memory)) as stream:
            collect(stream, records, recording, request.watch)
    finally:
        result = Bench(
            label,
            records,
            run=recording.run,
            sweep=sweep_options(sweep),
            code=code,
            begun=recording.begun,
            earlier=recording.earlier,
        )
        if any(isinstance(record, Sample) for record in records):
            keep(result)
    return result


def _measured(job: Job, task: Task, memory: bool) -> Generator[Record]:
    end_s = monotonic() + max((1 + _LATE_FOR_PEAKS) * job.budget_s, _LEAST_WITH_PEAKS_S)
    with closing(measure(job, task)) as stream:
        yield from stream
    if memory:
        with closing(measure_peaks(job, end_s - monotonic())) as stream:
            yield from stream
