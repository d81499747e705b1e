"""A job measured from end to end: in a child that is replaced when it dies, or in place."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import replace

from pocket_lab.errors import ProcessDied
from pocket_lab.measure.failed_point import failed_point
from pocket_lab.measure.job import Job
from pocket_lab.measure.sampler import sample
from pocket_lab.measure.worker.batch_timeout import within_timeout
from pocket_lab.measure.worker.budget import Budget
from pocket_lab.measure.worker.process import stream
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.point import Point
from pocket_lab.records.progress import Closed, Planned, Started
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Latency, Sample

Task = Callable[[Job], Iterator[Record]]

_IN_PLACE = Caveat(
    "in-place", "measured inside this process: its other threads share the clock, and a run that hangs cannot be ended"
)


def measure(job: Job, task: Task = sample) -> Generator[Record]:
    """The records of a job, as the task makes them: samples, or a profile.

    Where the measuring process dies, the point under way has failed, and the others go on in a new process within what
    is left of the budget.
    """
    yield Planned(job.points, job.sweep.budget_s)
    if job.sweep.isolation == "kernel":
        yield _IN_PLACE
        with tempfile.TemporaryDirectory(prefix="pocket-lab-") as scratch:
            yield from task(replace(job, scratch=scratch))
        return
    budget = Budget(job.sweep.budget_s)
    open_points = dict.fromkeys(job.points)
    samples: list[Sample | Latency] = list(job.earlier)
    while open_points:
        at: Point | None = None
        try:
            with closing(stream(task, job)) as records:
                for record in budget.spent_on(within_timeout(records, job.sweep.point_timeout_s)):
                    if isinstance(record, Started):
                        at = record.point
                    elif isinstance(record, Closed):
                        open_points.pop(record.point, None)
                    elif isinstance(record, Sample | Latency):
                        samples.append(record)
                    yield record
            return
        except ProcessDied as died:
            if not open_points:
                yield Caveat("died-at-end", f"all was measured, and then {died}")
                return
            if at is None:
                raise
            yield from failed_point(at, 0, died)
            open_points.pop(at, None)
        if budget.left_s <= 0:
            yield from (Closed(point, "budget") for point in open_points)
            return
        sweep = replace(job.sweep, budget_s=budget.left_s)
        job = replace(job, points=tuple(open_points), sweep=sweep, caveats=(), earlier=tuple(samples))
