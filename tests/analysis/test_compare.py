"""Verdicts from block ratios: intervals that cover, corrections for many pairs, the clock they rest on."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from pocket_lab.analysis.compare.basis import REASONS, Basis, basis_of
from pocket_lab.analysis.compare.columns import COMPARISON_COLUMNS
from pocket_lab.analysis.compare.gate import Gate, stopped_by
from pocket_lab.analysis.compare.means import geometric_mean
from pocket_lab.analysis.compare.pairs import compare_pairs
from pocket_lab.analysis.compare.ratio import MARGIN, Ratio, ratio_of, verdict_of
from pocket_lab.analysis.compare.seconds_needed import seconds_needed
from pocket_lab.errors import UsageError
from pocket_lab.frames.pairs import pairs_frame, sides_frame
from pocket_lab.records.point import Point
from pocket_lab.records.progress import Closed, Planned
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Block, Sample, Waits
from pocket_lab.stats.huber import CONFIDENCE

OPPOSITE = {"slower": "faster", "faster": "slower", "same": "same", "cannot tell": "cannot tell"}

logs = st.floats(-1.0, 1.0)
p_values = st.lists(st.floats(0.0, 1.0), max_size=12)


def compared(
    wall: Sequence[float],
    cpu: Sequence[float] | None = None,
    *,
    pairs: int = 1,
    margin: float = MARGIN,
    swapped: bool = False,
    executor: str = "serial",
    workers: tuple[int, int] = (1, 1),
    **waits_of_b: float,
) -> pd.DataFrame:
    """The frame of a comparison in which the log ratio of block k is wall[k] and cpu[k], through the records of a duel."""
    records: list[Record] = []
    sides = "ba" if swapped else "ab"
    both = [[Point(side, n, w, executor, "run") for side, w in zip(sides, workers, strict=True)] for n in range(pairs)]
    records.append(Planned(tuple(point for two in both for point in two), 10.0))
    for block, (wall_log, cpu_log) in enumerate(zip(wall, cpu or wall, strict=True)):
        records.append(Block(block + 1))
        for number in range(3):
            for two in both:
                for point in two:
                    changed = point.target == "b"
                    wall_s, cpu_s = (1e-3 * math.exp(log if changed else 0.0) for log in (wall_log, cpu_log))
                    records.append(Sample(point, 3 * block + number + 1, 10, 10 * wall_s, 10 * cpu_s, 10))
    for two in both:
        for point in two:
            own: dict[str, Any] = {"cpu_s": 1.0, "queued_s": 0.0, "switches": 0}
            records.append(Waits(point, 100, 1.0, **{**own, **(waits_of_b if point.target == "b" else {})}))
            records.append(Closed(point, "done"))
    return compare_pairs(pairs_frame(records), sides_frame(records), margin)


def around(middle: float, spread: float, count: int = 10) -> list[float]:
    """Values whose mean is `middle`, alternating by `spread`."""
    return [middle + spread * (-1) ** k for k in range(count)]


@pytest.mark.parametrize("count", [5, 10, 40])
def test_the_interval_holds_the_true_ratio_as_often_as_it_says(count: int) -> None:
    noise = random.Random(count)
    truth, trials = math.log(1.03), 2000
    held = called = 0
    for _ in range(trials):
        ratio = ratio_of([[noise.gauss(truth, 0.02)] for _ in range(count)])
        held += ratio.low <= 1.03 <= ratio.high
        unchanged = ratio_of([[noise.gauss(0.0, 0.02)] for _ in range(count)])
        called += verdict_of(unchanged, unchanged.p) in ("slower", "faster")
    assert CONFIDENCE - 0.007 <= held / trials <= CONFIDENCE + 0.007
    assert called / trials <= 1 - CONFIDENCE + 0.007


def test_without_outliers_the_interval_and_p_are_students() -> None:
    noise = random.Random(3)
    values = [noise.gauss(0.02, 0.01) for _ in range(12)]
    told = ratio_of([[value] for value in values])
    truth = scipy.stats.ttest_1samp(values, 0.0)
    low, high = truth.confidence_interval(CONFIDENCE)
    assert (told.low, told.high) == pytest.approx((math.exp(low), math.exp(high)))
    assert told.p == pytest.approx(truth.pvalue)
    assert told.value == pytest.approx(scipy.stats.gmean([math.exp(value) for value in values]))
    assert told.blocks == 12


@pytest.mark.parametrize("rounds", [1, 3, 12])
def test_a_change_of_nothing_is_called_in_at_most_one_of_a_hundred_whatever_the_noise(rounds: int) -> None:
    noise = np.random.default_rng(5)
    shape = trials, _, _ = 4000, 12, rounds
    block = (trials, 12, 1)
    draws = {
        "normal": noise.normal(0, 0.03, shape),
        "heavy tails": noise.standard_t(2, shape) * 0.02,
        "one block in ten gone wrong": noise.normal(0, 0.01, shape) + (noise.random(block) < 0.1) * noise.normal(0, 0.3, block),
        "one round in ten gone wrong": noise.normal(0, 0.01, shape) + (noise.random(shape) < 0.1) * noise.normal(0, 0.3, shape),
        "two builds differ": noise.normal(0, 0.02, shape) + noise.normal(0, 0.02, block),
        "one build or the other": noise.normal(0, 0.002, shape) + noise.choice([-0.01, 0.01], block),
        "now one core, now the other": noise.normal(0, 0.02, shape) + noise.choice([-0.5, 0, 0.5], shape, p=[0.15, 0.7, 0.15]),
        "bursts": noise.normal(0, 1, shape) * noise.choice([0.01, 0.2], block, p=[0.7, 0.3]),
    }
    for name, drawn in draws.items():
        called = [verdict_of(ratio := ratio_of(blocks), ratio.p) in ("slower", "faster") for blocks in drawn]
        assert np.mean(called) <= 0.0125, name  # a hundredth, and two and a half standard errors of 4000 trials


@given(st.lists(logs, max_size=4))
def test_fewer_than_five_blocks_have_a_value_but_no_interval_and_tell_nothing(values: list[float]) -> None:
    ratio = ratio_of([[value] for value in values])
    assert math.isnan(ratio.low)
    assert math.isnan(ratio.high)
    assert ratio.p == 1.0
    assert math.isnan(ratio.value) == (not values)
    assert verdict_of(ratio, ratio.p) == "cannot tell"


@given(st.lists(st.lists(logs, min_size=1, max_size=9), min_size=5, max_size=12))
def test_b_against_a_is_the_inverse_of_a_against_b(values: list[list[float]]) -> None:
    there, back = ratio_of(values), ratio_of([[-value for value in block] for block in values])
    assert back.value == pytest.approx(1 / there.value)
    assert (back.low, back.high) == pytest.approx((1 / there.high, 1 / there.low))
    assert back.p == pytest.approx(there.p)
    assert verdict_of(back, back.p) == OPPOSITE[verdict_of(there, there.p)]


@given(st.lists(st.lists(logs, min_size=1, max_size=9), min_size=5, max_size=12), st.floats(-1.0, 1.0))
def test_the_value_lies_in_its_interval_and_a_common_factor_only_moves_both(values: list[list[float]], shift: float) -> None:
    here, there = ratio_of(values), ratio_of([[value + shift for value in block] for block in values])
    assert here.low <= here.value <= here.high
    assert math.log(there.high / there.low) == pytest.approx(math.log(here.high / here.low), abs=1e-9)
    assert there.value == pytest.approx(here.value * math.exp(shift))


def test_swapped_sides_give_the_inverse_row() -> None:
    noise = random.Random(4)
    for middle in (-0.05, 0.0, 0.05):
        wall = [noise.gauss(middle, 0.01) for _ in range(10)]
        cpu = [noise.gauss(middle, 0.004) for _ in range(10)]
        (there,), (back,) = (compared(wall, cpu, swapped=swapped).to_dict("records") for swapped in (False, True))
        assert (there["target_b"], back["target_b"]) == ("b", "a")
        assert back["verdict"] == OPPOSITE[there["verdict"]]
        for name, inverse in (("ratio", "ratio"), ("ratio_low", "ratio_high"), ("cpu_ratio",) * 2, ("wall_ratio",) * 2):
            assert back[name] == pytest.approx(1 / there[inverse])


@pytest.mark.parametrize(
    ("value", "low", "high", "p", "verdict"),
    [
        (1.0101, 1.001, 1.020, 0.0099, "slower"),
        (1 / 1.0101, 1 / 1.020, 1 / 1.001, 0.0099, "faster"),
        (1.0101, 0.999, 1.021, 0.0101, "cannot tell"),  # luck is not excluded
        (1.0101, 0.999, 1.019, 0.0101, "same"),
        (1.0099, 1.009, 1.011, 1e-9, "same"),  # certain, but below the margin
        (1.0099, 1.001, 1.0201, 1e-9, "cannot tell"),
        (1.0, 1 / 1.0199, 1.0199, 1.0, "same"),
        (1.0, 1 / 1.0201, 1.0001, 1.0, "cannot tell"),
        (1.0, 0.9999, 1.0201, 1.0, "cannot tell"),
        (3.0, math.nan, math.nan, 1.0, "cannot tell"),
        (math.nan, math.nan, math.nan, 1.0, "cannot tell"),
    ],
)
def test_a_verdict_at_its_edges(value: float, low: float, high: float, p: float, verdict: str) -> None:
    assert verdict_of(Ratio(value, low, high, p, 10), p) == verdict


@given(st.floats(0.2, 5.0), st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.floats(0.001, 0.5))
def test_a_change_is_called_from_the_margin_on_and_never_by_luck(value: float, half: float, p: float, margin: float) -> None:
    ratio = Ratio(value, value * math.exp(-half), value * math.exp(half), p, 10)
    verdict = verdict_of(ratio, p, margin)
    if verdict in ("slower", "faster"):
        assert p < 0.0101
        assert abs(math.log(value)) >= math.log1p(margin)
        assert (verdict == "slower") == (value > 1)
    if verdict == "same":
        assert abs(math.log(value)) + half <= math.log1p(2 * margin) * 1.000001


def test_a_change_that_one_pair_shows_may_be_luck_among_fifty() -> None:
    shaky = around(0.02, 0.0165)
    assert compared(shaky).verdict.item() == "slower"
    assert set(compared(shaky, pairs=50).verdict) == {"cannot tell"}
    assert set(compared(around(0.02, 0.005), pairs=50).verdict) == {"slower"}


@pytest.mark.parametrize(
    ("options", "basis", "reason"),
    [
        ({}, "cpu", "busy"),
        ({"cpu_s": 0.7, "queued_s": 0.29}, "cpu", "busy"),  # it stood in the queue: the machine's doing, not its own
        ({"cpu_s": 0.7, "queued_s": 0.0}, "wall", "waits"),
        ({"cpu_s": 0.7, "queued_s": math.nan}, "wall", "unknown"),
        ({"cpu_s": 1.9}, "wall", "helpers"),
        ({"switches": 19}, "cpu", "busy"),
        ({"switches": 21}, "wall", "sleeps"),
        ({"workers": (2, 2)}, "wall", "workers"),
        ({"workers": (1, 2)}, "wall", "workers"),
        ({"executor": "threads"}, "cpu", "busy"),  # one worker: its waits are known, and the main thread's are for it
        ({"executor": "threads", "switches": 300}, "cpu", "busy"),
        ({"executor": "threads", "cpu_s": 0.9}, "wall", "waits"),
        ({"executor": "asyncio"}, "cpu", "busy"),
    ],
)
def test_cpu_time_counts_only_where_both_sides_keep_one_core_busy(options: dict[str, Any], basis: str, reason: str) -> None:
    (row,) = compared(around(0.10, 0.01), around(0.20, 0.01), **options).to_dict("records")
    assert (row["basis"], row["reason"]) == (basis, reason)
    assert row["ratio"] == row[f"{basis}_ratio"]
    assert (row["wall_ratio"], row["cpu_ratio"]) == pytest.approx((math.exp(0.1), math.exp(0.2)))
    assert row["verdict"] == "slower"
    assert reason in REASONS


def test_a_side_that_keeps_more_than_one_core_busy_is_not_judged_by_cpu_time() -> None:
    (row,) = compared(around(-0.6, 0.01), around(0.05, 0.01), cpu_s=1.9).to_dict("records")
    assert row["basis"] == "wall"
    assert row["verdict"] == "faster"


@pytest.mark.parametrize(
    ("waits", "switches", "reason"),
    [
        (math.nan, 0.0, "unknown"),
        (0.021, 0.0, "waits"),
        (0.0, 0.21, "sleeps"),
        (-0.051, 0.0, "busy"),  # reading them stood in the queue as well
        (0.02, 0.2, "busy"),
    ],
)
def test_what_is_not_known_or_too_much_is_not_busy(waits: float, switches: float, reason: str) -> None:
    point = {"executor": "serial", "workers": 1, "drive": "run"}
    still = {"waits_a": 0.0, "waits_b": 0.0, "switches_a": 0.0, "switches_b": 0.0, "cores_a": 1.0, "cores_b": 1.0}
    for side in "ab":
        changed = {f"waits_{side}": waits, f"switches_{side}": switches}
        assert basis_of({**point, **still, **changed}) == Basis("cpu" if reason == "busy" else "wall", reason)
    assert basis_of({**point, **still, "executor": "threads", "waits_b": -0.051}) == Basis("wall", "unknown")
    assert basis_of({**point, **still, "cores_b": 1.9, "waits_b": math.nan}) == Basis("wall", "helpers")
    assert basis_of({**point, **still, "drive": "load"}) == Basis("wall", "load")


def test_the_same_cpu_time_is_not_the_same_where_wall_time_contradicts() -> None:
    (row,) = compared(around(0.05, 0.002), around(0.0, 0.002)).to_dict("records")
    assert (row["basis"], row["reason"], row["verdict"]) == ("cpu", "clocks", "cannot tell")
    assert math.isnan(row["seconds_needed"]), "more time does not make the clocks agree"
    assert compared(around(0.005, 0.002), around(0.0, 0.002)).verdict.item() == "same"


def test_seconds_needed_stand_only_where_it_cannot_be_told_and_are_more_than_were_spent() -> None:
    told, untold = compared(around(0.1, 0.01)), compared(around(0.0, 0.03))
    assert told.seconds_needed.isna().all()
    assert untold.verdict.item() == "cannot tell"
    spent = 3 * 10 * 2 * 10e-3
    assert untold.seconds_needed.item() > 2 * spent * 0.99
    wider = compared(around(0.0, 0.045))
    assert wider.seconds_needed.item() > 1.5 * untold.seconds_needed.item()


@pytest.mark.parametrize("margin", [0.005, 0.01, 0.05])
def test_the_time_that_might_tell_does_tell_where_the_blocks_go_on_as_before(margin: float) -> None:
    noise = random.Random(6)
    right = asked = 0
    for _ in range(300):
        blocks = [[noise.gauss(0.0, 2.5 * margin)] for _ in range(10)]
        ratio = ratio_of(blocks)
        if verdict_of(ratio, ratio.p, margin) != "cannot tell" or math.isnan(needed := seconds_needed(ratio, 10.0, margin)):
            continue
        blocks += [[noise.gauss(0.0, 2.5 * margin)] for _ in range(round(needed) - 10)]
        ratio = ratio_of(blocks)
        asked += 1
        right += verdict_of(ratio, ratio.p, margin) != "cannot tell"
    assert asked > 50
    assert right / asked > 0.7


def test_no_time_is_named_that_is_not_credible() -> None:
    noisy = ratio_of([[value] for value in around(0.0, 0.5)])
    assert math.isnan(seconds_needed(noisy, 4.0, 0.01))
    assert seconds_needed(noisy, 4.0, 0.3) <= 40.0
    assert math.isnan(seconds_needed(ratio_of([]), 0.0, 0.01))
    assert seconds_needed(ratio_of([[0.0]]), 4.0, 0.01) == 40.0, "ten blocks"


def test_the_times_of_both_sides_have_intervals_on_the_clock_of_the_basis_and_their_quotient_is_the_ratio() -> None:
    noise = random.Random(8)
    wall, cpu = ([noise.gauss(middle, 0.01) for _ in range(12)] for middle in (0.15, 0.1))
    (on_cpu,) = compared(wall, cpu).to_dict("records")
    (on_wall,) = compared(wall, cpu, workers=(2, 2)).to_dict("records")
    for row, times in ((on_cpu, cpu), (on_wall, wall)):
        assert row["b_s"] / row["a_s"] == pytest.approx(row["ratio"])
        assert row["a_s"] == pytest.approx(1e-3, rel=1e-3)
        assert row["b_low_s"] < row["b_s"] < row["b_high_s"]
        assert row["b_s"] == pytest.approx(1e-3 * scipy.stats.gmean([math.exp(log) for log in times]), rel=1e-3)
    (few,) = compared(around(0.1, 0.01, 4)).to_dict("records")
    assert few["a_s"] == pytest.approx(1e-3)
    assert math.isnan(few["a_low_s"])


def test_the_frame_has_the_columns_of_the_contract_in_order() -> None:
    frame = compared(around(0.1, 0.01), pairs=3)
    assert list(frame.columns) == [name for name in COMPARISON_COLUMNS if name != "params"]
    assert list(frame["size"]) == [0, 1, 2]
    assert set(frame["blocks"]) == {10}
    assert set(frame["rounds"]) == {30}


def test_one_block_gone_wrong_widens_the_interval_and_is_no_change() -> None:
    (clean,), (one,) = (compared(around(0.0, 0.002, 10)[:9] + last).to_dict("records") for last in ([0.002], [0.5]))
    assert math.log(one["ratio_high"] / one["ratio_low"]) > 4 * math.log(clean["ratio_high"] / clean["ratio_low"])
    assert one["verdict"] == "same", "nine of ten blocks agree"
    assert compared([*around(0.0, 0.002, 8), 0.5, 0.5]).verdict.item() == "cannot tell"


def test_a_comparison_of_nothing_measured_tells_nothing() -> None:
    (row,) = compared([]).to_dict("records")
    assert row["verdict"] == "cannot tell"
    assert (row["blocks"], row["rounds"]) == (0, 0)
    assert math.isnan(row["ratio"])


@given(st.lists(st.floats(0.01, 100.0), min_size=1, max_size=20))
def test_the_geometric_mean_of_inverse_ratios_is_the_inverse(ratios: list[float]) -> None:
    mean = geometric_mean(pd.DataFrame({"ratio": ratios}))
    assert min(ratios) * 0.999999 <= mean <= max(ratios) * 1.000001
    assert geometric_mean(pd.DataFrame({"ratio": [1 / ratio for ratio in ratios]})) == pytest.approx(1 / mean)


def test_the_geometric_mean_leaves_out_what_was_not_measured() -> None:
    assert geometric_mean(pd.DataFrame({"ratio": [2.0, math.nan, 8.0]})) == pytest.approx(4.0)
    assert math.isnan(geometric_mean(pd.DataFrame({"ratio": [math.nan]})))


def test_a_gate_stops_its_verdict_from_its_change_on() -> None:
    frame = pd.DataFrame(
        {"verdict": ["slower", "slower", "faster", "faster", "cannot tell"], "ratio": [1.04, 1.06, 0.96, 0.5, 2.0]}
    )
    assert list(Gate.parse("slower:5%").stops(frame).index) == [1]
    assert list(Gate.parse("slower").stops(frame).index) == [0, 1]
    assert list(Gate.parse("faster:5%").stops(frame).index) == [3]
    assert list(Gate.parse("faster:0.01").stops(frame).index) == [2, 3]


def test_a_pair_that_several_gates_stop_counts_once() -> None:
    frame = pd.DataFrame({"verdict": ["slower", "cannot tell", "same", "slower"], "ratio": [1.09, 1.0, 1.0, 1.02]})
    assert list(stopped_by(Gate.parse_all("slower:5%,slower"), frame).index) == [0, 3]
    assert list(stopped_by(Gate.parse_all("slower:5%,cannot tell"), frame).index) == [0, 1]
    assert stopped_by(Gate.parse_all("faster"), frame).empty


@pytest.mark.parametrize("text", ["", "same", "slower:fast", "slow:5%", "slower:-5%", ":5%"])
def test_a_gate_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        Gate.parse(text)
