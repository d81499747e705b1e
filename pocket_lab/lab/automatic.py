"""sizes="auto" and workers="auto": a bench looks for what to measure first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from time import monotonic
from typing import Any, NamedTuple

import pandas as pd

from pocket_lab.analysis.scaling import add_speedup, log_throughputs
from pocket_lab.errors import UsageError
from pocket_lab.executors.registry import is_address, is_remote
from pocket_lab.frames.bench import bench_frame
from pocket_lab.frames.samples import samples_frame
from pocket_lab.lab.options.keywords import Watcher
from pocket_lab.measure.environment import cpu_quota, memory_bytes, usable_cores
from pocket_lab.measure.job import Job
from pocket_lab.measure.planning import plan_job
from pocket_lab.measure.points.scout import LADDER, Limits, scout
from pocket_lab.measure.sampler import sample
from pocket_lab.measure.supervisor import Task, measure
from pocket_lab.measure.sweep import Sweep
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.point import Point, describe_params
from pocket_lab.records.progress import Closed, Failure, Heartbeat, Planned
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Sample
from pocket_lab.units import format_count, format_duration

_SIZES_SHARE, _WORKERS_SHARE = 0.15, 0.15  # of the budget, the latter for each doubling of the workers
_SEARCH_SHARE, _REST_SHARE = 0.5, 0.3  # what the search takes at most, and what a search that was late leaves
_LEAST_SIZES_S, _LEAST_S = 1.0, 2.5  # for sizes, and for a doubling, in which processes have to start
_LARGEST_SHARE = 0.25  # of the budget, for one of a small budget
_TRIAL_PRECISION = 0.05
_RUNS = 20  # of each point, that the budget should hold
_TOGETHER = 1.5  # all sizes take so many times what the largest does, if time grows with size
_MOST_SIZES = 7
_MOST_DOUBLINGS = 3  # of the cores
_HELPS = 1.05  # the speed-up of twice the workers that is worth having
_MEMORY_SHARE = 0.25  # of the machine's memory, that a run may be expected to hold


class Found(NamedTuple):
    """What was looked for: the values to measure, and a sentence on why these."""

    values: tuple[int, ...]
    sentence: str


@dataclass(frozen=True, slots=True)
class Search:
    """A target with its input and what results call it, of which `sweep` has options that are "auto"; `watch` sees the time."""

    target: Any
    input: Any
    name: str | None
    sweep: Sweep
    watch: Watcher | None = None

    def resolved(self) -> tuple[Sweep, tuple[Caveat, ...]]:
        """The sweep with values, within what is left of its budget, and Caveats that say what was chosen and why.

        Raises UsageError where the target takes no size, and where its runs have no end of their own.
        """
        begun_s, sweep, sentences = monotonic(), replace(self.sweep, automatic=()), []
        end_s = begun_s + sweep.budget_s * _SEARCH_SHARE
        if self.watch is not None:
            self.watch(Planned((), sweep.budget_s))
        cores = usable_cores(cpu_quota())
        if "workers" in self.sweep.automatic:
            sweep = replace(sweep, workers=_powers_up_to(cores))
        if "sizes" in self.sweep.automatic:
            if sweep.drive == "load":
                raise UsageError('sizes="auto" needs runs that end by themselves: under drive="load" give sizes')
            sizes = self._sizes(sweep, end_s)
            sweep = replace(sweep, sizes=sizes.values)
            sentences.append(sizes.sentence)
        if "workers" in self.sweep.automatic:
            workers = self._workers(sweep, cores, end_s)
            sweep = replace(sweep, workers=workers.values)
            sentences.append(workers.sentence)
        took_s = monotonic() - begun_s
        message = f"{'; '.join(sentences)}; to find out took {format_duration(took_s)} of the budget"
        return replace(sweep, budget_s=max(sweep.budget_s - took_s, sweep.budget_s * _REST_SHARE)), (Caveat("auto", message),)

    def _sizes(self, sweep: Sweep, end_s: float) -> Found:
        planned = self._plan(replace(sweep, sizes=(LADDER[0],)))
        run_s = sweep.budget_s * (1 - _SIZES_SHARE) / (len(planned.points) * _RUNS * _TOGETHER)
        search_s = max(sweep.budget_s * _SIZES_SHARE, min(_LEAST_SIZES_S, sweep.budget_s * _LARGEST_SHARE))
        job = self._plan(replace(sweep, sizes=LADDER, budget_s=search_s))
        first = job.points[0]
        alike = [p for p in job.points if (p.params, p.executor, p.workers) == (first.params, first.executor, first.workers)]
        total = memory_bytes()
        limits = Limits(run_s, float("inf") if total is None else total * _MEMORY_SHARE)
        records = self._records(replace(job, points=tuple(alike)), partial(scout, limits=limits), end_s)
        times = {r.point.size: r.wall_s for r in records if isinstance(r, Sample) and r.error is None and r.point.size}
        failure = next((record for record in records if isinstance(record, Failure)), None)
        if not times and failure is not None:
            raise UsageError(f'sizes="auto": size {LADDER[0]} failed ({failure.chain[0][1]}): give sizes that the target takes')
        is_late = any(isinstance(record, Closed) and record.status == "budget" for record in records)
        chosen = tuple(size for size, wall_s in times.items() if wall_s <= run_s)[-_MOST_SIZES:] or LADDER[:1]
        if not times:
            end = "not even one run of this size ended while sizes were looked for, with what it has to start or to load"
        else:
            end = _end_of_sizes(chosen[-1], times, run_s, failure, is_late)
        return Found(chosen, f'sizes="auto" chose {_range(chosen)}{_tried(job.points, first.executor)}: {end}')

    def _workers(self, sweep: Sweep, cores: int, end_s: float) -> Found:
        planned = self._plan(sweep)
        if all(point.workers == 1 for point in planned.points):
            where = ", ".join(dict.fromkeys(point.executor for point in planned.points))
            return Found((1,), f'workers="auto": 1 is the whole choice: one run of this target has one worker on {where}')
        counts, sentence = list(sweep.workers), "there was no time to try more"
        trial_s = max(sweep.budget_s * _WORKERS_SHARE, min(_LEAST_S, sweep.budget_s * _LARGEST_SHARE))
        while len(counts) < len(sweep.workers) + _MOST_DOUBLINGS and monotonic() + trial_s <= end_s:
            twice = 2 * counts[-1]
            speedup = self._speedup(replace(sweep, budget_s=trial_s), counts[-1], twice, end_s)
            sentence = f"{twice} were {speedup}"
            if not speedup.helps:
                break
            counts.append(twice)
            sentence += ", and more were not tried"
        chosen = ", ".join(map(str, counts))
        return Found(
            tuple(counts),
            f'workers="auto" chose {chosen} for {cores} core{"s" * (cores > 1)}{_tried(planned.points)}: {sentence}',
        )

    def _speedup(self, sweep: Sweep, fewer: int, more: int, end_s: float) -> Speedup:
        """The largest that any executor has with more workers, at the largest size and the first parameters."""
        sizes = sweep.sizes[-1:] if None in sweep.sizes else (max(size for size in sweep.sizes if size is not None),)
        trial = replace(sweep, sizes=sizes, workers=(fewer, more), references=False, precision=_TRIAL_PRECISION)
        try:
            job = self._plan(trial)
            first = job.points[0].params
            job = replace(job, points=tuple(point for point in job.points if point.params == first))
            records = self._records(job, sample, end_s)
        except UsageError as error:
            if any(is_address(executor) for executor in sweep.executors or ()):
                return Speedup(refusal=str(error))  # it has fewer slots
            raise
        samples = samples_frame(records)
        frame: pd.DataFrame = add_speedup(bench_frame(records, samples), log_throughputs(samples))
        rows = frame[(frame["workers"] == more) & frame["speedup_low"].notna()]
        if rows.empty:
            return Speedup()
        best = rows.sort_values("speedup_low").to_dict("records")[-1]
        return Speedup(float(best["speedup_low"]), float(best["speedup_high"]), str(best["executor"]))

    def _plan(self, sweep: Sweep) -> Job:
        return plan_job(self.target, self.input, sweep, self.name)

    def _records(self, job: Job, task: Task, end_s: float) -> list[Record]:
        """Those of the task, within the budget of the job; where processes of workers start first, that and until `end_s`."""
        has_to_start = any(is_remote(point.executor) for point in job.points)
        records: list[Record] = []
        with closing(measure(job, task, is_rest=not has_to_start)) as stream:
            for record in stream:
                records.append(record)
                if isinstance(record, Heartbeat):
                    if self.watch is not None:
                        self.watch(record)
                    if has_to_start and monotonic() > end_s:
                        closed = {record.point for record in records if isinstance(record, Closed)}
                        return [*records, *(Closed(point, "budget") for point in job.points if point not in closed)]
        return records


class Speedup(NamedTuple):
    """Of twice the workers, with its interval; NaN where the data cannot tell, with the reason of a refusal."""

    low: float = float("nan")
    high: float = float("nan")
    executor: str = ""
    refusal: str = ""

    @property
    def helps(self) -> bool:
        """Whether twice the workers are worth having, beyond doubt."""
        return self.low > _HELPS

    def __str__(self) -> str:
        """What follows "twice so many were"."""
        if self.refusal:
            return f"refused ({self.refusal})"
        if self.low != self.low:
            return "not measured often enough to tell"
        what = "faster" if self.helps else "not faster" if self.high < _HELPS else "not surely faster"
        return f"{what} ({self.low:.2f}x to {self.high:.2f}x on {self.executor})"


def _tried(points: tuple[Point, ...], executor: str = "") -> str:
    """With which of several parameters, and on which of several executors, what is chosen for all of them was tried."""
    params = f" with {describe_params(points[0].params)}" if len({point.params for point in points}) > 1 else ""
    where = f" on {executor}" if executor and len({point.executor for point in points}) > 1 else ""
    return f", tried{params}{where}" if params or where else ""


def _powers_up_to(cores: int) -> tuple[int, ...]:
    return tuple(dict.fromkeys((*_powers(cores), cores)))


def _powers(most: int) -> Iterator[int]:
    count = 1
    while count <= most:
        yield count
        count *= 2


def _range(sizes: tuple[int, ...]) -> str:
    first, last = format_count(sizes[0]), format_count(sizes[-1])
    return first if len(sizes) == 1 else f"{first} to {last}"


def _end_of_sizes(last: int, times: dict[int, float], run_s: float, failure: Failure | None, is_late: bool) -> str:
    """Why no larger size was chosen."""
    held = f"the budget holds runs of {format_duration(run_s)}"
    longer = [size for size in times if size > last]
    if times.get(last, float("inf")) > run_s:
        return f"{held}, and even one of this size takes longer"
    if longer:
        return f"{held}, and one of size {format_count(longer[0])} took {format_duration(times[longer[0]])}"
    if failure is not None and failure.point is not None and failure.point.size is not None:
        return f"size {format_count(failure.point.size)} failed ({failure.chain[0][1]})"
    if last == LADDER[-1]:
        return "larger ones are not tried"
    if is_late:
        return f"there was no time to try larger ones ({held})"
    return f"{held}, and one of the next size would take longer, or hold more memory than is safe, if it goes on as it did"
