"""The median and its interval: right ranks, and coverage on noise whose median is known."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pocket_lab.measure.interval import FEWEST, estimate_median


def test_fewer_than_six_values_have_a_median_and_no_interval() -> None:
    estimate = estimate_median([3.0, 1.0, 2.0])
    assert estimate.value == 2.0
    assert math.isnan(estimate.low)
    assert math.isnan(estimate.precision)
    assert math.isnan(estimate_median([]).value)


@pytest.mark.parametrize(("count", "rank"), [(6, 1), (8, 1), (9, 2), (10, 2), (12, 3), (15, 4), (19, 5)])
def test_the_interval_stands_on_the_order_statistics_of_the_binomial_table(count: int, rank: int) -> None:
    """Ranks of the 95 % interval of a median as in the tables, e.g. Conover, Practical Nonparametric Statistics, 3.2."""
    estimate = estimate_median([float(value) for value in range(1, count + 1)])
    assert (estimate.low, estimate.high) == (rank, count + 1 - rank)


def test_from_twenty_values_on_it_stands_on_ten_block_medians() -> None:
    values = [float(block) for block in range(10) for _ in range(3)]
    estimate = estimate_median(values)
    assert (estimate.value, estimate.low, estimate.high) == (4.5, 1.0, 8.0)


@given(st.lists(st.floats(1e-9, 1e3), min_size=FEWEST, max_size=200))
def test_the_interval_holds_the_estimate(values: list[float]) -> None:
    estimate = estimate_median(values)
    assert min(values) <= estimate.low <= estimate.value <= estimate.high <= max(values)


@given(st.lists(st.floats(1e-6, 1e3), min_size=FEWEST, max_size=100), st.floats(0.5, 100.0))
def test_it_scales_with_the_unit(values: list[float], factor: float) -> None:
    plain, scaled = estimate_median(values), estimate_median([value * factor for value in values])
    assert scaled.value == pytest.approx(plain.value * factor)
    assert scaled.high == pytest.approx(plain.high * factor)


@pytest.mark.parametrize("count", [10, 40, 200])
def test_it_covers_the_true_median_of_skewed_noise_at_least_93_times_in_100(count: int) -> None:
    noise = random.Random(count)
    covered = 0
    for _ in range(500):
        estimate = estimate_median([math.exp(noise.gauss(0.0, 0.3)) for _ in range(count)])
        covered += estimate.low <= 1.0 <= estimate.high
    assert covered >= 0.93 * 500
