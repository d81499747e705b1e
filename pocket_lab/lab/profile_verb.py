"""The skeleton of the profile verbs: one run of each point under an instrument, then a result or the target's own error.

A new profile verb is a result class, an instrument and one `ProfileVerb`, which is NAME in the module `lab/name.py`: there
the history finds it.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import chain
from time import monotonic
from typing import Any, Generic, TypeVar

from pocket_lab.errors import DeadlineExceeded
from pocket_lab.lab.options.request import Request, parse_request
from pocket_lab.lab.result import Result
from pocket_lab.lab.runs.collect import collect
from pocket_lab.lab.runs.last_result import keep
from pocket_lab.lab.runs.parameters import refuse_taken
from pocket_lab.lab.runs.recording import Recording, options_json
from pocket_lab.measure.job import Job
from pocket_lab.measure.planning import plan_job
from pocket_lab.measure.points.combinations import Combinations, each_combination
from pocket_lab.measure.supervisor import Task, measure
from pocket_lab.profile.node_code import node_codes
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.point import Point
from pocket_lab.records.progress import Closed, Planned
from pocket_lab.records.record import Record
from pocket_lab.records.sources import Source
from pocket_lab.records.spans import Traced
from pocket_lab.units import format_duration

R = TypeVar("R", bound=Result)
O = TypeVar("O")  # noqa: E741


@dataclass(frozen=True, slots=True)
class ProfileVerb(Generic[R, O]):
    """The declaration of a profile verb.

    `own` is the dataclass of the options that only this verb has, `result` its result class. `prepare` gives the task that
    runs the job under the instrument, and the records that come before those of the task.
    """

    name: str
    own: type[O]
    result: Callable[[str, Sequence[Record], int | None], R]
    prepare: Callable[[Job, O], tuple[Task, Sequence[Record]]]

    def run(self, target: Any, options: Mapping[str, Any]) -> R:
        """Profile a target with the keywords of the verb."""
        return self.profile(target, parse_request(self.name, self.own, options))

    def profile(self, target: Any, request: Request[O]) -> R:
        """Run every point under the instrument and keep the result, also where it is interrupted.

        Where no point was profiled, raises the target's own error, or DeadlineExceeded where the budget has ended.
        """
        sweep = request.sweep
        job = plan_job(target, request.input, sweep, request.target_name(target))
        if sweep.params:
            refuse_taken(sweep, self.result("", (), None).frame)
        prepared = [self.prepare(one, request.own) for one in Combinations(job).apart()] if sweep.params else []
        task, first = prepared[0] if prepared else self.prepare(job, request.own)
        if prepared:
            first = list(dict.fromkeys(record for _, records in prepared for record in records))
            task = partial(each_combination, task)
        records: list[Record] = []
        label = request.run_name(job)
        recording = Recording(self.name, label, job.points[0].target, options_json(job.sweep, request.command_line))
        try:
            with recording, closing(measure(job, task)) as running:
                collect(chain(first, _within(running, sweep.budget_s)), records, recording, request.watch)
        finally:
            result = self.result(label, records, recording.run)
            has_any = any(isinstance(record, Closed) and record.status == "done" for record in records)
            if has_any or any(isinstance(record, Traced) for record in records):  # the spans that lead to an error are useful
                keep(result)
        if not has_any:
            if result.error is not None:
                raise result.error
            raise DeadlineExceeded(
                f"the run took longer than the budget of {format_duration(sweep.budget_s)}; nothing was kept"
            )
        return result


def node_sources(job: Job, functions: Sequence[Any] = ()) -> list[Source]:
    """Copies of the source of every node and of further functions, notebook cells included, as it is now."""
    codes, _ = node_codes(job.target, job.points[0].target, functions)
    parts = dict.fromkeys((code.file, code.first, code.last) for code in codes)
    return [Source(file, first, tuple(linecache.getlines(file)[first - 1 : last])) for file, first, last in parts]


def _within(running: Iterator[Record], budget_s: float) -> Iterator[Record]:
    """The records until the budget ends; then the open points are closed, with a Caveat."""
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
