"""Self times of spans: those of a tree add up to the time that the tree covers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pocket_lab.profile.trace.self_time import covered_s, node_records, node_times, self_times
from pocket_lab.records.point import Point
from pocket_lab.records.spans import Span, Traced

POINT = Point("t", None, 1, "serial", "run")


def span(id: int, start_s: float, end_s: float, **fields: object) -> Span:
    span = Span(POINT, 0, id, None, "n", "exec", "default", start_s, end_s, "w", None, 1, "ok")
    return replace(span, **fields)  # type: ignore[arg-type]


moments = st.integers(0, 60)
intervals = st.lists(st.tuples(moments, moments).map(lambda ends: (min(ends), max(ends))), max_size=12)


@given(intervals, moments, moments)
def test_what_intervals_cover_is_what_counting_finds(parts: list[tuple[int, int]], one: int, other: int) -> None:
    start, end = min(one, other), max(one, other)
    counted = sum(any(low <= tick < high for low, high in parts) for tick in range(start, end))
    assert covered_s(parts, start, end) == counted


@given(st.recursive(st.just([]), lambda children: st.lists(children, min_size=1, max_size=4), max_leaves=20))
def test_self_times_of_a_tree_add_up_to_its_root(tree: list[object]) -> None:
    spans: list[Span] = []

    def build(node: object, start_s: float, parent: int | None) -> float:
        id, at_s = len(spans), start_s + 1.0
        spans.append(span(id, start_s, start_s, parent=parent))
        for child in node:  # type: ignore[attr-defined]
            at_s = build(child, at_s, id) + 0.5
        spans[id] = replace(spans[id], end_s=at_s)
        return at_s

    end_s = build(tree, 0.0, None)
    own = self_times(spans)
    assert sum(own.values()) == pytest.approx(end_s)
    assert all(seconds > 0 for seconds in own.values())


def test_concurrent_children_count_once_and_waits_do_not_count() -> None:
    spans = [
        span(0, 0, 10, node="each"),
        span(1, 0, 4, parent=0, phase="queue", action=""),
        span(2, 2, 6, parent=0, worker="a"),
        span(3, 4, 9, parent=0, worker="b"),
    ]
    assert self_times(spans) == {0: 3, 1: 4, 2: 4, 3: 5}
    times = node_times(spans)
    assert (times["each"].wall_s, times["n"].wall_s, times["n"].phases["queue"]) == (3, 9, 4)


def test_the_cost_of_the_instrument_is_subtracted_from_the_spans_that_include_it() -> None:
    spans = [span(0, 0, 10, node="each"), span(1, 2, 4, parent=0), span(2, 4, 4.1, parent=0, worker="other")]
    own = self_times(spans, inside_s=0.2, outside_s=1.0)
    assert own == {0: pytest.approx(10 - 2.1 - 0.2 - 1.0), 1: pytest.approx(1.8), 2: 0}


def test_a_fan_out_with_the_name_of_its_node_is_counted_once() -> None:
    spans = [span(0, 0, 4), *(span(id, id, id + 1, parent=0) for id in (1, 2))]
    times = node_times(spans)["n"]
    assert (times.calls, times.wall_s) == (2, 2), "the rest of the fan-out is the runtime's"


def test_records_per_node_have_shares_of_the_time_of_all_nodes() -> None:
    spans = [
        span(0, 0, 3, node="a"),
        span(1, 3, 3.5, node="b", phase="retry", action="", outcome="failed"),
        span(2, 3.5, 4, node="b", action="", outcome="failed"),
    ]
    a, b = node_records(Traced(POINT, 4.0, 2, 0.0, 0.0), spans)
    assert (a.node, a.calls, a.wall_s, a.share, a.errors) == ("a", 1, 3, 0.75, 0)
    assert (b.node, b.calls, b.wall_s, b.share, b.errors) == ("b", 1, 1, 0.25, 1)
