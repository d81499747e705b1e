"""What-if on schedules whose answer is known, and what holds for any."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from schedules import Schedule, nodes, schedules

from pocket_lab.analysis.critical_path import critical_path
from pocket_lab.analysis.overhead import overhead
from pocket_lab.analysis.timeline import timeline
from pocket_lab.analysis.what_if import what_if
from pocket_lab.errors import UsageError
from pocket_lab.view.findings.trace import path_sentence, what_if_sentence


def gain(schedule: Schedule, node: str, speedup: float = 2.0, wall_s: float | None = None) -> float:
    return what_if(timeline(schedule.frame), node, speedup, wall_s or schedule.now_s).gain


def test_a_chain_gains_what_the_node_saves() -> None:
    schedule = Schedule().work("a", 1).work("b", 2, gap_s=0.5).work("c", 0.5)
    assert gain(schedule, "b") == pytest.approx(1 / 4)
    assert gain(schedule, "b", 4) == pytest.approx(1.5 / 4)
    assert gain(schedule, "a", 0.5) == pytest.approx(-1 / 4)
    assert gain(schedule, "b", float("inf")) == pytest.approx(2 / 4)
    assert gain(schedule, "b", wall_s=8) == pytest.approx(1 / 8)


def test_a_node_beside_the_critical_path_gains_nothing() -> None:
    schedule = Schedule().spread([[("short", 1.0)], [("long", 3.0)]], workers=2)
    assert gain(schedule, "short") == 0
    assert gain(schedule, "long") == pytest.approx(0.5)
    assert gain(schedule, "long", 6) == pytest.approx(2 / 3)


def test_items_are_dealt_anew_to_the_worker_that_is_free_first() -> None:
    items = [[("x", 2.0)], [("y", 1.0)], [("y", 1.0)], [("x", 2.0)]]
    schedule = Schedule().spread(items, workers=2)
    assert schedule.now_s == 4
    assert gain(schedule, "x") == pytest.approx(0.5)  # one, half, half, one


def test_a_node_may_be_named_by_a_path_of_nodes_around_it() -> None:
    schedule = Schedule().work("a", 1).spread([[("x", 1.0)], [("x", 2.0)]], workers=1)
    assert gain(schedule, "each/x") == gain(schedule, "x")
    assert what_if(timeline(schedule.frame), "each/x", 2, 4.0).node == "x"
    for wrong in ("a/x", "each/a", "each/each/x", "/x", "x/each"):
        with pytest.raises(UsageError, match=f'^the trace has no node "{wrong}"; it has a, each, x$'):
            gain(schedule, wrong)


def test_a_fan_out_is_sped_up_with_all_that_it_holds() -> None:
    schedule = Schedule().work("a", 1).spread([[("x", 1.0)], [("x", 2.0)]], workers=1)
    assert gain(schedule, "each") == pytest.approx(1.5 / 4)
    assert gain(schedule, "x") == pytest.approx(1.5 / 4)


def test_failed_attempts_stay_as_they_are() -> None:
    schedule = Schedule()
    schedule.add("n", 0, 3, phase="retry", action="", outcome="failed")
    schedule.add("n", 3, 4)
    assert gain(schedule, "n", wall_s=4) == pytest.approx(0.5 / 4)


def test_under_load_it_is_the_requests_that_gain() -> None:
    schedule = Schedule()
    for run, start_s in enumerate((0.0, 10.0)):
        schedule.add("a", start_s, start_s + 1, run=run)
        schedule.add("b", start_s + 1, start_s + 2, run=run)
    found = what_if(timeline(schedule.frame), "a", 2.0, 99.0, drive="load")
    assert found.gain == pytest.approx(0.25)
    assert what_if_sentence(found) == "`a` twice as fast: a request gains 25 %"


def test_it_is_said_in_a_sentence() -> None:
    schedule = Schedule().work("score", 2).work("rest", 1)
    assert what_if_sentence(what_if(timeline(schedule.frame), "score", 2, 3.0)) == "`score` twice as fast: the run gains 33 %"
    assert (
        what_if_sentence(what_if(timeline(schedule.frame), "score", 0.5, 3.0))
        == "`score` 0.5 times as fast: the run loses 67 %"
    )


def test_what_makes_no_sense_is_refused_with_what_there_is() -> None:
    found = timeline(Schedule().work("a", 1).work("b", 1).frame)
    with pytest.raises(UsageError, match='no node "c"; it has a, b'):
        what_if(found, "c", 2, 2.0)
    for speedup in (0, -1, float("nan")):
        with pytest.raises(UsageError, match="some positive number of times as fast"):
            what_if(found, "a", speedup, 2.0)


@given(schedules())
def test_nothing_is_gained_where_nothing_changes_and_the_replay_is_the_run(schedule: Schedule) -> None:
    for node in dict.fromkeys(schedule.frame["node"]):
        found = what_if(timeline(schedule.frame), node, 1, schedule.now_s)
        assert found.gain == 0
        assert found.before_s == pytest.approx(schedule.now_s)


@given(schedules(), nodes, st.floats(1, 8), st.floats(1, 8))
def test_a_faster_node_never_loses_and_more_is_never_less(schedule: Schedule, node: str, one: float, other: float) -> None:
    if node not in set(schedule.frame["node"]):
        return
    less, more = (gain(schedule, node, speedup) for speedup in sorted((one, other)))
    assert -1e-9 <= less <= more + 1e-9 <= 1


def test_a_fan_out_with_the_name_of_its_node_is_not_sped_up_with_its_gaps() -> None:
    schedule = Schedule().spread([[("x", 1.0)], [("x", 1.0)]], workers=1, name="x", gap_s=4.0)
    assert schedule.now_s == 10
    assert gain(schedule, "x") == pytest.approx(1 / 10)


def test_a_generator_of_another_node_is_sped_up_in_the_span_that_resumed_it() -> None:
    schedule = Schedule().work("read", 1).work("count", 9)
    schedule.add("read", 2.0, 10.0, phase="yield", parent=1, busy_s=6.0, resumptions=10)
    assert gain(schedule, "read") == pytest.approx(3.5 / 10)
    assert gain(schedule, "count") == pytest.approx(1.5 / 10)
    path = critical_path(timeline(schedule.frame), 10.0)
    assert path.groupby("node")["wall_s"].sum().to_dict() == {"read": 7.0, "count": 3.0}
    assert path["share"].sum() == pytest.approx(1.0)


def test_a_generator_that_a_fan_out_reads_is_the_work_of_its_node() -> None:
    schedule = Schedule().spread([[("x", 1.0)], [("x", 1.0)]], workers=1, gap_s=4.0)
    schedule.add("read", 0.0, 9.0, phase="yield", parent=0, busy_s=6.0, resumptions=2)
    assert overhead(timeline(schedule.frame), 10.0, 3, 0.0).seconds == pytest.approx(2.0)


def test_a_critical_path_that_is_not_most_of_the_run_says_what_the_rest_is() -> None:
    for gap_s, is_said in ((0.0, False), (4.0, True)):
        schedule = Schedule().spread([[("x", 1.0)], [("x", 1.0)]], workers=1, gap_s=gap_s)
        sentence = path_sentence(critical_path(timeline(schedule.frame), schedule.now_s), "run")
        assert ("in the rest it waits" in sentence) is is_said
