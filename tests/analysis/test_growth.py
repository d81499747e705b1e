"""Growth laws: named where the data tell, and only there."""

from __future__ import annotations

import math
import random

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import nnls

from pocket_lab.analysis.growth import CANNOT_TELL, Growth, _non_negative, fit_growth, growth_of_memory, growth_of_time
from pocket_lab.view.findings.bench import growth_sentence

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
    constant, slope = _non_negative(columns[:1], columns[1:], np.ones(len(SIZES)))
    for size in (1.0, 50.0, 20_000.0):
        cost = expected[0] + expected[1] * shape[law](size)
        assert constant[0] + slope[0] * shape[law](size) == pytest.approx(cost, rel=1e-6, abs=1e-12)


def test_where_no_law_fits_none_is_named() -> None:
    seen = {100: 0.00125, 200: 0.0066, 400: 0.0876, 800: 0.178, 1600: 0.345, 3200: 0.728}  # memory that falls out of a cache
    growth = fit_growth([size for size in seen for _ in range(2)], [seen[size] * f for size in seen for f in (0.99, 1.01)])
    assert growth.law == CANNOT_TELL
    assert growth.reason.startswith("no law fits")
    assert growth.exponent == pytest.approx(1.83, abs=0.05)


EXPONENTS = {"1": 0.0, "n": 1.0, "n^2": 2.0, "n^3": 3.0}


@given(st.integers(0, 100_000), st.sampled_from(list(TRUTHS)), st.sampled_from([0.005, 0.03, 0.1]))
def test_a_law_agrees_with_the_interval_that_it_is_shown_with(seed: int, law: str, spread: float) -> None:
    noise = random.Random(seed)
    growth = fit_growth(SIZES, [TRUTHS[law](size) * math.exp(noise.gauss(0, spread)) for size in SIZES])
    low, high = growth.interval
    assert low <= growth.exponent <= high
    if growth.law in EXPONENTS:
        assert low <= EXPONENTS[growth.law] <= high


def test_a_fixed_cost_does_not_hide_that_the_rest_is_linear() -> None:
    growth = fit_growth(SIZES, [2e-3 + 1e-5 * size for size in SIZES])
    assert growth.law == "n"
    assert growth.exponent == pytest.approx(1.0, abs=1e-3), "the slope on log-log axes is 0.4"
    assert (growth.fixed, growth.factor) == (pytest.approx(2e-3), pytest.approx(1e-5))


def test_a_law_predicts_other_sizes_and_no_law_predicts_none() -> None:
    for law, truth in TRUTHS.items():
        assert fit_growth(SIZES, [truth(size) for size in SIZES]).predict(50_000) == pytest.approx(truth(50_000), rel=1e-3), law
    assert fit_growth(SIZES, [1e-6 * size**1.5 for size in SIZES]).predict(4e4) == pytest.approx(8.0, rel=1e-3)
    assert math.isnan(fit_growth([1, 2], [1.0, 2.0]).predict(3))


def test_one_value_per_size_of_wide_noise_is_no_law() -> None:
    """Six sizes over one decade, and a machine that was a third slower at some of them."""
    wrong = 0
    for seed in range(40):
        noise = random.Random(seed)
        seen = [1e-5 * size * noise.choice([1.0, 1.35]) for size in (100, 160, 250, 400, 630, 1000)]
        wrong += fit_growth([100, 160, 250, 400, 630, 1000], seen).law not in ("n", CANNOT_TELL)
    assert wrong <= 1


def test_noise_that_the_replicates_of_a_point_share_is_noise() -> None:
    """Within a size the replicates differ by 0.1 %, so that they alone would be sure of a law; the points are 10 % off."""
    laws = []
    for seed in range(40):
        noise = random.Random(seed)
        points = {size: 1e-5 * size * math.exp(noise.gauss(0, 0.1)) for size in (100, 160, 250, 400, 630, 1000)}
        sizes = [size for size in points for _ in range(12)]
        laws.append(fit_growth(sizes, [points[size] * math.exp(noise.gauss(0, 0.001)) for size in sizes]).law)
    assert sum(law not in ("n", CANNOT_TELL) for law in laws) <= 1
    assert laws.count(CANNOT_TELL) >= 20


def test_wide_intervals_of_the_points_are_noise_too() -> None:
    sizes = [100, 160, 250, 400, 630, 1000]
    values = [1e-5 * size for size in sizes]
    assert fit_growth(sizes, values, [(value * 0.99, value * 1.01) for value in values]).law == "n"
    growth = fit_growth(sizes, values, [(value * 0.6, value * 1.4) for value in values])
    assert growth.law == CANNOT_TELL
    assert growth.reason.endswith("more sizes, a wider range or narrower intervals would tell")


def test_uncertain_points_do_not_hide_what_certain_ones_tell() -> None:
    """The shortest waits are as uncertain as they are long, the others known to a few per cent, as on a busy machine."""
    sizes, doubts = [64, 128, 256, 512, 1024, 2048, 4096], [0.3, 0.5, 0.3, 0.05, 0.03, 0.02, 0.02]
    names = []
    for seed in range(20):
        noise = random.Random(seed)
        wall = [1e-5 * size * math.exp(noise.gauss(0, doubt / 2)) for size, doubt in zip(sizes, doubts, strict=True)]
        ends = [(value * (1 - doubt), value * (1 + doubt)) for value, doubt in zip(wall, doubts, strict=True)]
        names.append(fit_growth(sizes, wall, ends).law)
    assert set(names) <= {"n", CANNOT_TELL}
    assert names.count("n") >= 10


def test_an_exponent_next_to_a_whole_one_is_no_law_of_its_own() -> None:
    growth = fit_growth(SIZES, [1e-6 * size**1.04 for size in SIZES])
    assert growth.law == CANNOT_TELL
    assert growth.reason == "n^1.04 is close to n, but not the same"


def frame_of(wall: list[float], **columns: object) -> pd.DataFrame:
    point = {"target": "t", "size": SIZES[: len(wall)], "workers": 1, "executor": "threads", "drive": "run", "rate": math.nan}
    ends = {"wall_low_s": [value * 0.99 for value in wall], "wall_high_s": [value * 1.01 for value in wall]}
    return pd.DataFrame({**point, "wall_s": wall, **ends, "status": "done", **columns})


def growth_of(frame: pd.DataFrame) -> Growth:
    growth = growth_of_time(frame)
    assert growth is not None
    return growth


def test_points_without_an_interval_take_no_part() -> None:
    wall = [1e-5 * size for size in SIZES]
    wall[3] = 0.7  # a first run
    frame = frame_of(wall)
    frame.loc[3, ["wall_low_s", "wall_high_s"]] = math.nan
    frame.loc[[3, 4], "status"] = "budget"
    growth = growth_of(frame)
    assert (growth.law, growth.sizes) == ("n", 6)
    frame.loc[4, ["wall_low_s", "wall_high_s"]] = math.nan
    sentence = growth_sentence(growth_of(frame))
    assert sentence.startswith("Growth: cannot tell (5 of 7 sizes have an interval, 6 or more are needed: raise the budget)")
    frame.loc[4, "status"] = "cancelled"
    assert growth_sentence(growth_of(frame)).endswith(
        ", 6 or more are needed: let the run end); log-log slope of wall time 1.000 [0.997, 1.003]."
    )
    frame.loc[5, "status"] = "failed"
    assert "(4 of 6 sizes have an interval" in growth_sentence(growth_of(frame))
    frame["status"] = "budget"
    frame[["wall_s", "wall_low_s", "wall_high_s"]] = math.nan
    sentence = growth_sentence(growth_of(frame))
    assert sentence == "Growth: cannot tell (0 of 7 sizes have an interval, 6 or more are needed: raise the budget)."
    assert growth_of_time(frame.head(1)) is None


def test_the_clock_is_the_one_on_which_every_point_is_read() -> None:
    cpu = [1e-5 * size for size in SIZES]
    wall = [value * factor for value, factor in zip(cpu, (1.0, 1.4, 1.1, 1.5, 1.0, 1.3, 1.4), strict=True)]
    clocks = {"cpu_s": cpu, "cpu_low_s": [value * 0.99 for value in cpu], "cpu_high_s": [value * 1.01 for value in cpu]}
    on_cpu = growth_of(frame_of(wall, **clocks, basis="cpu"))
    assert (on_cpu.law, on_cpu.basis) == ("n", "cpu")
    assert growth_sentence(on_cpu).startswith("Growth: CPU time grows like n (")
    mixed = growth_of(frame_of(wall, **clocks, basis=["cpu"] * 6 + ["wall"]))
    assert (mixed.basis, mixed.interval != on_cpu.interval) == ("wall", True)
    assert growth_of(frame_of(wall, **clocks)).interval == mixed.interval, "without the column it is wall time"


def test_memory_of_one_run_per_size_is_judged_by_how_far_the_points_are_from_a_law() -> None:
    pages = [4096 * math.ceil((3e5 + 8 * size * 50) / 4096) for size in SIZES]
    growth = growth_of_memory(frame_of([math.nan] * 7, peak_bytes=pages))
    assert growth is not None
    sentence = growth_sentence(growth, "peak memory")
    assert sentence.startswith("Growth: peak memory grows like n (a fixed cost plus n^p, p = ")
    assert "7 sizes, one run per size" in sentence
    assert growth_of_memory(frame_of([1e-3] * 7, peak_bytes=math.nan)) is None


def test_a_cost_that_stays_is_said_to_stay() -> None:
    noise = random.Random(1)
    growth = fit_growth(SIZES, [5e-3 * math.exp(noise.gauss(0, 0.002)) for _ in SIZES])
    sentence = growth_sentence(growth, "time")
    assert growth.law in ("1", CANNOT_TELL)
    assert ("does not grow with the size (log-log slope " in sentence) == (growth.law == "1")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("law", TRUTHS)
def test_laws_that_miss_by_many_orders_of_magnitude_are_rejected_in_silence(law: str) -> None:
    sizes = [1, 10, 100, 1000, 10_000, 100_000]
    assert fit_growth(sizes, [TRUTHS[law](size) or 1e-7 for size in sizes]).law in (law, CANNOT_TELL)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_law_is_of_one_combination_and_names_it(order: tuple[int, int]) -> None:
    """The other combination grows as the square: both together would fit neither law."""
    frames = [
        frame_of([1e-5 * size for size in SIZES], params="chunk=1"),
        frame_of([1e-7 * size**2 for size in SIZES], params="chunk=8"),
    ]
    growth = growth_of(pd.concat([frames[index] for index in order], ignore_index=True))
    law, chunk = [("n", 1), ("n^2", 8)][order[0]]
    assert (growth.law, growth.params, growth.sizes) == (law, f"chunk={chunk}", len(SIZES))
    assert f"chunk {chunk}" in growth_sentence(growth).replace("=", " ")
    assert growth_of(frames[0]).params == "", "a single combination is not named"
