"""The median and its interval: right ranks, and coverage on noise whose median is known."""

from __future__ import annotations

import math
import random
from itertools import accumulate, pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pocket_lab.stats.median_interval import FEWEST, FEWEST_TO_STOP, estimate_median, inflation, is_look, signed_ranks

times = st.floats(1e-9, 1e3)


def correlated(noise: random.Random, count: int, like_before: float) -> list[float]:
    """Standard normal values, each correlated with the one before."""
    steps = (noise.gauss(0.0, math.sqrt(1 - like_before**2)) for _ in range(count - 1))
    return list(accumulate(steps, lambda before, step: like_before * before + step, initial=noise.gauss(0.0, 1.0)))


def test_fewer_than_six_values_have_a_median_and_no_interval() -> None:
    estimate = estimate_median([3.0, 1.0, 2.0])
    assert estimate.value == 2.0
    assert math.isnan(estimate.low)
    assert math.isnan(estimate.precision)
    assert math.isnan(estimate_median([]).value)


@pytest.mark.parametrize("count", [20, 50, 99])
def test_the_ends_are_order_statistics_at_the_ranks_of_independent_values(count: int) -> None:
    """Ranks of the 95 % interval of a median: n / 2 + 1 / 2 -+ z sqrt(n V) / 2, here with the least that V can be."""
    small_and_large = [float(value) for pair in zip(range(count), reversed(range(count)), strict=True) for value in pair]
    values = small_and_large[:count]
    assert inflation(signed_ranks(values)) == 1.0
    reach = 2.25 * math.sqrt(count) / 2
    ordered = sorted(values)
    estimate = estimate_median(values)
    for end, place in ((estimate.low, (count - 1) / 2 - reach), (estimate.high, (count - 1) / 2 + reach)):
        assert ordered[math.floor(place)] <= end <= ordered[math.ceil(place)]


def test_six_values_give_all_that_they_can() -> None:
    estimate = estimate_median([3.0, 1.0, 6.0, 2.0, 5.0, 4.0])
    assert estimate.value == 3.5
    assert estimate.low < 1.5
    assert estimate.high > 5.5


@given(st.lists(times, min_size=FEWEST, max_size=300))
@example([1.0, 1.0, 1.0, 1.0, 1.8303893052770377, 514.2565250094559])  # interpolation rounded up beyond the largest
def test_the_interval_holds_the_estimate(values: list[float]) -> None:
    estimate = estimate_median(values)
    assert min(values) <= estimate.low <= estimate.value <= estimate.high <= max(values)


@given(st.lists(st.floats(1e-6, 1e3), min_size=FEWEST, max_size=150), st.integers(-20, 20))
def test_it_scales_with_the_unit(values: list[float], power: int) -> None:
    plain, scaled = estimate_median(values), estimate_median([value * 2.0**power for value in values])
    assert scaled == tuple(end * 2.0**power for end in plain)


@given(st.lists(times, min_size=FEWEST, max_size=150))
def test_time_may_run_backwards(values: list[float]) -> None:
    assert estimate_median(values[::-1]) == pytest.approx(estimate_median(values))


@given(st.lists(st.integers(0, 5), min_size=1, max_size=60))
def test_equal_values_share_a_rank_and_ranks_are_centred(values: list[int]) -> None:
    ranks = signed_ranks(values)
    assert sum(ranks) == 0
    assert len(set(zip(values, ranks, strict=True))) == len(set(values))
    assert [rank for _, rank in sorted(zip(values, ranks, strict=True))] == sorted(ranks)


def test_equal_values_are_known_exactly() -> None:
    assert estimate_median([0.5] * 30) == (0.5, 0.5, 0.5)


def test_neighbours_that_are_alike_widen_the_interval() -> None:
    noise = random.Random(1)
    values = [noise.random() for _ in range(60)]
    assert inflation(signed_ranks(sorted(values))) > 5 * inflation(signed_ranks(values)) >= 5


def test_a_slow_wave_under_quick_noise_is_found_in_many_values() -> None:
    noise = random.Random(2)
    values = [math.sin(place / 60) + noise.gauss(0.0, 2.0) for place in range(2000)]
    assert inflation(signed_ranks(values)) > 5


@pytest.mark.parametrize("count", [10, 20, 40, 200])
def test_it_covers_the_true_median_of_skewed_noise_at_least_93_times_in_100(count: int) -> None:
    noise = random.Random(count)
    covered = 0
    for _ in range(500):
        estimate = estimate_median([math.exp(noise.gauss(0.0, 0.3)) for _ in range(count)])
        covered += estimate.low <= 1.0 <= estimate.high
    assert covered >= 0.93 * 500


@pytest.mark.parametrize("count", [20, 40, 200])
def test_it_covers_the_true_median_of_correlated_noise_at_least_93_times_in_100(count: int) -> None:
    noise = random.Random(count)
    covered = 0
    for _ in range(600):
        estimate = estimate_median(correlated(noise, count, 0.6))
        covered += estimate.low <= 0.0 <= estimate.high
    assert covered >= 0.93 * 600


def test_it_is_at_most_half_again_as_wide_as_the_best() -> None:
    """The best has the central 95 % of the medians of 30 normal values, whose standard deviation is 0.226."""
    noise = random.Random(5)
    widths = []
    for _ in range(400):
        estimate = estimate_median([noise.gauss(0.0, 1.0) for _ in range(30)])
        widths.append(estimate.high - estimate.low)
    assert sorted(widths)[200] <= 1.5 * 2 * 1.96 * 0.226


def test_looks_begin_at_twenty_and_become_rare() -> None:
    looks = [count for count in range(10_001) if is_look(count)]
    assert looks[:4] == [FEWEST_TO_STOP, 25, 30, 35]
    assert len(looks) < 400
    assert all(after <= 1.1 * before for before, after in pairwise(looks) if before >= 100)
