"""When nodes were active."""

from __future__ import annotations

import pytest

from pocket_lab.graph.combinators import fan_out
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node
from pocket_lab.profile.memory.node_activity import Visits
from pocket_lab.records.memory import NodeActivity
from pocket_lab.records.point import Point

POINT = Point("t", 1, 1, "serial", "run")


def visits_of(*events: tuple[str, float, float]) -> Visits:
    visits = Visits()
    record = visits.begin(None)
    for node, start_s, end_s in events:
        record((node, start_s, end_s, "default", None))
    return visits


def test_visits_that_follow_each_other_closely_are_one_interval() -> None:
    visits = visits_of(("a", 10.0, 10.2), ("a", 10.2001, 10.5), ("b", 10.1, 10.3), ("a", 10.8, 10.9))
    assert list(visits.activity(POINT, 10.0, 11.0)) == [
        NodeActivity(POINT, "a", 0.0, 0.5),
        NodeActivity(POINT, "a", pytest.approx(0.8), pytest.approx(0.9)),
        NodeActivity(POINT, "b", pytest.approx(0.1), pytest.approx(0.3)),
    ]


def test_a_short_visit_inside_a_long_one_does_not_end_it() -> None:
    visits = visits_of(("a", 0.0, 1.0), ("a", 0.1, 0.2), ("a", 0.9, 1.5))
    assert list(visits.activity(POINT, 0.0, 2.0)) == [NodeActivity(POINT, "a", 0.0, 1.5)]


def test_it_keeps_the_last_visits_of_a_run_and_forgets_those_of_the_run_before() -> None:
    visits = Visits()
    graph = Graph(fan_out(Node("n", exec=lambda value: value))).observed(visits)
    graph.run(range(10))
    assert not visits.is_full
    graph.run(range(25_000))
    assert visits.is_full
    visits.clear()
    assert list(visits.activity(POINT, 0.0, 1.0)) == []
