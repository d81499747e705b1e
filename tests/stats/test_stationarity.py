"""What is not steady: real warm-ups, drifts and outliers are found, noise is not taken for one."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from functools import partial
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pocket_lab.stats.stationarity import FEWEST_TO_FOLLOW, FEWEST_TO_JUDGE, drift, outliers, warm_up

TRIALS = 150
times = st.floats(1e-6, 1e3)


def independent(noise: random.Random, count: int) -> list[float]:
    return [math.exp(noise.gauss(0.0, 0.03)) for _ in range(count)]


def correlated(noise: random.Random, count: int) -> list[float]:
    steps = (noise.gauss(0.0, 0.8) for _ in range(count - 1))
    return [1 + 0.03 * value for value in accumulate(steps, lambda a, b: 0.6 * a + b, initial=noise.gauss(0.0, 1.0))]


def spiky(noise: random.Random, count: int) -> list[float]:
    return [value * (noise.uniform(2, 10) if noise.random() < 0.05 else 1) for value in independent(noise, count)]


def bimodal(noise: random.Random, count: int) -> list[float]:
    return [value * (1.15 if noise.random() < 0.4 else 1) for value in independent(noise, count)]


NOISES = [independent, correlated, spiky, bimodal]
Noise = Callable[[random.Random, int], list[float]]


def share(found: Callable[[list[float]], bool], noise: Noise, count: int, shape: Callable[[int], float]) -> float:
    """In how many of the trials something is found in noise times a shape."""
    random_ = random.Random(count)
    hits = 0
    for _ in range(TRIALS):
        hits += found([value * shape(place) for place, value in enumerate(noise(random_, count))])
    return hits / TRIALS


def cuts_near(early: int, values: list[float]) -> bool:
    return abs(warm_up(values) - early) <= 3


def flat(place: int) -> float:
    return 1.0


@pytest.mark.parametrize("count", [20, 40, 200])
@pytest.mark.parametrize("noise", NOISES)
def test_steady_noise_is_seldom_taken_for_a_warm_up_or_a_drift(noise: Noise, count: int) -> None:
    assert share(lambda values: warm_up(values) > 0, noise, count, flat) <= 0.03
    assert share(lambda values: drift(values) != 0, noise, count, flat) <= 0.03


@pytest.mark.parametrize("noise", [independent, correlated, spiky])
def test_a_machine_that_was_slower_for_half_of_the_time_is_no_warm_up(noise: Noise) -> None:
    for count in (30, 66, 200):
        shape = [1.5] * (count // 2) + [1.0] * (count - count // 2)
        assert share(lambda values: warm_up(values) > 0, noise, count, shape.__getitem__) <= 0.02


@pytest.mark.parametrize("slower", [0.3, 3.0])
@pytest.mark.parametrize("noise", [independent, correlated, spiky])
def test_a_slower_beginning_is_cut_where_it_ends(noise: Noise, slower: float) -> None:
    for count in (25, 50, 200):
        early = count // 5
        shape = [1 + slower] * early + [1.0] * (count - early)
        assert share(partial(cuts_near, early), noise, count, shape.__getitem__) >= 0.8


def test_a_warm_up_that_fades_is_cut_where_it_has_faded() -> None:
    random_ = random.Random(3)
    for _ in range(20):
        values = [v * (1 + math.exp(-place / 6)) for place, v in enumerate(independent(random_, 60))]
        assert 12 <= warm_up(values) <= 30


def test_a_slow_first_value_is_no_warm_up_nor_is_a_late_one() -> None:
    steady = independent(random.Random(4), 40)
    assert warm_up([9.0, *steady]) == 0
    assert warm_up(steady + [2.0] * 8) == 0
    assert warm_up([0.5] * 8 + steady) == 0, "a faster beginning"
    assert warm_up([2.0] * 4 + steady[: FEWEST_TO_JUDGE - 5]) == 0, "too few values"


@pytest.mark.parametrize("change", [-0.5, -0.2, 0.2, 1.0])
def test_a_trend_is_a_drift_and_no_warm_up(change: float) -> None:
    def line(place: int) -> float:
        return 1 + change * (place / 39 - 0.5)

    for noise in (independent, correlated, spiky):
        assert share(lambda values: drift(values[warm_up(values) :]) * change > 0, noise, 40, line) >= 0.9


def test_the_drift_is_the_change_from_the_beginning_to_the_end() -> None:
    random_ = random.Random(6)
    values = [value * (1 + 0.1 * place / 200) for place, value in enumerate(independent(random_, 200))]
    assert drift(values) == pytest.approx(0.1, abs=0.03)
    assert drift([1 + place / 10_000 for place in range(100)]) == 0.0, "below two percent"
    assert drift([1.0 + place for place in range(FEWEST_TO_FOLLOW - 1)]) == 0.0
    assert drift([1.0] * 30) == 0.0


@given(st.lists(times, max_size=80), st.integers(-20, 20))
def test_they_do_not_depend_on_the_unit(values: list[float], power: int) -> None:
    scaled = [value * 2.0**power for value in values]
    assert warm_up(scaled) == warm_up(values)
    assert drift(scaled) == drift(values)
    assert list(outliers(scaled)) == list(outliers(values))


@given(st.lists(times, min_size=FEWEST_TO_FOLLOW, max_size=80))
def test_a_warm_up_leaves_half_and_a_drift_turns_with_time(values: list[float]) -> None:
    assert 0 <= warm_up(values) <= len(values) // 2
    assert drift(values[::-1]) == pytest.approx(-drift(values))


@given(st.floats(0.5, 2.0), st.integers(0, 100))
def test_zeros_and_equal_values_are_steady(value: float, count: int) -> None:
    for values in ([0.0] * count, [value] * count):
        assert (warm_up(values), drift(values)) == (0, 0.0)
        assert set(outliers(values)) <= {"usual"}


def test_outliers_lie_beyond_the_fences_of_tukey() -> None:
    """Quartiles 25 and 75: fences at -50 and 150, and at -125 and 225."""
    values = [float(value) for value in range(101)]
    assert set(outliers(values)) == {"usual"}
    kinds = outliers([*values, 149.0, 170.0, -60.0, 300.0, -200.0])
    assert list(kinds[101:]) == ["usual", "mild", "mild", "severe", "severe"]


def test_outliers_take_arrays_and_nothing() -> None:
    assert outliers([]).shape == (0,)
    assert list(outliers(np.array([1.0, 2.0, 3.0, 2.0, 60.0]))) == ["usual"] * 4 + ["severe"]
