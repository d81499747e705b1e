"""The work of generators in a trace: which node has it, inside which span, and what is left for their consumers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pocket_lab.frames.spans import spans_frame, traced_nodes_frame
from pocket_lab.graph.combinators import fan_out
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node
from pocket_lab.graph.observers import YIELDED, Event, Run, Yielded
from pocket_lab.measure.job import Input
from pocket_lab.measure.planning import plan_job
from pocket_lab.measure.sweep import parse_sweep
from pocket_lab.profile.trace.instrument import profile_spans
from pocket_lab.profile.trace.recorder import spans_of
from pocket_lab.profile.trace.self_time import node_times, self_times
from pocket_lab.profile.trace.yields import InnermostParts
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.point import Point
from pocket_lab.records.record import Record
from pocket_lab.records.spans import Span

POINT = Point("t", None, 1, "serial", "run")


def spin(count: int) -> None:
    for _ in range(count):
        pass


def working(items: int, loops: int) -> Iterator[int]:
    for number in range(items):
        spin(loops)
        yield number


def read(count: int) -> Iterator[int]:
    return working(count, 3_000)


def count(items: Iterator[int]) -> int:
    return sum(1 for _ in items)


READ, COUNT = Node("read", exec=read), Node("count", exec=count)


def records(graph: Graph, size: int = 3_000, **options: Any) -> list[Record]:
    return list(profile_spans(plan_job(graph, options.pop("given", Input.ABSENT), parse_sweep(size=size, **options), None)))


def shares(graph: Graph, size: int = 3_000, **options: Any) -> dict[str, float]:
    nodes = traced_nodes_frame(records(graph, size, **options))
    return dict(zip(nodes["node"], nodes["share"], strict=True))


def visit(node: str, begun_s: float, ended_s: float) -> Event:
    return node, begun_s, ended_s, "default", None


def burst(node: str, visit_s: float, begun_s: float, ended_s: float, busy_s: float, **fields: Any) -> Event:
    fields = {"cost_s": 0.0, "resumptions": 10, "worker": "here", "outcome": "suspended", **fields}
    return node, begun_s, ended_s, YIELDED, Yielded(visit_s=visit_s, busy_s=busy_s, **fields)


def run_of(*events: Event) -> tuple[Run, list[Event]]:
    return Run(1, "g", None, None, "here"), list(events)


def own_of(spans: list[Span]) -> dict[str, float]:
    return {node: pytest.approx(times.wall_s) for node, times in node_times(spans).items()}


def test_the_work_of_a_generator_is_the_time_of_its_node_and_not_of_its_consumer() -> None:
    spans = spans_of(
        POINT,
        [
            run_of(
                burst("read", 0.0, 0.0, 0.0, 0.0, resumptions=0, outcome="open"),
                visit("read", 0.0, 1.0),
                burst("read", 0.0, 2.0, 4.0, 1.5, cost_s=0.25),
                burst("read", 0.0, 4.0, 10.0, 5.0, outcome="ended"),
                visit("count", 1.5, 11.5),
            )
        ],
        0.0,
    )
    (span,) = [span for span in spans if span.phase == "yield"]
    (parent,) = [span for span in spans if span.node == "count"]
    assert (span.node, span.parent, span.start_s, span.end_s) == ("read", parent.id, 2.0, 10.0)
    assert (span.busy_s, span.cost_s, span.resumptions) == (6.5, 0.25, 20)
    assert own_of(spans) == {"read": 7.5, "count": 3.25}
    assert node_times(spans)["read"].calls == node_times(spans)["count"].calls == 1


def test_two_consumers_have_each_their_part_and_a_burst_across_both_is_divided_by_its_time() -> None:
    spans = spans_of(
        POINT,
        [
            run_of(
                visit("read", 0.0, 1.0),
                visit("first", 1.0, 3.0),
                burst("read", 0.0, 2.0, 6.0, 2.0, outcome="ended", resumptions=8),
                visit("second", 3.0, 7.0),
            )
        ],
        0.0,
    )
    inside = {spans[span.parent].node: span for span in spans if span.parent is not None}
    assert {node: (span.busy_s, span.resumptions) for node, span in inside.items()} == {"first": (0.5, 2), "second": (1.5, 6)}
    assert own_of(spans) == {"read": 3.0, "first": 1.5, "second": 2.5}


def test_a_generator_that_fails_is_an_error_of_its_node() -> None:
    failed: Event = ("count", 1.0, 2.0, "", (1.0, 2.0, (), "exec"))
    events = run_of(visit("read", 0.0, 1.0), burst("read", 0.0, 1.0, 2.0, 0.5, outcome="failed"), failed)
    times = node_times(spans_of(POINT, [events], 0.0))
    assert (times["read"].errors, times["count"].errors) == (1, 1)


def test_of_spans_inside_each_other_the_innermost_one_consumes() -> None:
    parts_here = InnermostParts([("outer", 0.0, 10.0), ("inner", 2.0, 4.0), ("second", 4.0, 5.0)])
    assert parts_here.shares(2.5, 3.0) == [("inner", 2.5, 3.0)]
    assert parts_here.shares(1.0, 6.0) == [("outer", 1.0, 2.0), ("inner", 2.0, 4.0), ("second", 4.0, 5.0), ("outer", 5.0, 6.0)]
    assert parts_here.shares(10.0, 11.0) == [(None, 10.0, 11.0)]


def test_a_node_that_returns_a_generator_has_nearly_all_of_the_time() -> None:
    graph = Graph(READ >> COUNT)
    found = records(graph)
    frame = spans_frame(found)
    total_s = frame.loc[frame["phase"] != "queue", "self_s"].sum()
    nodes = traced_nodes_frame(found).set_index("node")
    assert nodes.loc["read", "share"] > 0.8
    assert nodes.loc["read", "yield_s"] > 100 * nodes.loc["read", "exec_s"]
    assert nodes["wall_s"].sum() == pytest.approx(total_s)
    assert list(nodes["calls"]) == [1, 1]


@pytest.mark.parametrize(
    "lazily",
    [
        lambda size: map(spin, [3_000] * size),
        lambda size: filter(lambda number: spin(3_000) is None, range(size)),
        lambda size: zip(working(size, 3_000), range(size), strict=False),
        lambda size: (spin(3_000) for _ in range(size)),
    ],
    ids=["map", "filter", "zip", "expression"],
)
def test_so_has_one_that_returns_another_iterator_over_code(lazily: Callable[[int], Any]) -> None:
    assert shares(Graph(Node("read", exec=lazily) >> COUNT))["read"] > 0.8


def test_an_async_generator_counts_for_its_node() -> None:
    async def awaking(size: int) -> Any:
        for number in range(size):
            spin(3_000)
            yield number

    def source(size: int) -> Any:
        return awaking(size)

    async def taking(items: Any) -> int:
        return len([item async for item in items])

    assert shares(Graph(Node("read", exec=source) >> Node("count", exec=taking)), executor="asyncio")["read"] > 0.7


def test_a_generator_in_a_generator_leaves_each_node_its_part() -> None:
    def slower(items: Iterator[int]) -> Iterator[int]:
        for item in items:
            spin(9_000)
            yield item

    found = shares(Graph(READ >> Node("slower", exec=slower) >> COUNT), 1_500)
    assert 1.7 < found["slower"] / found["read"] < 5  # 3 of the code
    assert found["count"] < 0.2


def test_of_a_generator_that_is_consumed_partly_only_that_part_counts() -> None:
    def first(items: Iterator[int]) -> int:
        for item in items:
            if item == 99:
                break
        spin(900_000)
        return item

    found = records(Graph(READ >> Node("first", exec=first)))
    (span,) = [record for record in found if isinstance(record, Span) and record.phase == "yield"]
    assert span.resumptions in (100, 101)  # and the close
    nodes = traced_nodes_frame(found).set_index("node")["wall_s"]
    assert 1.5 < nodes["first"] / nodes["read"] < 6  # 3 of the code


def test_a_generator_counts_for_its_node_on_every_worker_of_a_fan_out() -> None:
    graph = Graph(fan_out(Graph(READ >> COUNT, name="item"), name="each"))
    for executor in ("threads", "processes"):
        found = records(graph, 4, given=lambda size: [1_000] * size, workers=2, executor=executor)
        spans = [record for record in found if isinstance(record, Span)]
        yields = [span for span in spans if span.phase == "yield"]
        assert len(yields) == 4
        assert all(spans[span.parent].node == "count" and spans[span.parent].worker == span.worker for span in yields)
        nodes = traced_nodes_frame(found).set_index("node")["wall_s"]
        assert nodes["read"] > 2 * nodes["count"]


def test_an_iterator_that_cannot_be_followed_has_a_caveat() -> None:
    class Own:
        def __init__(self, size: int) -> None:
            self.items = working(size, 10)

        def __iter__(self) -> Own:
            return self

        def __next__(self) -> int:
            return next(self.items)

    found = records(Graph(Node("read", exec=Own) >> COUNT), 10)
    caveats = [record for record in found if isinstance(record, Caveat) and record.code == "lazy-opaque"]
    assert len(caveats) == 1
    assert 'node "read"' in caveats[0].message
    assert "Own" in caveats[0].message


def test_self_times_with_generators_add_up_to_the_outermost_spans() -> None:
    spans = [record for record in records(Graph(READ >> COUNT), 500) if isinstance(record, Span)]
    own = self_times(spans)
    whole_s = sum(span.end_s - span.start_s for span in spans if span.parent is None)
    assert sum(own.values()) + sum(span.cost_s for span in spans) == pytest.approx(whole_s)


def test_a_generator_that_nothing_consumes_has_a_caveat_and_one_that_is_consumed_has_none() -> None:
    for graph, nodes in (
        (Graph(READ), 1),
        (Graph(READ >> Node("drops", exec=lambda items: None)), 1),
        (Graph(READ >> COUNT), 0),
    ):
        found = [record for record in records(graph, 10) if isinstance(record, Caveat) and record.code == "lazy-result"]
        assert len(found) == nodes
        assert all('node "read"' in caveat.message for caveat in found)
