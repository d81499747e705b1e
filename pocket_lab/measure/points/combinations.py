"""The jobs of the combinations of parameters: the same job, with the target and the input of one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from pocket_lab.executors.faults.forks import InParent
from pocket_lab.executors.faults.interrupts import INTERRUPTS
from pocket_lab.measure.job import Job
from pocket_lab.measure.parameters.params import NO_VALUES
from pocket_lab.measure.parameters.takers import NO_TAKERS
from pocket_lab.records.point import Params, Point
from pocket_lab.records.record import Record


class Combinations:
    """Gives each point of a `job` that of its combination; a factory is called once for each combination that it takes."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self._jobs: dict[Params, Job] = {}
        self._targets: dict[Params, Any] = {}

    def of(self, point: Point) -> Job:
        """The job of a point; raises what the factory of the target raises."""
        if not point.params:
            return self.job
        if (known := self._jobs.get(point.params)) is None:
            known = self._jobs[point.params] = self._made(point.params)
        return known

    @property
    def first(self) -> Job:
        """The job of the first point, or the job as it is where that has no target."""
        try:
            return self.of(self.job.points[0])
        except BaseException as error:  # an error of the user's factory, which is reported at its point
            INTERRUPTS.pass_on(error)
            return self.job

    def apart(self) -> Iterator[Job]:
        """A job with its own points for each combination."""
        points: dict[Params, list[Point]] = {}
        for point in self.job.points:
            points.setdefault(point.params, []).append(point)
        for alike in points.values():
            yield replace(self.of(alike[0]), points=tuple(alike))

    def _made(self, params: Params) -> Job:
        job, takers = self.job, self.job.takers
        values = job.sweep.values.of(params)
        key = tuple(pair for pair in params if pair[0] in takers.target)
        with InParent():
            if key not in self._targets:
                self._targets[key] = takers.target_with(job.target, values)
            input = takers.input_with(job.input, values)
        sweep = replace(job.sweep, params=(), grid=None, values=NO_VALUES)  # a worker process needs no values of others
        return replace(job, target=self._targets[key], input=input, sweep=sweep, takers=NO_TAKERS)


def each_combination(task: Callable[[Job], Iterator[Record]], job: Job) -> Iterator[Record]:
    """The records of the task for one combination after the other."""
    if not job.sweep.params:
        yield from task(job)
        return
    for one in Combinations(job).apart():
        yield from task(one)
