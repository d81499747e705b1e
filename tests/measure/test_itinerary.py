"""The order in which points are visited, and which of them a budget holds."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pocket_lab.measure.itinerary import Itinerary, corners_first
from pocket_lab.records.point import Point


def grid(sizes: list[int | None], workers: list[int], executors: tuple[str, ...] = ("threads",)) -> list[Point]:
    return [Point("t", size, count, executor, "run") for size in sizes for executor in executors for count in workers]


def located(points: list[Point]) -> list[tuple[int | None, int]]:
    return [(point.size, point.workers) for point in points]


def test_the_corners_come_first_and_then_the_middle() -> None:
    points = grid([1, 2, 3, 4, 5], [1, 2, 4])
    order = located(corners_first(points))
    assert order[:4] == [(1, 1), (5, 1), (1, 4), (5, 4)]
    assert {size for size, _ in order[:9]} == {1, 3, 5}, "then what lies halfway"
    assert order[-1][0] in (2, 4)


def test_every_executor_has_its_corners_before_any_has_more() -> None:
    order = corners_first(grid([1, 2, 3], [1], ("threads", "processes")))
    assert [(point.executor, point.size) for point in order] == [
        ("threads", 1),
        ("threads", 3),
        ("processes", 1),
        ("processes", 3),
        ("threads", 2),
        ("processes", 2),
    ]


def test_points_without_a_size_are_ordered_by_their_workers() -> None:
    assert located(corners_first(grid([None], [1, 2, 3]))) == [(None, 1), (None, 3), (None, 2)]


@given(
    st.lists(st.integers(0, 10**6), min_size=1, max_size=9, unique=True),
    st.lists(st.integers(1, 64), min_size=1, max_size=6, unique=True),
)
def test_the_order_has_every_point_once_and_begins_with_both_ends(sizes: list[int], workers: list[int]) -> None:
    points = grid(list(sizes), workers)
    order = corners_first(points)
    assert sorted(order, key=str) == sorted(points, key=str)
    assert order[0] == Point("t", min(sizes), min(workers), "threads", "run")
    if len(sizes) > 1:
        assert order[1] == Point("t", max(sizes), min(workers), "threads", "run")


def taken(itinerary: Itinerary, left_s: float, batch_s: float = 0.001) -> list[tuple[int | None, int]]:
    """What is taken where every run lasts as long as its size in seconds."""
    found: list[Point] = []
    planned_s = 0.0
    while (point := itinerary.take(left_s, planned_s, batch_s)) is not None:
        itinerary.learn(point, float(point.size or 0))
        left_s -= float(point.size or 0)
        planned_s += 6 * max(float(point.size or 0), batch_s)
        found.append(point)
    return located(found)


def test_a_budget_for_all_takes_all() -> None:
    assert len(taken(Itinerary(grid([1, 2, 3], [1, 2])), 1000.0)) == 6


def test_a_budget_for_few_takes_both_ends_and_not_only_the_smallest_sizes() -> None:
    itinerary = Itinerary(grid([1, 2, 3, 4], [1, 2], ("threads", "processes")))
    assert taken(itinerary, 16.0) == [(1, 1), (4, 1)]
    assert len(itinerary.waiting) == 14
    assert itinerary.needed_s(0.001) == pytest.approx(7 * 4 * (1 + 2 + 3 + 4), rel=0.2)


def test_a_largest_size_that_cannot_run_even_once_is_left_out_and_the_others_are_measured() -> None:
    itinerary = Itinerary(grid([1, 2, 4, 1000], [1]))
    assert taken(itinerary, 60.0) == [(1, 1), (2, 1), (4, 1)]
    assert located(itinerary.waiting) == [(1000, 1)]


def test_a_largest_size_that_may_take_long_is_tried_when_the_others_have_their_rounds() -> None:
    small, large = points = grid([10, 1000], [1])
    itinerary = Itinerary(points)
    assert itinerary.take(3.0, 0.0, 0.001) == small
    itinerary.learn(small, 0.001)
    assert itinerary.take(2.9, 0.006, 0.001) is None, "it would take 8 s if it grew quadratically"
    assert itinerary.take(2.8, 0.0, 0.001) == large, "and 0.1 s if it grew in proportion"


def test_a_size_between_the_ends_is_not_tried_where_it_may_take_the_whole_budget() -> None:
    small, _, large = points = grid([10, 1000, 100_000], [1])
    itinerary = Itinerary(points)
    itinerary.take(3.0, 0.0, 0.001)
    itinerary.learn(small, 0.001)
    assert itinerary.take(2.8, 0.0, 0.001) is None
    assert large in itinerary.waiting


def test_nothing_is_known_before_the_first_run_so_it_is_tried() -> None:
    itinerary = Itinerary(grid([10], [1]))
    assert math.isnan(itinerary.predict(itinerary.waiting[0]))
    assert itinerary.take(0.001, 0.0, 0.001) is not None


def test_a_constant_time_is_no_reason_to_leave_out_larger_sizes() -> None:
    itinerary = Itinerary(grid([10, 100, 1000, 10_000], [1]))
    found = []
    while (point := itinerary.take(6.0, 0.1 * len(found), 0.003)) is not None:
        itinerary.learn(point, 0.015)
        found.append(point.size)
    assert sorted(size or 0 for size in found) == [10, 100, 1000, 10_000]


def test_one_point_does_not_tell_what_all_need() -> None:
    itinerary = Itinerary(grid([10, 1000], [1]))
    small, large = grid([10, 1000], [1])
    itinerary.learn(small, 1.0)
    assert math.isnan(itinerary.needed_s(0.001))
    itinerary.learn(large, 1.0)
    assert itinerary.needed_s(0.001) == pytest.approx(14.0)


@given(st.floats(0.0, 2.9), st.floats(1e-6, 10.0))
def test_a_time_that_is_a_power_of_the_size_is_predicted(exponent: float, scale: float) -> None:
    points = grid([1, 10, 100, 1000], [1])
    itinerary = Itinerary(points)
    for point in points[:2]:
        itinerary.learn(point, scale * ((point.size or 0) + 1) ** exponent)
    for point in points[2:]:
        assert itinerary.predict(point) == pytest.approx(scale * ((point.size or 0) + 1) ** exponent, rel=1e-6)


def test_another_worker_count_is_predicted_by_that_of_its_own_executor() -> None:
    itinerary = Itinerary(grid([10], [1, 2], ("threads", "processes")))
    itinerary.learn(Point("t", 10, 1, "threads", "run"), 1.0)
    itinerary.learn(Point("t", 10, 1, "processes", "run"), 5.0)
    assert itinerary.predict(Point("t", 10, 2, "processes", "run")) == 5.0
    assert itinerary.predict(Point("t", 10, 2, "threads", "run")) == 1.0


def test_beyond_the_known_sizes_a_time_is_expected_to_grow_so_that_no_run_costs_the_whole_budget() -> None:
    itinerary = Itinerary(grid([1, 9, 99, 999], [1]))
    small, larger, _, largest = grid([1, 9, 99, 999], [1])
    itinerary.learn(small, 0.01)
    assert itinerary.predict(largest, careful=True) == pytest.approx(0.01 * 500**2)
    assert itinerary.predict(largest) == pytest.approx(0.01 * 500)
    itinerary.learn(larger, 0.01)
    assert itinerary.predict(largest, careful=True) == pytest.approx(0.01 * 100), "at least proportional"
    assert itinerary.predict(largest) == pytest.approx(0.01)


def test_a_measurement_that_continues_begins_with_what_has_no_interval_yet_the_shortest_first() -> None:
    points = grid([1, 2, 3, 4], [1])
    earlier = {points[0]: [1.0] * 9, points[1]: [2.0] * 6, points[3]: [4.0] * 4}
    itinerary = Itinerary(points, earlier=earlier)
    assert located(itinerary.waiting) == [(4, 1), (3, 1), (1, 1), (2, 1)], "two rounds of 4 s, six of 3 s"
    assert taken(Itinerary(points, earlier=earlier), 1000.0) == [(4, 1), (3, 1), (1, 1), (2, 1)]


def test_no_point_starves_however_often_a_measurement_continues() -> None:
    """Each time the budget holds a few runs of the longest point: in the end every point has an interval."""
    points = grid([1, 30, 200, 500], [1])
    rounds = {points[0]: 11, points[1]: 8, points[3]: 1}  # after a budget that did not hold all
    for _ in range(5):
        left_s, open_points = 2000.0, list[Point]()
        itinerary = Itinerary(points, earlier={point: [float(point.size or 0)] * count for point, count in rounds.items()})
        while True:
            planned_s = sum((point.size or 0) * max(6 - rounds.get(point, 0), 0) for point in open_points)
            point = itinerary.take(left_s, planned_s, 1.0)
            if point is not None:
                left_s -= point.size or 0
                open_points.append(point)
                continue
            fitting = [point for point in open_points if (point.size or 0) <= left_s]
            if not fitting:
                break
            for point in fitting:
                if (point.size or 0) <= left_s:
                    left_s -= point.size or 0
                    rounds[point] = rounds.get(point, 0) + 1
        assert left_s < 200, "nothing is left over"
    assert min(rounds.get(point, 0) for point in points) >= 6


def test_with_nothing_else_to_do_an_end_is_tried_where_it_can_be_stopped() -> None:
    small, large = grid([10, 100_000], [1])
    for can_be_stopped in (True, False):
        itinerary = Itinerary([small, large], can_be_stopped)
        itinerary.take(3.0, 0.0, 0.001)
        itinerary.learn(small, 0.001)
        assert itinerary.take(1.5, 0.0, 0.001) is None
        assert (itinerary.take(1.5, 0.0, 0.001, is_idle=True) == large) is can_be_stopped
