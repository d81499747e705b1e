"""What the profile verbs share: a run of each point under an instrument, a result or the target's own error."""

from __future__ import annotations

import linecache
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import chain
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

from pocket_lab.errors import DeadlineExceeded, UsageError
from pocket_lab.lab.collect import Watcher, collect
from pocket_lab.lab.last_result import keep
from pocket_lab.lab.recording import Recording, options_json
from pocket_lab.lab.result import Result
from pocket_lab.measure.job import Job
from pocket_lab.measure.planning import plan_job
from pocket_lab.measure.supervisor import Task, measure
from pocket_lab.measure.sweep import parse_sweep
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.point import Point
from pocket_lab.records.progress import Closed, Planned
from pocket_lab.records.record import Record
from pocket_lab.records.sources import Source
from pocket_lab.records.spans import Traced
from pocket_lab.units import format_duration

R = TypeVar("R", bound=Result)


def plan_profile(target: Any, input: Any, name: str | None, budget: float | str | None, **options: Any) -> Job:
    """The job of a profile: as that of a bench, but without a budget, and in place for one worker by default."""
    if budget is not None:
        if options.get("isolation") == "kernel":
            raise UsageError('budget ends a process of its own, so it has no effect with isolation="kernel"')
        options["budget"] = budget
    sweep = parse_sweep(**options)
    if sweep.executors is None:
        sweep = replace(sweep, executors=("serial",) if sweep.workers == (1,) else None)
    return plan_job(target, input, sweep if budget is not None else replace(sweep, budget_s=math.inf), name)


def profile(
    verb: str,
    task: Task,
    job: Job,
    make: Callable[[str, Sequence[Record], int | None], R],
    watch: Watcher | None,
    command_line: str | None,
    first: Sequence[Record] = (),
) -> R:
    """Run the task over the points of the job and keep the result of what was profiled, also where it is interrupted.

    `first` are records that stand before those of the task. Where no point was profiled, raises the target's own error, or
    DeadlineExceeded where the budget has ended.
    """
    records: list[Record] = []
    label = job.points[0].target
    recording = Recording(verb, label, label, options_json(job.sweep, command_line))
    try:
        with recording, closing(measure(job, task)) as running:
            collect(chain(first, _within(running, job.sweep.budget_s)), records, recording, watch)
    finally:
        result = make(label, records, recording.run)
        has_any = any(isinstance(record, Closed) and record.status == "done" for record in records)
        if has_any or any(isinstance(record, Traced) for record in records):  # a trace that leads to an error is worth a look
            keep(result)
    if not has_any:
        if result.error is not None:
            raise result.error
        raise DeadlineExceeded(
            f"the run took longer than the budget of {format_duration(job.sweep.budget_s)}; nothing was kept"
        )
    return result


def _within(running: Iterator[Record], budget_s: float) -> Iterator[Record]:
    """The records until the budget ends; the points that are open then are closed, with a Caveat."""
    end = monotonic() + budget_s
    open_points: dict[Point, None] = {}
    for record in running:
        if isinstance(record, Planned):
            open_points = dict.fromkeys(record.points)
        elif isinstance(record, Closed):
            open_points.pop(record.point, None)
        yield record
        if monotonic() > end and open_points:
            message = f"the budget of {format_duration(budget_s)} ended before {len(open_points)} points were profiled"
            yield Caveat("budget", message)
            yield from (Closed(point, "budget") for point in open_points)
            return


def writable_path(path: str | Path, option: str) -> Path:
    """The absolute path of a file that is written after the run; raises UsageError where its folder is not there."""
    place = Path(path).absolute()
    if not place.parent.is_dir() or place.is_dir():
        raise UsageError(
            f"{option}={str(path)!r} is no place for a file: {place.parent} must be a folder, and the name one in it"
        )
    return place


def read_sources(places: Sequence[tuple[str, int, int]]) -> list[Source]:
    """Copies of the source from one line to another, of notebook cells too; a cell that is run again changes none of them."""
    return [
        Source(file, first, tuple(linecache.getlines(file)[first - 1 : last])) for file, first, last in dict.fromkeys(places)
    ]
