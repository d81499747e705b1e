"""Speed-up and worker advice from a frame."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest

from pocket_lab.analysis.advice import advise_workers
from pocket_lab.analysis.scaling import add_speedup
from pocket_lab.view.findings.bench import advice_reason


def frame_of(*rows: tuple[str, int, float, float], size: int | None = 100, doubt: float = 0.02) -> pd.DataFrame:
    """Rows of (executor, workers, wall, cpu per run), each with an interval around it."""
    made: list[dict[str, Any]] = [
        {
            "target": "t",
            "size": size,
            "workers": workers,
            "executor": executor,
            "drive": "run",
            "rate": math.nan,
            "wall_s": wall,
            "wall_low_s": wall * (1 - doubt),
            "wall_high_s": wall * (1 + doubt),
            "cpu_s": cpu,
            "throughput_per_s": 1 / wall,
        }
        for executor, workers, wall, cpu in rows
    ]
    return add_speedup(pd.DataFrame(made))


def test_speedup_is_against_the_smallest_worker_count_of_the_same_executor_and_size() -> None:
    frame = frame_of(("threads", 4, 3.0, 1.0), ("threads", 2, 6.0, 1.0), ("processes", 1, 8.0, 1.0), ("processes", 4, 2.0, 1.0))
    assert list(frame["speedup"]) == [2.0, 1.0, 1.0, 4.0]
    assert list(frame["efficiency"]) == [1.0, 1.0, 1.0, 1.0]
    assert list(frame.columns[-3:]) == ["throughput_per_s", "speedup", "efficiency"]


def test_a_failed_base_leaves_the_next_worker_count_as_base() -> None:
    frame = frame_of(("threads", 1, math.nan, math.nan), ("threads", 2, 6.0, 1.0), ("threads", 4, 3.0, 1.0))
    assert math.isnan(frame["speedup"][0])
    assert list(frame["speedup"][1:]) == [1.0, 2.0]
    assert frame["efficiency"][2] == 1.0


def test_points_without_a_size_have_a_speedup_too() -> None:
    assert list(frame_of(("threads", 1, 2.0, 1.0), ("threads", 2, 1.0, 1.0), size=None)["speedup"]) == [1.0, 2.0]


def test_cpu_bound_python_is_sent_to_processes_and_the_lock_is_named() -> None:
    rows = (("threads", 1, 1.0, 1.0), ("threads", 2, 1.0, 1.0), ("processes", 1, 1.1, 1.1), ("processes", 2, 0.6, 1.1))
    advice = advise_workers(frame_of(*rows))
    assert advice is not None
    assert (advice.workers, advice.executor, advice.certain) == (2, "processes", True)
    assert advice.speedup == pytest.approx(1 / 0.6)
    assert "interpreter lock" in advice_reason(advice)


def test_waiting_work_is_explained_by_its_waits() -> None:
    advice = advise_workers(frame_of(("threads", 1, 1.0, 0.1), ("threads", 8, 0.13, 0.1)))
    assert advice is not None
    assert (advice.workers, advice.executor) == (8, "threads")
    assert "waits 90%" in advice_reason(advice)


def test_the_smallest_count_near_the_best_is_enough() -> None:
    advice = advise_workers(frame_of(("threads", 1, 1.0, 0.1), ("threads", 4, 0.26, 0.1), ("threads", 16, 0.25, 0.1)))
    assert advice is not None
    assert advice.workers == 4


def test_overlapping_intervals_are_not_certain() -> None:
    advice = advise_workers(frame_of(("processes", 1, 1.1, 1.0), ("processes", 2, 1.0, 1.0), doubt=0.1))
    assert advice is not None
    assert advice.workers == 2
    assert not advice.certain


def test_one_level_is_no_choice() -> None:
    assert advise_workers(frame_of(("threads", 1, 1.0, 1.0))) is None
    assert advise_workers(frame_of(("threads", 1, math.nan, 1.0))) is None
