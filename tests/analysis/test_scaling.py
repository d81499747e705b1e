"""Speed-up from ratios within rounds, and when there is none."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from sweeps import Row, of_records, sweep_of

from pocket_lab.analysis.scaling import throughput_ratio
from pocket_lab.records.point import Point
from pocket_lab.records.progress import Closed
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Sample

ONE, TWO = Point("t", 1, 1, "threads", "run"), Point("t", 1, 2, "threads", "run")
INTERVAL = ["speedup_low", "speedup_high"]


def speedups(*rows: Row, noise: float = 0.004) -> list[float]:
    frame, _ = sweep_of(*rows, noise=noise)
    return [round(value, 2) for value in frame["speedup"]]


def test_speedup_is_against_the_smallest_worker_count_of_the_same_executor_and_size() -> None:
    rows = [Row("threads", 4, 3.0), Row("threads", 2, 6.0), Row("processes", 1, 8.0), Row("processes", 4, 2.0)]
    frame, _ = sweep_of(*rows, noise=0)
    assert list(frame["speedup"]) == pytest.approx([2.0, 1.0, 1.0, 4.0])
    assert list(frame["efficiency"]) == pytest.approx([1.0, 1.0, 1.0, 1.0])
    assert list(frame["speedup_low"].isna()) == [False, True, True, False]
    at = list(frame.columns).index("throughput_per_s")
    assert list(frame.columns[at : at + 5]) == ["throughput_per_s", "speedup", "speedup_low", "speedup_high", "efficiency"]


def test_a_failed_base_leaves_the_next_worker_count_as_base() -> None:
    rows = [Row("threads", 1, math.nan, status="failed"), Row("threads", 2, 6.0), Row("threads", 4, 3.0)]
    frame, _ = sweep_of(*rows, noise=0)
    frame = frame.set_index("workers")
    assert math.isnan(frame["speedup"][1])
    assert frame["speedup"][2] == 1.0
    assert frame["speedup"][4] == pytest.approx(2.0)
    assert frame["efficiency"][4] == pytest.approx(1.0)


def test_points_without_a_size_have_a_speedup_too() -> None:
    assert speedups(Row("threads", 1, 2.0, size=None), Row("threads", 2, 1.0, size=None)) == [1.0, 2.0]


@pytest.mark.parametrize("few", range(6))
def test_fewer_than_six_rounds_are_no_speedup_and_no_baseline(few: int) -> None:
    frame, _ = sweep_of(Row("threads", 1, 2.0), Row("threads", 2, 1.0, rounds=few))
    assert frame["speedup"].isna().tolist() == [False, True]
    frame, _ = sweep_of(Row("threads", 1, 2.0, rounds=few), Row("threads", 2, 1.0), Row("threads", 4, 0.5))
    assert frame["speedup"].isna().tolist() == [True, False, False]
    assert frame["speedup"][2] == pytest.approx(2.0, rel=0.01)
    frame, _ = sweep_of(Row("threads", 1, 2.0, rounds=few), Row("threads", 2, 1.0, rounds=few))
    assert frame[["speedup", *INTERVAL, "efficiency"]].isna().all(axis=None)


def test_an_interval_that_tells_nothing_leaves_no_speedup() -> None:
    frame, throughputs = sweep_of(Row("threads", 1, 1.0, rounds=7), Row("threads", 2, 1.0, rounds=7), noise=1.5)
    ratio = throughput_ratio(*(row.point for row in (Row("threads", 2, 1.0), Row("threads", 1, 1.0))), throughputs)
    assert ratio.high > 4 * ratio.low
    assert frame["speedup"].isna().tolist() == [False, True]


def test_a_first_run_takes_no_part() -> None:
    records: list[Record] = [Sample(ONE, 0, 1, 9.0, 0.0, 1), Sample(TWO, 0, 1, 1.0, 0.0, 1)]
    for number in range(1, 9):
        records += [Sample(ONE, number, 1, 1.0, 0.0, 1), Sample(TWO, number, 1, 0.5, 0.0, 1)]
    frame, throughputs = of_records([*records, Closed(ONE, "done"), Closed(TWO, "done")])
    assert frame["speedup"].tolist() == pytest.approx([1.0, 2.0])
    assert all(0 not in rounds.index for rounds in throughputs.values())


def test_only_rounds_that_both_have_are_compared() -> None:
    """The machine halves its speed after round 10, when the first point is closed: a ratio of medians would be wrong."""
    records: list[Record] = [Sample(ONE, number, 1, 1.0, 0.0, 1) for number in range(1, 11)]
    records += [Sample(TWO, number, 1, 0.5 if number < 11 else 1.0, 0.0, 1) for number in range(1, 60)]
    frame, _ = of_records([*records, Closed(ONE, "done"), Closed(TWO, "done")])
    assert frame["speedup"][1] == pytest.approx(2.0)
    assert frame[INTERVAL].loc[1].tolist() == pytest.approx([2.0, 2.0])
    apart: list[Record] = [Sample(ONE, n, 1, 1.0, 0.0, 1) for n in range(1, 11)] + [
        Sample(TWO, n, 1, 1.0, 0.0, 1) for n in range(11, 30)
    ]
    frame, _ = of_records([*apart, Closed(ONE, "done"), Closed(TWO, "done")])
    assert frame["speedup"].isna().tolist() == [False, True]


def test_failed_batches_and_open_loops_have_no_throughput() -> None:
    broken: list[Record] = [Sample(TWO, n, 0, math.nan, math.nan, 0, "ValueError") for n in range(1, 9)]
    frame, throughputs = of_records([*broken, Closed(TWO, "failed")])
    assert not throughputs
    assert frame["speedup"].isna().all()
    rows = [Row("threads", 1, 0.02, drive="load", rate=50.0), Row("threads", 4, 0.02, drive="load", rate=50.0)]
    records = [Sample(row.point, n, 1, 0.02, 0.0, 1) for row in rows for n in range(1, 9)]
    _, throughputs = of_records([*records, *(Closed(row.point, "done") for row in rows)])
    assert not throughputs


def test_a_window_without_an_answer_leaves_no_speedup() -> None:
    records: list[Record] = [Sample(point, n, 1, 1.0, 0.0, 1) for point in (ONE, TWO) for n in range(1, 9)]
    records.append(Sample(ONE, 9, 0, 1.0, 0.0, 0))
    records.append(Sample(TWO, 9, 1, 1.0, 0.0, 1))
    _, throughputs = of_records([*records, Closed(ONE, "done"), Closed(TWO, "done")])
    assert math.isnan(throughput_ratio(TWO, ONE, throughputs).value)


Draw = Callable[[np.random.Generator, int], tuple[np.ndarray, np.ndarray]]


def drifting(random: np.random.Generator, rounds: int) -> tuple[np.ndarray, np.ndarray]:
    shared = np.cumsum(random.normal(0, 0.05, rounds))
    return shared + random.normal(0, 0.02, rounds), shared + random.normal(0, 0.03, rounds)


def two_speeds(random: np.random.Generator, rounds: int) -> tuple[np.ndarray, np.ndarray]:
    """The machine changes between two speeds, also between two points of a round, which are in random order."""
    is_slow = np.cumsum(random.random(2 * rounds) < 0.15) % 2
    moments = is_slow * math.log(1.65) + random.normal(0, 0.01, 2 * rounds)
    is_first = random.random(rounds) < 0.5
    return np.where(is_first, moments[::2], moments[1::2]), np.where(is_first, moments[1::2], moments[::2])


def slow_each(random: np.random.Generator, rounds: int) -> tuple[np.ndarray, np.ndarray]:
    """Each point has slow noise of its own: what pairing does not remove."""
    sides = random.normal(0, 0.03, (2, rounds))
    sides[:, 0] /= 0.8
    for number in range(1, rounds):
        sides[:, number] += 0.6 * sides[:, number - 1]
    return sides[0], sides[1]


def skewed(random: np.random.Generator, rounds: int) -> tuple[np.ndarray, np.ndarray]:
    return np.log(1 + random.exponential(0.3, rounds)), np.log(1 + random.exponential(0.3, rounds))


@pytest.mark.parametrize("rounds", [6, 10, 30])
@pytest.mark.parametrize("draw", [drifting, two_speeds, slow_each, skewed])
def test_the_interval_misses_the_true_speedup_in_at_most_six_per_cent(draw: Draw, rounds: int) -> None:
    random = np.random.default_rng(7)
    sweeps, missed = 400, 0
    index = range(1, rounds + 1)
    for _ in range(sweeps):
        one, two = draw(random, rounds)
        logs = {ONE: pd.Series(-one, index=index), TWO: pd.Series(math.log(1.8) - two, index=index)}
        ratio = throughput_ratio(TWO, ONE, logs)
        assert ratio.low <= ratio.value <= ratio.high
        missed += not ratio.low <= 1.8 <= ratio.high
    assert missed / sweeps <= 0.06
