"""What the profile verbs share: one point, one run, a result or the target's own error."""

from __future__ import annotations

import linecache
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any, TypeVar

from pocket_lab.errors import DeadlineExceeded, UsageError
from pocket_lab.lab.collect import Watcher, collect
from pocket_lab.lab.last import keep
from pocket_lab.lab.result import Result
from pocket_lab.measure.job import Job, plan_job
from pocket_lab.measure.process import stream
from pocket_lab.measure.sweep import parse_sweep
from pocket_lab.records import Heartbeat, Record
from pocket_lab.units import format_duration, parse_duration

R = TypeVar("R", bound=Result)


def plan_one_point(target: Any, input: Any, name: str | None, **options: Any) -> Job:
    """The job of a profile, in place where one worker is asked for and nothing else; raises UsageError for several points."""
    sweep = parse_sweep(**options)
    if sweep.executors is None:
        sweep = replace(sweep, executors=("serial",) if sweep.workers == (1,) else None)
    job = plan_job(target, input, sweep, name)
    if len(job.points) > 1:
        raise UsageError("a profile is made of one run: give one size, one worker count and one executor")
    return job


def profile(
    task: Callable[[Job], Iterator[Record]],
    job: Job,
    make: Callable[[str, Sequence[Record]], R],
    budget: float | str | None,
    watch: Watcher | None,
) -> R:
    """Run the task in a process of its own; raises the target's own error where it failed, DeadlineExceeded past the budget."""
    budget_s = math.inf if budget is None else parse_duration(budget)
    records: list[Record] = []
    with closing(stream(task, job)) as running:
        collect(_within(running, budget_s), records, watch)
    result = make(job.points[0].target, records)
    if result.error is not None:
        raise result.error
    keep(result)
    return result


def _within(running: Iterator[Record], budget_s: float) -> Iterator[Record]:
    for record in running:
        if isinstance(record, Heartbeat) and record.elapsed_s > budget_s:
            raise DeadlineExceeded(f"the run took longer than the budget of {format_duration(budget_s)}; nothing was kept")
        yield record


def read_sources(files: Sequence[str]) -> dict[str, Sequence[str]]:
    """Copies of the source lines, of notebook cells too; a cell that is run again later changes none of them."""
    return {file: list(linecache.getlines(file)) for file in files}
