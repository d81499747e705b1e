"""What else a frame says about workers: the base, the largest size, open loops, reasons. (Its basics: test_scaling.py.)"""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest

from pocket_lab.analysis.advice import Advice, advise_workers
from pocket_lab.analysis.scaling import add_speedup
from pocket_lab.view.findings.bench import advice_reason

Row = tuple[str, int, float, float]
TARGET = {"target": "t", "drive": "load"}


def frame_of(*rows: Row, size: int | None = 1, rate: float = math.nan, doubt: float = 0.02) -> pd.DataFrame:
    """Rows of (executor, workers, requests a second, CPU share of a worker)."""
    made: list[dict[str, Any]] = []
    for executor, workers, throughput, busy in rows:
        wall = workers / throughput
        ends = {"wall_low_s": wall * (1 - doubt), "wall_high_s": wall * (1 + doubt)}
        point = {**TARGET, "size": size, "workers": workers, "executor": executor, "rate": rate}
        made.append({**point, "wall_s": wall, **ends, "cpu_s": wall * busy, "throughput_per_s": throughput})
    return add_speedup(pd.DataFrame(made))


def advised(frame: pd.DataFrame) -> Advice:
    advice = advise_workers(frame)
    assert advice is not None
    return advice


def test_requests_at_a_rate_of_their_own_have_neither_a_speedup_nor_advice() -> None:
    frame = frame_of(("threads", 1, 50.0, 0.1), ("threads", 4, 50.0, 0.1), rate=50.0)
    assert frame["speedup"].isna().all()
    assert frame["efficiency"].isna().all()
    assert list(frame["throughput_per_s"]) == [50.0, 50.0]
    assert advise_workers(frame) is None


def test_under_load_the_speedup_is_in_requests_a_second_and_not_in_latency() -> None:
    frame = frame_of(("threads", 1, 100.0, 0.1), ("threads", 4, 380.0, 0.1))
    assert frame["wall_s"][1] > frame["wall_s"][0], "each of the four waits a little longer"
    assert list(frame["speedup"]) == [1.0, 3.8]
    assert list(frame["efficiency"]) == [1.0, pytest.approx(0.95)]
    advice = advised(frame)
    assert (advice.workers, advice.executor, advice.certain) == (4, "threads", True)
    assert advice.speedup == pytest.approx(3.8)


def test_the_largest_size_decides() -> None:
    small = frame_of(("threads", 1, 100.0, 0.1), ("threads", 4, 400.0, 0.1), size=10)
    large = frame_of(("threads", 1, 10.0, 1.0), ("threads", 4, 10.1, 1.0), size=1000)
    advice = advised(pd.concat([large, small], ignore_index=True))
    assert advice.workers == 1
    assert "interpreter lock" in advice_reason(advice)


def test_fewer_workers_are_preferred_where_the_gain_is_small_and_the_quicker_of_two_executors() -> None:
    frame = frame_of(("processes", 1, 99.0, 1.0), ("threads", 1, 100.0, 1.0), ("threads", 2, 101.0, 1.0))
    advice = advised(frame)
    assert (advice.workers, advice.executor, advice.speedup, advice.certain) == (1, "threads", 1.0, True)


def test_the_gain_is_against_the_best_of_the_fewest_workers_whatever_their_executor() -> None:
    frame = frame_of(("processes", 1, 50.0, 1.0), ("threads", 1, 100.0, 1.0), ("processes", 2, 180.0, 1.0))
    assert advised(frame).speedup == pytest.approx(1.8)


def test_without_an_interval_nothing_is_certain() -> None:
    frame = frame_of(("threads", 1, 100.0, 0.1), ("threads", 4, 400.0, 0.1), doubt=math.nan)
    advice = advised(frame)
    assert advice.workers == 4
    assert not advice.certain


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ((("threads", 1, 100.0, 0.25), ("threads", 2, 200.0, 0.25)), "one worker waits 75% of the time"),
        ((("processes", 1, 100.0, 0.9), ("processes", 2, 180.0, 0.9)), "a core 90% busy; more processes gain 1.80x"),
        ((("threads", 1, 100.0, 1.7), ("threads", 2, 102.0, 1.7)), "one worker keeps a core busy; more threads gain 1.02x"),
        ((("threads", 1, 100.0, 1.0), ("threads", 2, 190.0, 1.0)), "one worker keeps a core 100% busy"),
    ],
)
def test_the_reason_is_the_cpu_time_of_one_worker_and_what_more_of_them_bring(rows: tuple[Row, ...], words: str) -> None:
    reason = advice_reason(advised(frame_of(*rows)))
    assert words in reason
    assert ("interpreter lock" in reason) == ("1.02x" in reason)


def test_points_that_failed_are_no_choice() -> None:
    frame = frame_of(("threads", 1, 100.0, 0.1), ("threads", 2, math.nan, 0.1), ("threads", 4, 300.0, 0.1))
    assert advised(frame).workers == 4
    assert advise_workers(frame[frame["workers"] < 4]) is None
