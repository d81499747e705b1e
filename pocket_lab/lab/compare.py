"""compare: is b faster or slower than a, the same, or can it not be told?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd
from markupsafe import Markup

from pocket_lab.analysis.compare import (
    FEWEST_BLOCKS,
    MARGIN,
    STORED_MARGIN,
    compare_pairs,
    compare_runs,
    geometric_means,
)
from pocket_lab.analysis.machines import differences, other_packages
from pocket_lab.errors import UsageError
from pocket_lab.frames.pairs import pairs_frame, sides_frame
from pocket_lab.frames.samples import without_warm_up
from pocket_lab.lab.bench import Bench
from pocket_lab.lab.collect import Watcher, collect
from pocket_lab.lab.last_result import keep
from pocket_lab.lab.load_stored import stored_bench
from pocket_lab.lab.recording import Recording, options_json
from pocket_lab.lab.result import Result
from pocket_lab.measure.job import Input, Job
from pocket_lab.measure.paired.paired_job import PairedJob
from pocket_lab.measure.paired.sampler import sample_pairs
from pocket_lab.measure.planning import plan_job
from pocket_lab.measure.supervisor import measure
from pocket_lab.measure.sweep import Counts, parse_sweep
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.environment import Environment
from pocket_lab.records.progress import Failure
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Sample
from pocket_lab.units import parse_fraction
from pocket_lab.view.findings.compare import block_caveats, comparison_sentences
from pocket_lab.view.findings.environment import describe_environment
from pocket_lab.view.html.page import note
from pocket_lab.view.plots.forest import comparison_figure, plot_comparison
from pocket_lab.view.text.comparison_table import comparison_table
from pocket_lab.view.text.table import TextTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_UNPAIRED = (
    "the two runs were not measured together: the same code differs by 8 to 10 % from one run to the next on a shared machine"
)


@dataclass(frozen=True, slots=True)
class Variant:
    """A side of a comparison with workers, an executor or a name of its own."""

    target: Any
    workers: Counts | None = None
    executor: str | None = None
    name: str | None = None


class Comparison(Result):
    """The result of `compare`: `.frame` (a row per pair of points), `.samples` (a row per round), `.verdict`, `.plot()`."""

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
        """Both names."""
        return f"Comparison: {self.name}"

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

    @property
    def caveats(self) -> list[str]:
        """Caveats noted during the measurement, with the side that they are about, and that of too few blocks."""
        noted = dict.fromkeys(record for record in self.records if isinstance(record, Caveat))
        texts = [("" if caveat.point is None else f"{caveat.point.target}, ") + caveat.message for caveat in noted]
        return texts + block_caveats(self.frame, FEWEST_BLOCKS)

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
        """The verdicts in words."""
        return comparison_sentences(self.frame, self.margin)

    def _figure(self) -> Figure:
        """The ratios with their intervals."""
        return comparison_figure(self.frame, self.margin)

    @property
    def environment(self) -> Environment | None:
        """Where both sides were measured; None for two stored runs, which have one each."""
        return next((record for record in self.records if isinstance(record, Environment)), None)

    def _parts(self) -> list[Markup]:
        kept = [] if self.run is None else [f'run {self.run} of the history, "{self.name}"']
        told = "; ".join([*filter(None, [describe_environment(self.environment)]), *kept])
        return [*super()._parts(), note(told)]

    def _draw(self, ax: Axes) -> None:
        plot_comparison(ax, self.frame, self.margin)


def compare(
    a: Any,
    b: Any,
    *,
    size: int | str | None = None,
    sizes: Counts | None = None,
    workers: Counts | None = None,
    executor: str | None = None,
    executors: str | Iterable[str] | None = None,
    input: Any = Input.ABSENT,
    drive: str = "run",
    rate: float | str | None = None,
    margin: float | str | None = None,
    budget: float | str = 10.0,
    point_timeout: float | str | None = None,
    fresh_input: bool = False,
    store: str = "fresh",
    caches: str = "warm",
    name: str | None = None,
    force: bool = False,
    command_line: str | None = None,
    watch: Watcher | None = None,
) -> Comparison:
    """Measure two targets together and say of b: "faster", "slower", "same" or "cannot tell".

    Args:
        a, b: graphs, nodes, callables, or a `Variant` with workers or an executor of its own; or two results of `bench`,
            or the names of two runs of the history.
        size, sizes, workers, executor, executors, input, drive, rate: as in `bench`, for both sides.
        margin: the smallest change that counts ("1%"; "10%" for two results of `bench`, which were not taken in pairs).
        budget: the most seconds for all pairs together; a pair that is precise enough ends earlier.
        point_timeout, fresh_input, store, caches: as in `bench`; caches="cold" compares first calls.
        name: how the result and the history call the comparison.
        force: compare results of `bench` from different machines or versions, with a caveat.
        command_line: the line of a magic or a shell that called it, kept in the history.
        watch: called with every record as it is made.

    With several pairs the verdicts are corrected for their number, the intervals are not: a row may exclude no change and
    still say "cannot tell". `seconds_needed` is the time of one pair's batches.

    Both targets run in one process, in neighbouring batches in random order, and are built anew for every block. Raises
    UsageError for what cannot be compared, and the target's own error from the result's `.error`.
    """
    a, b = (stored_bench(side) if isinstance(side, str) else side for side in (a, b))
    are_runs = isinstance(a, Bench) and isinstance(b, Bench)
    share = (STORED_MARGIN if are_runs else MARGIN) if margin is None else parse_fraction(margin)
    if not 0 < share < 1:
        raise UsageError(f"margin={margin!r} is not between 0 and 1; write for example 1%")
    if isinstance(a, Bench) and isinstance(b, Bench):
        sweeping = {"size": size, "sizes": sizes, "workers": workers, "executor": executor, "executors": executors}
        given = [option for option, value in sweeping.items() if value is not None] + (
            ["input"] if input is not Input.ABSENT else []
        )
        if given:
            raise UsageError(f"two results of bench are compared as they were measured: leave {', '.join(given)} out")
        return _compare_runs(a, b, share, force, name)
    if isinstance(a, Bench) or isinstance(b, Bench):
        raise UsageError(
            "one side is a result of bench, which cannot be measured again: give two results, or two names of the history, "
            "or two targets"
        )
    options = {
        "size": size,
        "sizes": sizes,
        "drive": drive,
        "rate": rate,
        "budget": budget,
        "point_timeout": point_timeout,
        "fresh_input": fresh_input,
        "store": store,
        "caches": caches,
    }
    shared = {"workers": workers, "executor": executor, "executors": executors}
    jobs = [_job(side, input, options, shared) for side in (a, b)]
    pair = PairedJob(*_told_apart(*jobs), precision=share / 2, budget_s=jobs[0].sweep.budget_s)
    if len(pair.a.points) != len(pair.b.points):
        raise UsageError(
            "the two sides have different numbers of points: give them the same workers and executors, or one each"
        )
    records: list[Record] = []
    one, other = (job.points[0].target for job in (pair.a, pair.b))
    label = name or f"{other} against {one}"
    recording = Recording("compare", label, other, options_json(jobs[0].sweep, command_line, margin=share))
    try:
        with recording, closing(measure(pair, sample_pairs)) as stream:
            collect(stream, records, recording, watch)
    finally:
        result = Comparison(label, records, share, run=recording.run)
        if any(isinstance(record, Sample) for record in records):
            keep(result)
    return result


def _job(side: Any, input: Any, options: dict[str, Any], shared: dict[str, Any]) -> Job:
    variant = side if isinstance(side, Variant) else Variant(side)
    own = dict(shared)
    if variant.workers is not None:
        own["workers"] = variant.workers
    if variant.executor is not None:
        own |= {"executor": variant.executor, "executors": None}
    return plan_job(variant.target, input, parse_sweep(**options, **own), variant.name)


def _told_apart(a: Job, b: Job) -> tuple[Job, Job]:
    """The jobs with names for their targets that differ."""
    if a.points[0].target != b.points[0].target:
        return a, b
    return tuple(  # type: ignore[return-value]
        replace(job, points=tuple(replace(point, target=f"{point.target} ({side})") for point in job.points))
        for side, job in (("a", a), ("b", b))
    )


def _compare_runs(a: Bench, b: Bench, margin: float, force: bool, name: str | None) -> Comparison:
    """Two measured results, unpaired."""
    records: list[Record] = [Caveat("unpaired", _UNPAIRED)]
    if differing := differences(a.environment, b.environment):
        message = f"the two runs differ in {', '.join(differing)}"
        if not force:
            raise UsageError(
                f"{message}, so a change of the code cannot be told from that; force=True compares them all the same"
            )
        records.append(Caveat("other-environment", message))
    if packages := other_packages(a.environment, b.environment):
        records.append(Caveat("other-packages", f"the two runs had different versions of packages: {', '.join(packages)}"))
    frame = compare_runs(without_warm_up(a.samples), without_warm_up(b.samples), margin)
    if frame.empty:
        raise UsageError("the two runs have no point in common: the same sizes, workers, executors and drive")
    result = Comparison(name or f"{b.name} against {a.name}", records, margin, frame)
    keep(result)
    return result
