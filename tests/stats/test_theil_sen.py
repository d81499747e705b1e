"""The robust slope: exact on lines, robust to a third of outliers, honest about noise."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import theilslopes

from pocket_lab.stats.theil_sen import FLAT, RISES, STOPPED, UNCLEAR, course_of, estimate_slope, steady_slope


@given(st.integers(-(10**9), 10**9), st.integers(-(10**6), 10**6), st.integers(6, 30))
def test_a_line_has_its_slope_without_doubt(start: int, step: int, count: int) -> None:
    slope = estimate_slope([start + step * number for number in range(count)])
    assert (slope.value, slope.low, slope.high) == (step, step, step)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30))
def test_it_is_the_median_of_all_pairs_and_lies_in_its_interval(values: list[float]) -> None:
    slope, expected = estimate_slope(values), theilslopes(values)
    assert slope.value == pytest.approx(expected.slope, rel=1e-9, abs=1e-9)
    if len(values) < 6:
        assert math.isnan(slope.low)
    else:
        assert slope[1:] == pytest.approx((expected.low_slope, expected.high_slope), rel=1e-9, abs=1e-9)


def test_the_interval_holds_the_truth_19_times_of_20() -> None:
    chance = random.Random(0)
    held = 0
    for _ in range(400):
        slope = estimate_slope([3 * number + chance.gauss(0, 10) for number in range(11)])
        held += slope.low <= 3 <= slope.high
    assert held >= 0.94 * 400


def test_too_few_values_have_no_interval() -> None:
    assert all(math.isnan(part) for part in estimate_slope([1.0]))
    assert estimate_slope([1, 2, 3])[:1] == (1.0,)
    assert course_of([1, 2, 3], 0.5, 2) != RISES


FILLED = [10.0 * min(number, 5) for number in range(11)]
RING = [10.0 * min(number, 8) for number in range(41)]
SAWTOOTH = [10.0 * (number if number < 20 else 10 + number % 10) for number in range(81)]
BURSTS = [100.0 * (number // 7) for number in range(41)]


@pytest.mark.parametrize(
    ("values", "course"),
    [
        ([10 * number for number in range(11)], RISES),
        (FILLED, UNCLEAR),  # a cache that is full, or a leak in bursts
        (FILLED[:6], RISES),  # still being filled
        (RING, STOPPED),
        ([10.0 * min(number, 128) for number in range(161)], STOPPED),
        (SAWTOOTH, STOPPED),  # a cache that releases half of its entries at a time
        ([one + 2 * number for number, one in enumerate(SAWTOOTH)], RISES),
        (BURSTS, RISES),
        (BURSTS[:9], UNCLEAR),
        ([one + number for number, one in enumerate(RING)], RISES),  # a small leak beside a ring
        ([0, 0, 0, 0, 0, 80, 80, 80, 80, 80, 80], UNCLEAR),
        ([*[0] * 5, *[80] * 600], STOPPED),
        ([0] * 11, FLAT),
        ([0, 3, 1, 4, 2, 5, 0, 3, 1, 4, 2], FLAT),
        ([0, 10, 20, 500, 40, 50, 60, -300, 80, 90, 100], RISES),
        ([100 - 10 * number for number in range(11)], FLAT),
        ([number**2 for number in range(41)], RISES),
    ],
)
def test_only_what_goes_on_rising_rises(values: list[float], course: str) -> None:
    assert course_of(values, 2.0, 40) == course


@given(st.integers(0, 2**32))
def test_a_leak_in_random_bursts_is_not_taken_for_one_that_has_stopped(seed: int) -> None:
    chance = random.Random(seed)
    level, values = 0.0, [0.0]
    for _ in range(200):
        level += 1000 * (chance.random() < 0.3)
        values.append(level + chance.gauss(0, 1))
    assert course_of(values, 100.0, 200) in (RISES, UNCLEAR)


def test_a_steady_slope_forgets_that_a_buffer_was_filled() -> None:
    values = [10 * min(number, 8) + number for number in range(41)]
    assert steady_slope(values) == (1.0, 1.0, 1.0)
    assert steady_slope([3 * number for number in range(41)]).value == 3.0
