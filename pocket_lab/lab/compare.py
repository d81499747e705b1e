"""compare: is b faster or slower than a, the same, or cannot tell?"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property, partial
from numbers import Integral
from typing import TYPE_CHECKING, Any, Unpack

import pandas as pd
from markupsafe import Markup

from pocket_lab.analysis.compare.columns import COMPARISON_COLUMNS
from pocket_lab.analysis.compare.means import geometric_means
from pocket_lab.analysis.compare.nodes import compare_nodes
from pocket_lab.analysis.compare.pairs import compare_pairs
from pocket_lab.analysis.compare.ratio import FEWEST_BLOCKS, MARGIN
from pocket_lab.analysis.compare.stored import STORED_MARGIN, StoredRun, compare_runs
from pocket_lab.analysis.environments import differences, other_locks, other_packages
from pocket_lab.errors import UsageError
from pocket_lab.frames.node_pairs import node_pairs_frame
from pocket_lab.frames.pairs import pairs_frame, sides_frame
from pocket_lab.frames.points import points_of
from pocket_lab.frames.samples import without_warm_up
from pocket_lab.lab.bench import Bench
from pocket_lab.lab.load_stored import earlier_key, stored_bench
from pocket_lab.lab.options.keywords import CompareOptions
from pocket_lab.lab.options.request import Request, parse_request, with_workers
from pocket_lab.lab.options.signature import takes_options
from pocket_lab.lab.result import Result
from pocket_lab.lab.runs.collect import collect
from pocket_lab.lab.runs.interruptible import interruptible
from pocket_lab.lab.runs.last_result import keep
from pocket_lab.lab.runs.parameters import refuse_taken
from pocket_lab.lab.runs.recording import Recording, options_json
from pocket_lab.measure.job import Input, Job
from pocket_lab.measure.method import method_differences
from pocket_lab.measure.paired.paired_job import PairedJob
from pocket_lab.measure.paired.sampler import sample_pairs
from pocket_lab.measure.planning import plan_job
from pocket_lab.measure.supervisor import measure
from pocket_lab.measure.sweep import Counts
from pocket_lab.measure.worker.native_limit import limit_of
from pocket_lab.profile.trace.paired_nodes import trace_paired_nodes
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.environment import Environment
from pocket_lab.records.progress import Failure, Planned
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Sample
from pocket_lab.view.findings.compare import block_caveats, comparison_sentences
from pocket_lab.view.findings.environment import describe_environment
from pocket_lab.view.findings.node_changes import node_change_sentences
from pocket_lab.view.findings.stored import stored_sentences
from pocket_lab.view.html.page import note
from pocket_lab.view.plots.forest import comparison_figure, plot_comparison
from pocket_lab.view.text.comparison_table import comparison_table, node_changes_table
from pocket_lab.view.text.history_table import run_label
from pocket_lab.view.text.table import TextTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_OF_POINTS = ("size", "sizes", "workers", "executor", "executors", "params", "grid")
_UNPAIRED = "the two runs were not measured together: compare the two targets themselves to see smaller changes"
_SAME_CODE = "the code of the target and of its input is the same in both runs, so a difference comes from something else"


@dataclass(frozen=True, slots=True)
class Variant:
    """A side of a comparison with its own workers, executor or name."""

    target: Any
    workers: Counts | None = None
    executor: str | None = None
    name: str | None = None


class Comparison(Result):
    """The result of `compare`: `.frame` (a row per pair of points), `.nodes` (of graphs), `.samples`, `.verdict`, `.plot()`."""

    def __init__(
        self,
        name: str,
        records: Sequence[Record],
        margin: float = MARGIN,
        runs: pd.DataFrame | None = None,
        run: int | None = None,
    ) -> None:
        super().__init__(name, records, run)
        self.margin = margin
        self._runs = runs

    @property
    def title(self) -> str:
        """The names of both sides, and that of the run."""
        sides = self.frame[["target_a", "target_b"]].drop_duplicates() if len(self.frame) else self.frame
        names = f"{sides['target_b'].item()} against {sides['target_a'].item()}" if len(sides) == 1 else self.name
        return f"Comparison: {names}" if names == self.name else f'Comparison: {names}, "{self.name}"'

    @cached_property
    def samples(self) -> pd.DataFrame:
        """One row per round: seconds a run of both sides, and the block in which they were built."""
        return pairs_frame(self.records)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row per pair: ratio of b to a with its 99 % interval, both clocks, verdict, seconds needed to tell."""
        if self._runs is not None:
            return self._runs
        return compare_pairs(self.samples, sides_frame(self.records), self.margin)

    @cached_property
    def nodes(self) -> pd.DataFrame:
        """One row per pair and node of two graphs: self time of both sides, change with its 99 % interval, share of all change.

        From short runs of both with a recorder of spans, alternately, in the last tenth of the budget; none of their time is
        in `.frame`. Empty where there was no time for five rounds, and under load.
        """
        return compare_nodes(node_pairs_frame(self.records))

    @property
    def caveats(self) -> list[Caveat]:
        """Caveats noted during the measurement, with the side that they are about, and that of too few blocks."""
        noted = [
            caveat if caveat.point is None else replace(caveat, message=f"{caveat.point.target}, {caveat.message}")
            for caveat in super().caveats
        ]
        return noted + block_caveats(self.frame, FEWEST_BLOCKS)

    @property
    def failures(self) -> list[str]:
        """Every side that failed, and why."""
        failed = [record for record in self.records if isinstance(record, Failure)]
        names = ["" if record.point is None else f"{record.point.target}, " for record in failed]
        return [name + text for name, text in zip(names, super().failures, strict=True)]

    @property
    def verdict(self) -> str:
        """The verdict, where all pairs have the same one; otherwise "mixed"."""
        verdicts = set(self.frame["verdict"])
        return str(verdicts.pop()) if len(verdicts) == 1 else "mixed"

    @property
    def table(self) -> TextTable:
        """A row per pair, and one of the geometric means where there are several."""
        return comparison_table(self.frame, geometric_means(self.frame))

    @property
    def findings(self) -> list[str]:
        """The verdicts in words, with their clock, and for graphs the nodes that a change comes from."""
        if "machine_ratio" in self.frame:
            return stored_sentences(self.frame)
        changes = node_change_sentences(self.nodes, self.frame, self.margin)
        budget_s = next((record.budget_s for record in self.records if isinstance(record, Planned)), 0.0)
        return [*comparison_sentences(self.frame, self.margin, budget_s), *changes]

    def _figure(self) -> Figure:
        """The ratios with their intervals."""
        return comparison_figure(self.frame, self.margin)

    @property
    def environment(self) -> Environment | None:
        """Where both sides were measured; None for two stored runs, which have one each."""
        return next((record for record in self.records if isinstance(record, Environment)), None)

    def _parts(self) -> list[Markup]:
        kept = [] if self.run is None else [f'run {self.run} of the history, "{self.name}"']
        description = "; ".join([*filter(None, [describe_environment(self.environment)]), *kept])
        nodes = [] if self.nodes.empty else [node_changes_table(self.nodes).to_html()]
        return [*super()._parts(), *nodes, note(description)]

    def _draw(self, ax: Axes) -> None:
        plot_comparison(ax, self.frame, self.margin)


@dataclass(frozen=True, slots=True)
class _Own:
    """The options of `compare` alone."""

    margin: float | None
    force: bool
    check_equal: bool


@interruptible
@takes_options
def compare(a: Any, b: Any, **options: Unpack[CompareOptions]) -> Comparison:
    """Measure two targets together and say of b: "faster", "slower", "same" or "cannot tell".

    Args:
        a, b: graphs, nodes, callables, or a `Variant` with its own workers or executor; or two results of `bench`,
            or two runs of the history by name ("fit" is its newest run, "fit#12" run 12 of that name) or by number.
            The options apply to both sides.
        {options}

    With several pairs the verdicts are corrected for their number, the intervals are not: a row may exclude no change and
    still say "cannot tell". `seconds_needed` is the time of one pair's batches. caches="cold" compares first calls.

    Both targets run in one process, in neighbouring batches in random order, and are rebuilt for every block. Raises
    UsageError for what cannot be compared, and the target's own error from the result's `.error`.
    """
    request = parse_request("compare", _Own, options)
    a, b = _stored(a, b)
    if isinstance(a, Bench) and isinstance(b, Bench):
        given = [name for name in _OF_POINTS if options.get(name) is not None]
        given += ["input"] if request.input is not Input.ABSENT else []
        if given:
            raise UsageError(f"two results of bench are compared as they were measured: leave {', '.join(given)} out")
        return _compare_runs(a, b, request.own.margin or STORED_MARGIN, request.own.force, request.name)
    if isinstance(a, Bench) or isinstance(b, Bench):
        raise UsageError(
            "one side is a result of bench, which cannot be measured again: give two results, or two names of the history, "
            "or two targets"
        )
    margin = request.own.margin or MARGIN
    if request.sweep.params:
        refuse_taken(request.sweep, pd.DataFrame(columns=COMPARISON_COLUMNS), pairs_frame(()))
    jobs = [_job(side, request) for side in (a, b)]
    pair = PairedJob(
        *_with_different_names(*jobs),
        precision=margin / 2,
        budget_s=request.sweep.budget_s,
        check_equal=request.own.check_equal,
        native_limit=limit_of(request.sweep.native_threads, [point for job in jobs for point in job.points]),
    )
    if len(pair.a.points) != len(pair.b.points):
        raise UsageError(
            "the two sides have different numbers of points: give them the same workers and executors, or one each"
        )
    records: list[Record] = []
    one, other = (job.points[0].target for job in (pair.a, pair.b))
    label = request.name or f"{other} against {one}"
    recording = Recording("compare", label, other, options_json(jobs[0].sweep, request.command_line, margin=margin))
    try:
        are_graphs = all(job.runs_graphs for job in (pair.a, pair.b))
        task = partial(sample_pairs, afterwards=trace_paired_nodes) if are_graphs else sample_pairs
        with recording, closing(measure(pair, task)) as stream:
            collect(stream, records, recording, request.watch)
    finally:
        result = Comparison(label, records, margin, run=recording.run)
        if any(isinstance(record, Sample) for record in records):
            keep(result)
    return result


def _job(side: Any, request: Request[_Own]) -> Job:
    variant = side if isinstance(side, Variant) else Variant(side)
    sweep = with_workers(request.sweep, variant.workers, variant.executor)
    return plan_job(variant.target, request.input, sweep, variant.name)


def _with_different_names(a: Job, b: Job) -> tuple[Job, Job]:
    """The jobs, with different names for their targets."""
    if a.points[0].target != b.points[0].target:
        return a, b
    return tuple(  # type: ignore[return-value]
        replace(job, points=tuple(replace(point, target=f"{point.target} ({side})") for point in job.points))
        for side, job in (("a", a), ("b", b))
    )


def _stored(*sides: Any) -> list[Any]:
    """The sides, with runs of the history in place of names; numbers are runs too where neither side is a target."""
    are_numbers = [isinstance(side, Integral) and not isinstance(side, bool) for side in sides]
    if all(number or isinstance(side, str | Bench) for side, number in zip(sides, are_numbers, strict=True)):
        return [side if isinstance(side, Bench) else stored_bench(side) for side in sides]
    return [stored_bench(side) if isinstance(side, str) else side for side in sides]


def _compare_runs(a: Bench, b: Bench, margin: float, force: bool, name: str | None) -> Comparison:
    """Two measured results, unpaired; refuses results whose method or rate differs, whatever `force` says."""
    for option, one, other in method_differences(a.sweep, b.sweep):
        raise UsageError(
            f'"{a.name}" was measured with {option}={one!r} and "{b.name}" with {option}={other!r}: '
            f"measure one of them again with the other's {option}"
        )
    if a is b or (a.run is not None and a.run == b.run):
        number = "" if a.run is None else f", run {a.run} of the history"
        earlier = earlier_key(a)
        hint = "" if earlier is None else f'; an earlier run of that name is "{earlier}"'
        raise UsageError(f'both sides are the same run, "{a.name}"{number}: a run cannot be compared with itself{hint}')
    records: list[Record] = [Caveat("unpaired", _UNPAIRED)]
    if a.code is not None and a.code == b.code:
        records.append(Caveat("same-code", _SAME_CODE))
    if differing := [*differences(a.environment, b.environment), *other_locks(a.environment, b.environment)]:
        message = f"the two runs differ in {', '.join(differing)}"
        if not force:
            raise UsageError(
                f"{message}, so the effect of a code change cannot be separated from that; force=True compares them anyway"
            )
        records.append(Caveat("other-environment", message))
    if _has_one_native_thread(a) != _has_one_native_thread(b):
        one, other = (a, b) if _has_one_native_thread(a) else (b, a)
        message = (
            f'"{one.name}" was measured with one BLAS or OpenMP thread in each worker, "{other.name}" was not limited to that'
        )
        records.append(Caveat("other-native-threads", f"{message}: native_threads=1 on both makes them alike"))
    if packages := other_packages(a.environment, b.environment):
        records.append(Caveat("other-packages", f"the two runs had different versions of packages: {', '.join(packages)}"))
    names = _names_of_runs(a, b)
    runs = [
        StoredRun(name, without_warm_up(side.samples), side.references, side.frame)
        for name, side in zip(names, (a, b), strict=True)
    ]
    frame = compare_runs(runs[0], runs[1], margin)
    if frame.empty:
        for option in ("drive", "rate"):
            if (values := [side.sweep.get(option) for side in (a, b)])[0] != values[1]:
                one, other = (_words(option, value) for value in values)
                raise UsageError(
                    f'"{a.name}" was measured with {one} and "{b.name}" with {other}, so that their times cannot be compared: '
                    f"measure both with the same {option}"
                )
        begun = [side.frame[side.frame["first_run_s"].notna()].assign(target="") for side in (a, b)]
        if set(points_of(begun[0])) & set(points_of(begun[1])):
            raise UsageError("at their common points one of the two runs has only first runs: measure it with a larger budget")
        raise UsageError("the two runs have no point in common: the same sizes, workers, executors and drive")
    result = Comparison(name or f"{names[1]} against {names[0]}", records, margin, frame)
    keep(result)
    return result


def _has_one_native_thread(bench: Bench) -> bool:
    return any(caveat.code == "one-native-thread" for caveat in bench.caveats)


def _names_of_runs(a: Bench, b: Bench) -> list[str]:
    """The names of both runs, with number and date where the names alone are the same."""
    if a.name != b.name:
        return [a.name, b.name]
    names = [run_label(side.name, side.run, side.begun) for side in (a, b)]
    return names if names[0] != names[1] else [f"{name} ({side})" for name, side in zip(names, "ab", strict=True)]


def _words(option: str, value: str | float | None) -> str:
    if value is None:
        return f"no {option}"
    return f"{option}={value}" if isinstance(value, str) else f"{option}={value:g}"
