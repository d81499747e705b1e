"""One supervisor: a comparison whose process dies loses the pair under way and nothing else."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pocket_lab.errors import ProcessDied
from pocket_lab.measure.job import Input, Job
from pocket_lab.measure.paired.paired_job import PairedJob
from pocket_lab.measure.paired.sampler import sample_pairs
from pocket_lab.measure.planning import plan_job
from pocket_lab.measure.supervisor import measure
from pocket_lab.measure.sweep import parse_sweep
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.progress import Closed, Planned, Started
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Sample


def quiet(size: int) -> None:
    time.sleep(0.001)


def deadly(size: int) -> None:
    time.sleep(0.001)
    if size == 2:
        os.kill(os.getpid(), signal.SIGKILL)


def job(target: object, name: str, budget_s: float = 2.0) -> Job:
    return plan_job(target, Input.ABSENT, parse_sweep(sizes="1,2,3", budget=budget_s), name)


def test_a_comparison_goes_on_in_a_new_process_without_the_pair_that_died() -> None:
    paired = PairedJob(job(quiet, "a"), job(deadly, "b"), 1e-9, 2.0)
    records = list(measure(paired, sample_pairs))
    statuses = {(r.point.target, r.point.size): r.status for r in records if isinstance(r, Closed)}
    assert set(statuses) == {(point.target, point.size) for point in paired.points}
    assert {key for key, status in statuses.items() if status == "failed"} == {("a", 2), ("b", 2)}
    assert {r.point.size for r in records if isinstance(r, Sample) and r.error is None} >= {1, 3}
    assert sum(isinstance(r, Planned) for r in records) == 1


def test_every_point_is_closed_once_where_the_budget_has_ended_with_the_process() -> None:
    def task(paired: PairedJob):  # type: ignore[no-untyped-def]
        from pocket_lab.records.progress import Started

        yield Started(paired.points[0])
        time.sleep(0.2)
        os._exit(3)

    records = list(measure(PairedJob(job(quiet, "a"), job(quiet, "b"), 1e-9, 0.1), task))
    closed = [(r.point.target, r.point.size, r.status) for r in records if isinstance(r, Closed)]
    assert sorted(closed) == [
        ("a", 1, "failed"),
        ("a", 2, "budget"),
        ("a", 3, "budget"),
        ("b", 1, "failed"),
        ("b", 2, "budget"),
        ("b", 3, "budget"),
    ]


def test_a_death_after_the_last_point_is_a_caveat_also_in_a_second_process() -> None:
    def task(job: Job):  # type: ignore[no-untyped-def]
        from pocket_lab.records.progress import Closed, Started

        for point in job.points:
            yield Started(point)
            if point.size == 1:
                os._exit(3)
            yield Closed(point, "done")
        os._exit(4)

    records = list(measure(job(quiet, "a", 20.0), task))
    assert [r.point.size for r in records if isinstance(r, Closed)] == [1, 2, 3]
    assert [r.code for r in records if isinstance(r, Caveat)] == ["died-at-end"]


def dying_early(task_of_first: str, times: int, tmp_path: Path) -> Callable[[Job], Iterator[Record]]:
    """A task whose process dies outside of the runs of its points, as often as that."""
    note = tmp_path / "deaths"
    note.touch()

    def task(job: Job) -> Iterator[Record]:
        is_doomed = note.stat().st_size < times
        if is_doomed:
            note.write_text(note.read_text() + ".")
        if is_doomed and task_of_first == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        for point in job.points:
            yield Started(point)
            yield Closed(point, "done")
            if is_doomed:
                os.kill(os.getpid(), signal.SIGKILL)

    return task


@pytest.mark.parametrize("when", ["before", "between"])
def test_a_death_outside_of_every_run_costs_no_point(when: str, tmp_path: Path) -> None:
    records = list(measure(job(quiet, "a", 20.0), dying_early(when, 2, tmp_path)))
    assert [(r.point.size, r.status) for r in records if isinstance(r, Closed)] == [(1, "done"), (2, "done"), (3, "done")]


def test_a_process_that_never_comes_to_a_point_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ProcessDied, match="SIGKILL"):
        list(measure(job(quiet, "a", 20.0), dying_early("before", 9, tmp_path)))
    assert (tmp_path / "deaths").read_text() == "..."
