"""The robust slope: exact on lines, robust to a third of outliers, honest about noise."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import theilslopes

from pocket_lab.stats.theil_sen import estimate_slope, rises


@given(st.integers(-(10**9), 10**9), st.integers(-(10**6), 10**6), st.integers(6, 30))
def test_a_line_has_its_slope_without_doubt(start: int, step: int, count: int) -> None:
    slope = estimate_slope([start + step * number for number in range(count)])
    assert (slope.value, slope.low, slope.high) == (step, step, step)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30))
def test_it_is_the_median_of_all_pairs_and_lies_in_its_interval(values: list[float]) -> None:
    slope = estimate_slope(values)
    assert slope.value == pytest.approx(theilslopes(values).slope, rel=1e-9, abs=1e-9)
    if len(values) < 6:
        assert math.isnan(slope.low)
    else:
        assert slope.low <= slope.value <= slope.high


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
    assert not rises([1, 2, 3], 0.5)


@pytest.mark.parametrize(
    ("values", "goes_on"),
    [
        ([10 * number for number in range(11)], True),
        ([0, 10, 20, 30, 40, 50, 50, 50, 50, 50, 50], False),  # a cache that is full
        ([0, 0, 0, 0, 0, 80, 80, 80, 80, 80, 80], False),  # kept once
        ([0] * 11, False),
        ([0, 10, 20, 500, 40, 50, 60, -300, 80, 90, 100], True),
        ([100 - 10 * number for number in range(11)], False),
    ],
)
def test_only_what_goes_on_rising_rises(values: list[float], goes_on: bool) -> None:
    assert rises(values, 2.0) is goes_on
