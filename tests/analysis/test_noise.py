"""The noise of a sweep, from an A/A comparison inside it."""

from __future__ import annotations

import math
import random

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pocket_lab.analysis.noise import FEWEST_PAIRS, Noise, noise_of

PRECISION = 0.02


def pairs(a: list[float], b: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"wall_a_s": a, "wall_b_s": b}, dtype=float)


def scattered(count: int, ratio: float = 1.0, spread: float = 0.02, seed: int = 3) -> pd.DataFrame:
    """Two sides with a known ratio, both with noise of a known spread."""
    source = random.Random(seed)
    a, b = ([side * math.exp(source.gauss(0, spread)) for _ in range(count)] for side in (1e-3, 1e-3 * ratio))
    return pairs(a, b)


def told(frame: pd.DataFrame) -> Noise:
    noise = noise_of(frame, PRECISION)
    assert noise is not None
    return noise


def test_two_sides_that_are_equal_have_no_noise() -> None:
    assert told(pairs([2.0] * 12, [2.0] * 12)) == Noise(1.0, 1.0, 1.0, 12)
    assert told(pairs([2.0] * 12, [2.0] * 12)).floor == 0.0


def test_a_fixed_difference_is_the_ratio_of_b_to_a() -> None:
    noise = told(pairs([2.0 * n for n in range(1, 13)], [3.0 * n for n in range(1, 13)]))
    assert noise.ratio == pytest.approx(1.5)
    assert noise.floor == pytest.approx(0.5)


@pytest.mark.parametrize("ratio", [0.8, 1.0, 1.25])
@pytest.mark.parametrize("count", [10, 200])
def test_the_interval_holds_the_true_ratio_as_often_as_it_says(ratio: float, count: int) -> None:
    held = 0
    for seed in range(200):
        noise = told(scattered(count, ratio, spread=0.01, seed=seed))
        held += noise.low <= ratio <= noise.high
    assert held >= 0.9 * 200


def test_a_few_stalls_do_not_raise_the_floor() -> None:
    quiet = scattered(40)
    stalled = quiet.assign(wall_b_s=quiet["wall_b_s"].where(quiet.index % 13 != 0, 1.0))
    assert told(stalled).floor < 3 * told(quiet).floor


def test_more_rounds_lower_the_floor() -> None:
    floors = [told(scattered(count)).floor for count in (10, 60, 6000)]
    assert floors == sorted(floors, reverse=True)
    assert floors[-1] < 0.003 < floors[0] < 0.2


@given(st.lists(st.tuples(st.floats(1.0, 1.1), st.floats(1.0, 1.1)), min_size=FEWEST_PAIRS, max_size=50))
def test_the_sides_have_no_order_but_for_the_sign(rounds: list[tuple[float, float]]) -> None:
    a, b = [one for one, _ in rounds], [other for _, other in rounds]
    there, back = noise_of(pairs(a, b), PRECISION), noise_of(pairs(b, a), PRECISION)
    assert (there is None) == (back is None)
    if there is None or back is None:
        return
    assert there.low <= there.ratio <= there.high
    assert there.ratio * back.ratio == pytest.approx(1.0)
    assert there.low * back.high == pytest.approx(1.0)
    assert there.pairs == back.pairs == len(rounds)
    assert there.floor >= 0


@pytest.mark.parametrize("count", [*range(FEWEST_PAIRS)])
def test_few_pairs_tell_nothing(count: int) -> None:
    assert noise_of(scattered(count, spread=0.001), PRECISION) is None


def test_rounds_too_short_for_the_clock_are_left_out() -> None:
    assert noise_of(pairs([0.0] * 20, [0.0] * 20), PRECISION) is None
    noise = told(pairs([0.0, *[1e-8] * 12], [1e-8, *[1e-8] * 12]))
    assert (noise.ratio, noise.pairs) == (1.0, 12)


def test_an_interval_that_is_wide_beside_that_of_the_point_tells_nothing() -> None:
    few = scattered(10, spread=0.02)
    assert noise_of(few, 0.02) is not None
    assert noise_of(few, 0.002) is None
    assert noise_of(few, math.nan) is None, "the point has no interval"
    assert noise_of(scattered(10, spread=0.002), 1e-6) is not None, "finer than 1 % is fine beside anything"


def test_a_noisy_machine_has_no_floor_of_tens_of_per_cent() -> None:
    """Spikes and two speeds, as seen: "noise floor 46 %" of 5.7 ms +- 6 %, "noise floor 2411 %"."""
    said = 0
    for seed in range(300):
        source = random.Random(seed)
        spread, share, slower = (
            source.choice([0.01, 0.05, 0.2]),
            source.choice([0.0, 0.1, 0.3]),
            source.choice([1.6, 5.0, 30.0]),
        )
        sides = [
            [math.exp(source.gauss(0, spread)) * (slower if source.random() < share else 1) for _ in range(10)] for _ in "ab"
        ]
        noise = noise_of(pairs(*sides), 0.06)
        said += noise is not None
        assert noise is None or noise.floor < 0.15
    assert 25 < said < 250
