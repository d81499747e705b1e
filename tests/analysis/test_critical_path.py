"""The critical path on schedules whose path is known, and what holds for the path of any."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from schedules import Schedule, schedules

from pocket_lab.analysis.critical_path import critical_path, node_slack
from pocket_lab.analysis.overhead import overhead
from pocket_lab.analysis.timeline import timeline


def path_of(schedule: Schedule, wall_s: float | None = None) -> list[str]:
    return list(critical_path(timeline(schedule.frame), wall_s or schedule.now_s)["node"])


def test_the_path_of_a_chain_is_the_chain() -> None:
    schedule = Schedule().work("a", 1).work("b", 2).work("c", 3)
    path = critical_path(timeline(schedule.frame), 10.0)
    assert list(path["node"]) == ["a", "b", "c"]
    assert list(path["wall_s"]) == [1, 2, 3]
    assert list(path["share"]) == pytest.approx([0.1, 0.2, 0.3])
    assert node_slack(timeline(schedule.frame)) == {"a": 0, "b": 0, "c": 0}


def test_the_path_of_a_fan_out_leads_over_the_worker_that_ends_last() -> None:
    items = [[("short", 1.0)], [("long", 3.0)], [("late", 1.0)], [("more", 0.5)]]
    schedule = Schedule().work("a", 1).spread(items, workers=2).work("b", 1)
    assert path_of(schedule) == ["a", "long", "b"]
    assert node_slack(timeline(schedule.frame)) == {
        "a": 0,
        "each": 0,
        "short": 0.5,
        "long": 0,
        "late": 0.5,
        "more": 0.5,
        "b": 0,
    }


def test_the_path_goes_back_over_what_the_same_worker_did_before() -> None:
    items = [[("x", 2.0)], [("x", 1.0)], [("y", 3.0)]]
    assert path_of(Schedule().spread(items, workers=2)) == ["x", "y"]
    assert path_of(Schedule().spread(items, workers=1)) == ["x", "x", "y"]


def test_waits_are_not_on_the_path_and_an_empty_trace_has_none() -> None:
    path = critical_path(timeline(Schedule().spread([[("x", 1.0)], [("x", 1.0)]], workers=1).frame), 2.0)
    assert set(path["phase"]) == {"exec"}
    empty = critical_path(timeline(Schedule().frame), 0.0)
    assert empty.empty
    assert node_slack(timeline(Schedule().frame)) == {}


def test_runs_of_a_map_are_side_by_side() -> None:
    schedule = Schedule()
    schedule.add("n", 0, 2, run=0, item=0, worker="w0")
    schedule.add("n", 0, 1, run=1, item=1, worker="w1")
    schedule.add("m", 1, 4, run=2, item=2, worker="w1")
    assert path_of(schedule, 4) == ["n", "m"]
    assert node_slack(timeline(schedule.frame)) == {"n": 0, "m": 0}


@given(schedules())
def test_no_path_is_longer_than_its_run_and_its_spans_follow_each_other(schedule: Schedule) -> None:
    path = critical_path(timeline(schedule.frame), schedule.now_s)
    assert path["wall_s"].sum() <= schedule.now_s * (1 + 1e-9)
    assert path["share"].sum() <= 1 + 1e-9
    assert all(
        one <= other + 1e-9 for one, other in pairwise([t for row in path.itertuples() for t in (row.start_s, row.end_s)])
    )
    assert path["end_s"].iloc[-1] == schedule.frame["end_s"].max()


@given(schedules())
def test_slack_is_nought_on_the_path_and_negative_nowhere(schedule: Schedule) -> None:
    slack = node_slack(timeline(schedule.frame))
    assert set(slack) == set(schedule.frame["node"])
    assert all(seconds >= 0 for seconds in slack.values())
    assert all(slack[node] == pytest.approx(0) for node in path_of(schedule))


@given(schedules())
def test_overhead_is_what_no_node_accounts_for(schedule: Schedule) -> None:
    found = overhead(timeline(schedule.frame), schedule.now_s, visits=0, outside_s=0.0)
    path = critical_path(timeline(schedule.frame), schedule.now_s)
    assert -1e-9 <= found.seconds <= schedule.now_s - path["wall_s"].sum() + 1e-9
    assert found.share == pytest.approx(found.seconds / schedule.now_s)


def test_overhead_of_a_chain_is_its_gaps_without_what_the_recording_took() -> None:
    schedule = Schedule().work("a", 1, gap_s=0.5).work("b", 2, gap_s=0.5)
    found = overhead(timeline(schedule.frame), 5.0, visits=2, outside_s=0.25)
    assert (found.seconds, found.share, found.instrument_s) == (1.5, pytest.approx(0.3), 0.5)


def test_overhead_of_a_fan_out_is_the_time_in_which_no_worker_works() -> None:
    schedule = Schedule().spread([[("x", 1.0)], [("x", 2.0)]], workers=2, gap_s=0.25)
    assert overhead(timeline(schedule.frame), 2.5, 0, 0.0).seconds == pytest.approx(0.5)


def test_overhead_under_load_is_of_the_requests() -> None:
    schedule = Schedule()
    for run, start_s in enumerate((0.0, 10.0)):
        schedule.add("a", start_s, start_s + 1, run=run)
        schedule.add("b", start_s + 1.5, start_s + 3, run=run)
    found = overhead(timeline(schedule.frame), 100.0, 0, 0.0, drive="load")
    assert (found.seconds, found.wall_s, found.share) == (1.0, 6.0, pytest.approx(1 / 6))
