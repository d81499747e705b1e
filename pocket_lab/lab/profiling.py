"""What the profile verbs share: one point, one run, a result or the target's own error."""

from __future__ import annotations

import linecache
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import chain
from typing import Any, TypeVar

from pocket_lab.errors import DeadlineExceeded, UsageError
from pocket_lab.lab.collect import Watcher, collect
from pocket_lab.lab.last import keep
from pocket_lab.lab.recording import Recording, told_options
from pocket_lab.lab.result import Result
from pocket_lab.measure.job import Job, plan_job
from pocket_lab.measure.process import stream
from pocket_lab.measure.sweep import parse_sweep
from pocket_lab.records import Heartbeat, Record, Source
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
    verb: str,
    task: Callable[[Job], Iterator[Record]],
    job: Job,
    make: Callable[[str, Sequence[Record], int | None], R],
    budget: float | str | None,
    watch: Watcher | None,
    asked: str | None,
    sources: Sequence[Source] = (),
) -> R:
    """Run the task in a process of its own; raises the target's own error where it failed, DeadlineExceeded past the budget."""
    budget_s = math.inf if budget is None else parse_duration(budget)
    records: list[Record] = []
    label = job.points[0].target
    recording = Recording(verb, label, label, told_options(job.sweep, asked))
    with recording, closing(stream(task, job)) as running:
        collect(chain(sources, _within(running, budget_s)), records, recording, watch)
    result = make(label, records, recording.run)
    if result.error is not None:
        raise result.error
    keep(result)
    return result


def _within(running: Iterator[Record], budget_s: float) -> Iterator[Record]:
    for record in running:
        if isinstance(record, Heartbeat) and record.elapsed_s > budget_s:
            raise DeadlineExceeded(f"the run took longer than the budget of {format_duration(budget_s)}; nothing was kept")
        yield record


def read_sources(places: Sequence[tuple[str, int, int]]) -> list[Source]:
    """Copies of the source from one line to another, of notebook cells too; a cell that is run again changes none of them."""
    return [
        Source(file, first, tuple(linecache.getlines(file)[first - 1 : last])) for file, first, last in dict.fromkeys(places)
    ]
