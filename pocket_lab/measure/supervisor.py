"""Supervision of a measurement: its task runs in a child process that is replaced when it dies, or in place."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Protocol, Self, TypeVar

from pocket_lab.errors import ProcessDied
from pocket_lab.executors.faults.interrupts import INTERRUPTS
from pocket_lab.executors.world.native_threads import limited
from pocket_lab.measure.failed_point import failed_point
from pocket_lab.measure.job import Job
from pocket_lab.measure.worker.batch_timeout import within_timeout
from pocket_lab.measure.worker.budget import Budget, BudgetEnded
from pocket_lab.measure.worker.payload import Sendable
from pocket_lab.measure.worker.process import stream
from pocket_lab.measure.worker.scratch import make_scratch, scratch_folder
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.codec import valid_record
from pocket_lab.records.point import Point, describe
from pocket_lab.records.progress import Closed, Planned, Started
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Latency, Sample
from pocket_lab.units import format_duration

_MOST_VAIN = 3  # measuring processes that die one after the other outside the runs of the points
_SAME_PROCESS = Caveat(
    "in-place", "measured inside this process: its other threads share the clock, and a run that hangs cannot be ended"
)


class Measurable(Sendable, Protocol):
    """What the supervisor needs of a Job or a PairedJob, a frozen dataclass with a field `scratch`."""

    @property
    def points(self) -> tuple[Point, ...]:
        """Every point that the task closes."""

    @property
    def budget_s(self) -> float:
        """The seconds for all points together."""

    @property
    def point_timeout_s(self) -> float | None:
        """The most seconds for one batch; None for no limit."""

    @property
    def isolation(self) -> str:
        """ "process" or "kernel"."""

    def without(self, closed: Collection[Point], budget_s: float, samples: Sequence[Sample | Latency]) -> Self:
        """What remains for a new process: no closed points, and `samples` added to those of earlier processes."""


J = TypeVar("J", bound=Measurable)
Task = Callable[[Job], Iterator[Record]]


def measure(job: J, task: Callable[[J], Iterator[Record]], is_rest: bool = False) -> Generator[Record]:
    """The records that the task yields for the job: samples, paired samples, or a profile.

    When the measuring process dies, the current point has failed (with the whole pair, in a comparison), and the others
    continue in a new process within the rest of the budget; where no point is current, all of them do. A run that is in
    flight after the end is stopped, and its point closed. A measurement that `is_rest` of another one ends with its budget,
    also while its process starts.
    """
    yield Planned(job.points, job.budget_s)
    budget = Budget(job.budget_s, is_strict=is_rest)
    job = replace(job, begun_s=budget.begun_s)  # type: ignore[type-var]
    if job.isolation == "kernel":
        yield _SAME_PROCESS
        limit = job.native_limit
        with INTERRUPTS, scratch_folder() as scratch, limited(limit and limit.threads):
            lock = make_scratch(scratch)
            try:
                for record in task(replace(job, scratch=scratch)):  # type: ignore[type-var]
                    yield valid_record(record)
                    INTERRUPTS.raise_swallowed()
            finally:
                os.close(lock)
        return
    closed: set[Point] = set()
    vain = 0
    while job.points:
        current: Point | None = None
        samples: list[Sample | Latency] = []
        try:
            with INTERRUPTS, closing(stream(task, job)) as records:
                for record in within_timeout(budget.watch(records), job.point_timeout_s):
                    if isinstance(record, Started):
                        current = record.point
                    elif isinstance(record, Closed):
                        closed.add(record.point)
                    elif isinstance(record, Sample | Latency):
                        samples.append(record)
                    yield record
                    INTERRUPTS.raise_swallowed()
            return
        except BudgetEnded:
            if current is not None and current not in closed:
                is_first = all(sample.point != current for sample in samples)
                run = "its first run, with all that it has to start or to load," if is_first else "a run"
                over = f"did not end within the budget of {format_duration(job.budget_s)} and was stopped"
                yield Caveat("run-stopped", f"{describe(current)}: {run} {over}", current)
            yield from (Closed(point, "budget") for point in job.points if point not in closed)
            return
        except ProcessDied as died:
            if closed.issuperset(job.points):
                yield Caveat("died-at-end", f"all points were measured, and then {died}")
                return
            if current is None or current in closed:  # no point accounts for it: a kill from outside, or a lack of memory
                vain += 1
                if vain >= _MOST_VAIN:
                    raise
            else:
                vain = 0
                yield from failed_point(current, 0, died)
                closed.add(current)
        rest = job.without(closed, budget.left_s, samples)
        yield from (Closed(point, "failed") for point in job.points if point not in closed and point not in rest.points)
        if budget.left_s <= 0:
            yield from (Closed(point, "budget") for point in rest.points)
            return
        budget = Budget(rest.budget_s)
        job = replace(rest, begun_s=budget.begun_s)  # type: ignore[type-var]
