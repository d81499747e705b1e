"""Huber's estimate: robust to outliers, exact about differences between builds, with an honest error."""

from __future__ import annotations

import math
from statistics import mean, stdev

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from pocket_lab.stats.huber import CONFIDENCE, huber_estimate, student_quantile

values = st.floats(-2, 2, allow_subnormal=False)
blocks_of_values = st.lists(st.lists(values, min_size=1, max_size=9), min_size=1, max_size=12)


@given(blocks_of_values, st.floats(-3, 3))
def test_it_lies_among_the_values_and_moves_and_turns_with_them(blocks: list[list[float]], shift: float) -> None:
    estimate = huber_estimate(blocks)
    everything = [value for block in blocks for value in block]
    assert min(everything) - 1e-7 <= estimate.value <= max(everything) + 1e-7
    turned = huber_estimate([[-value for value in block] for block in blocks])
    assert turned.value == pytest.approx(-estimate.value, abs=1e-6)
    moved = huber_estimate([[value + shift for value in block] for block in blocks])
    assert moved.value == pytest.approx(estimate.value + shift, abs=1e-6)
    assert (len(blocks) == 1) == math.isnan(estimate.error)
    assert len(blocks) == 1 or estimate.error >= 0


@given(blocks_of_values)
def test_values_within_reach_balance_those_beyond(blocks: list[list[float]]) -> None:
    everything = np.array([value for block in blocks for value in block])
    spread = 1.4826 * float(np.median(np.abs(everything - np.median(everything))))
    reach = max(spread, 0.03)
    left_over = float(np.clip(everything - huber_estimate(blocks).value, -reach, reach).mean())
    assert abs(left_over) <= 1e-8


@given(st.lists(st.lists(st.floats(-0.015, 0.015), min_size=4, max_size=4), min_size=2, max_size=20))
def test_without_outliers_it_is_the_mean_of_the_blocks_with_students_interval(blocks: list[list[float]]) -> None:
    means = [mean(block) for block in blocks]
    estimate = huber_estimate(blocks)
    assert estimate.value == pytest.approx(mean(means), abs=1e-9)
    error = stdev(means) / math.sqrt(len(means))
    quantile = scipy.stats.t.ppf((1 + CONFIDENCE) / 2, len(means) - 1)
    assert estimate.error == pytest.approx(error, abs=1e-9)
    assert estimate.half_width == pytest.approx(quantile * error, rel=1e-4, abs=1e-9)


def test_builds_that_differ_by_a_hundredth_are_not_taken_for_outliers() -> None:
    blocks = [[-0.01] * 8] * 9 + [[0.01] * 8]
    assert huber_estimate(blocks).value == pytest.approx(-0.008)


def test_rounds_that_were_interrupted_barely_affect_it() -> None:
    noise = np.random.default_rng(4)
    quiet = noise.normal(0.02, 0.01, (16, 12))
    hit = quiet + (noise.random((16, 12)) < 0.1) * 5.0
    assert huber_estimate(hit.tolist()).value == pytest.approx(huber_estimate(quiet.tolist()).value, abs=0.01)
    assert float(hit.mean()) > 0.4


def test_a_block_of_a_bad_moment_weighs_little() -> None:
    noise = np.random.default_rng(7)
    found, averaged = [], []
    for _ in range(300):
        blocks = noise.normal(0, 1, (16, 12)) * noise.choice([0.01, 0.2], (16, 1), p=[0.7, 0.3])
        found.append(huber_estimate(blocks.tolist()).value)
        averaged.append(float(np.median(blocks, axis=1).mean()))
    assert stdev(found) < 0.5 * stdev(averaged)


@pytest.mark.parametrize("blocks", [5, 16, 120])
def test_the_interval_holds_the_truth_as_often_as_it_says_whatever_the_values_of_a_block_have_in_common(blocks: int) -> None:
    noise = np.random.default_rng(blocks)
    trials = 1500
    held = 0
    for _ in range(trials):
        drawn = 0.02 + noise.normal(0, 0.02, (blocks, 8)) + noise.normal(0, 0.01, (blocks, 1))
        estimate = huber_estimate(drawn.tolist())
        held += abs(estimate.value - 0.02) <= estimate.half_width
    assert abs(held / trials - CONFIDENCE) <= 0.0077  # three standard errors


def test_one_block_or_none_or_equal_values() -> None:
    alone = huber_estimate([[1.0, 1.0, 1.02], []])
    assert alone.value == pytest.approx(3.02 / 3)
    assert math.isnan(alone.error)
    assert math.isnan(alone.half_width)
    assert huber_estimate([[1.0] * 4] * 5) == (1.0, 0.0, 4)
    with pytest.raises(ValueError, match="at least one array"):
        huber_estimate([[], []])


def test_the_quantile_is_students_without_and_with_the_expansion() -> None:
    for freedom in (1, 4, 8, 9, 10, 15, 63, 1000):
        assert student_quantile(freedom) == pytest.approx(scipy.stats.t.ppf(0.995, freedom), abs=2e-4)
