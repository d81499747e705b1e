"""Growth laws: named where the data tell, and only there."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import nnls

from pocket_lab.analysis.growth import CANNOT_TELL, _non_negative, fit_growth

SIZES = [10, 30, 100, 300, 1000, 3000, 10000]
TRUTHS = {
    "1": lambda n: 5e-3,
    "log n": lambda n: 1e-4 + 1e-3 * math.log(n),
    "n": lambda n: 1e-4 + 1e-5 * n,
    "n log n": lambda n: 1e-6 * n * math.log(n),
    "n^2": lambda n: 1e-4 + 1e-8 * n * n,
    "n^3": lambda n: 1e-12 * n**3,
}


@pytest.mark.parametrize("law", TRUTHS)
def test_a_law_is_named_from_noisy_replicates(law: str) -> None:
    noise = random.Random(law)
    sizes = [size for size in SIZES for _ in range(9)]
    growth = fit_growth(sizes, [TRUTHS[law](size) * math.exp(noise.gauss(0, 0.02)) for size in sizes])
    assert growth.law == law
    assert growth.probability >= 0.9
    assert growth.interval[0] <= growth.exponent <= growth.interval[1]


def test_a_wrong_law_is_hardly_ever_named() -> None:
    wrong = named = 0
    for seed in range(60):
        law = list(TRUTHS)[seed % len(TRUTHS)]
        noise = random.Random(seed)
        growth = fit_growth(SIZES, [TRUTHS[law](size) * math.exp(noise.gauss(0, 0.04)) for size in SIZES])
        named += growth.law != CANNOT_TELL
        wrong += growth.law not in (law, CANNOT_TELL)
    assert wrong <= 1
    assert named >= 30


def test_an_odd_exponent_is_a_power() -> None:
    growth = fit_growth(SIZES, [1e-6 * size**1.5 for size in SIZES])
    assert growth.law == "power"
    assert growth.exponent == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("sizes", "words"),
    [([10], "1 size"), ([10, 100, 1000], "3 sizes"), ([10, 11, 12, 13, 14, 15], "factor of 1.5")],
)
def test_too_little_to_tell_is_said(sizes: list[int], words: str) -> None:
    growth = fit_growth(sizes, [1e-3 * size for size in sizes])
    assert growth.law == CANNOT_TELL
    assert words in growth.reason


def test_failed_points_and_size_zero_are_left_out() -> None:
    growth = fit_growth([0, *SIZES, 50_000], [1.0, *(1e-5 * size for size in SIZES), math.nan])
    assert growth.law == "n"


@given(st.floats(1e-9, 1e3), st.sampled_from(list(TRUTHS)))
def test_the_law_does_not_depend_on_the_unit_of_time(factor: float, law: str) -> None:
    values = [TRUTHS[law](size) for size in SIZES]
    assert fit_growth(SIZES, [value * factor for value in values]).law == fit_growth(SIZES, values).law


@given(st.integers(0, 10_000), st.sampled_from(["n", "n log n", "n^2"]))
def test_a_fit_is_the_non_negative_least_squares_of_lawson_and_hanson(seed: int, law: str) -> None:
    noise = random.Random(seed)
    shape = {"n": lambda n: n, "n log n": lambda n: n * math.log(n), "n^2": lambda n: n * n}
    values = [1e-6 * shape[law](size) * math.exp(noise.gauss(0, 0.03)) for size in SIZES]
    columns = np.array([[1 / value, shape[law](size) / value] for size, value in zip(SIZES, values, strict=True)]).T
    lengths = np.linalg.norm(columns, axis=1)
    expected = nnls((columns / lengths[:, np.newaxis]).T, np.ones(len(SIZES)))[0] / lengths
    constant, slope = _non_negative(columns[:1], columns[1:])
    for size in (1.0, 50.0, 20_000.0):
        cost = expected[0] + expected[1] * shape[law](size)
        assert constant[0] + slope[0] * shape[law](size) == pytest.approx(cost, rel=1e-6, abs=1e-12)


def test_where_no_law_fits_none_is_named() -> None:
    seen = {100: 0.00125, 200: 0.0066, 400: 0.0876, 800: 0.178, 1600: 0.345, 3200: 0.728}  # memory that falls out of a cache
    growth = fit_growth([size for size in seen for _ in range(2)], [seen[size] * f for size in seen for f in (0.99, 1.01)])
    assert growth.law == CANNOT_TELL
    assert growth.reason.startswith("no law fits")
    assert growth.exponent == pytest.approx(1.83, abs=0.05)
