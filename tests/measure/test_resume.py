"""A job that goes on: nothing is measured twice, and nothing that was measured is lost."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pocket_lab.errors import UsageError
from pocket_lab.measure.job import Input, Job
from pocket_lab.measure.resume import resumed
from pocket_lab.measure.sweep import Sweep
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.point import Point, Status
from pocket_lab.records.progress import Closed, Planned
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Latency, Sample

POINTS = tuple(Point("t", size, workers, "threads", "run") for size in (1, 2, 3) for workers in (1, 2))
STRANGERS = (Point("t", 9, 1, "threads", "run"), Point("t", 1, 1, "serial", "map"))
JOB = Job(len, Input.ABSENT, POINTS, Sweep(), (Caveat("kept", "as it is"),))

points = st.sampled_from(POINTS + STRANGERS)
statuses: st.SearchStrategy[Status] = st.sampled_from(["done", "budget", "cancelled", "failed"])
samples = st.builds(Sample, points, st.integers(0, 9), st.just(1), st.just(0.1), st.just(0.1), st.just(1))
told = st.lists(
    st.one_of(samples, st.builds(Latency, points, st.integers(0, 9), st.just(())), st.builds(Closed, points, statuses)),
    max_size=30,
)


@given(told)
def test_points_that_came_to_an_end_are_left_out_and_the_others_keep_their_order(records: list[Record]) -> None:
    ended = {r.point for r in records if isinstance(r, Closed) and r.status in ("done", "failed")}
    assert resumed(JOB, records).points == tuple(point for point in POINTS if point not in ended)


@given(told)
def test_every_sample_of_an_open_point_is_kept_and_none_of_a_strange_one(records: list[Record]) -> None:
    job = resumed(JOB, records)
    measured = [r for r in records if isinstance(r, Sample | Latency)]
    assert [r for r in job.earlier if r.point in job.points] == [r for r in measured if r.point in job.points]
    assert not any(r.point in STRANGERS for r in job.earlier)


@given(told)
def test_nothing_else_of_the_job_changes_and_doing_it_twice_is_doing_it_once(records: list[Record]) -> None:
    job = resumed(JOB, records)
    assert replace(job, points=POINTS, earlier=()) == JOB
    assert resumed(job, records).points == job.points


def test_a_point_that_the_budget_or_its_user_ended_goes_on() -> None:
    records: list[Record] = [Closed(POINTS[0], "budget"), Closed(POINTS[1], "cancelled"), Closed(POINTS[2], "done")]
    assert resumed(JOB, records).points == (*POINTS[:2], *POINTS[3:])


def test_a_point_that_was_planned_with_others_is_still_open() -> None:
    records: list[Record] = [Planned((POINTS[0], *STRANGERS), 1.0), Closed(POINTS[0], "done")]
    assert resumed(JOB, records).points == POINTS[1:]


def test_records_of_other_points_altogether_are_refused_with_an_example_of_them() -> None:
    with pytest.raises(UsageError) as refused:
        resumed(JOB, [Planned(STRANGERS, 1.0)])
    assert 'the stored run "t" has other points (such as size 1, serial x 1, map, and not size 1, threads x 1)' in str(
        refused.value
    )
    assert "\n" not in str(refused.value)
