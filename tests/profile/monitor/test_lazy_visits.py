"""A visit that returns a generator ends with it; its consumer does not have its work."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node
from pocket_lab.graph.observers import YIELDED, Event, Yielded
from pocket_lab.profile.monitor.lazy_visits import LazyVisits
from pocket_lab.profile.monitor.traffic import Traffic


def visit(node: str, begun_s: float, ended_s: float) -> Event:
    return node, begun_s, ended_s, "default", None


class Feed:
    """Sends events of one worker through LazyVisits."""

    def __init__(self) -> None:
        self.lazy = LazyVisits()

    def burst(self, node: str, visit_s: float, begun_s: float, ended_s: float, busy_s: float, outcome: Any) -> Event | None:
        resumptions = 0 if outcome == "open" else 5
        details = Yielded(visit_s, busy_s, 0.0, resumptions, "here", outcome)
        return self.lazy.yielded((node, begun_s, ended_s, YIELDED, details), details)

    def visit(self, node: str, begun_s: float, ended_s: float) -> Event | None:
        return self.lazy.visited(visit(node, begun_s, ended_s), "here")


def took_s(event: Event | None) -> Any:
    assert event is not None
    return pytest.approx(event[2] - event[1])


def test_the_visit_of_a_generator_is_counted_at_its_end_with_its_work() -> None:
    feed = Feed()
    assert feed.burst("read", 1.0, 1.0, 1.5, 0.0, "open") is None
    assert feed.visit("read", 1.0, 1.5) is None
    assert feed.burst("read", 1.0, 3.0, 4.0, 0.75, "suspended") is None
    ended = feed.burst("read", 1.0, 4.0, 6.0, 1.25, "ended")
    assert ended is not None
    assert ended[2] == 6.0
    assert took_s(ended) == 2.5  # 0.5 of its function
    assert took_s(feed.visit("count", 2.0, 7.0)) == 3.0
    assert took_s(feed.visit("later", 7.0, 8.0)) == 1.0


def test_visits_around_the_consumer_do_not_have_the_work_of_earlier_ones_either_and_have_that_of_nodes_inside() -> None:
    feed = Feed()
    feed.burst("early", 0.0, 0.0, 0.5, 0.0, "open")
    feed.visit("early", 0.0, 0.5)
    feed.burst("inside", 2.0, 2.0, 2.1, 0.0, "open")
    feed.visit("inside", 2.0, 2.1)
    feed.burst("early", 0.0, 3.0, 4.0, 1.0, "ended")
    feed.burst("inside", 2.0, 4.0, 5.0, 1.0, "ended")
    assert took_s(feed.visit("consumer", 2.5, 6.0)) == 1.5
    assert took_s(feed.visit("around", 1.0, 7.0)) == 5.0


def test_a_failed_generator_is_a_failed_visit() -> None:
    feed = Feed()
    feed.burst("read", 1.0, 1.0, 1.5, 0.0, "open")
    feed.visit("read", 1.0, 1.5)
    failed = feed.burst("read", 1.0, 3.0, 4.0, 0.75, "failed")
    assert failed is not None
    assert failed[4] is not None
    assert failed[4][3] == "exec"


def test_a_monitor_gives_the_work_to_the_node_that_yields_on_every_executor() -> None:
    def read(count: int) -> Iterator[int]:
        for number in range(count):
            for _ in range(3_000):
                pass
            yield number

    for options in ({"executor": "serial"}, {"workers": 2, "executor": "threads"}, {"workers": 1, "executor": "processes"}):
        traffic = Traffic(60.0)
        graph = Graph(Node("read", exec=read) >> Node("count", exec=lambda items: sum(1 for _ in items))).observed(traffic)
        assert graph.map([500] * 4, **options) == [500] * 4  # type: ignore[arg-type]
        found = {record.node: record for record in traffic.records()}
        assert {node: record.executions for node, record in found.items()} == {"read": 4, "count": 4}
        assert found["read"].total_s > 2 * found["count"].total_s
