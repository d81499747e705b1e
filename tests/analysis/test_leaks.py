"""The verdict on what is left: growth that goes on, and nothing else."""

from __future__ import annotations

import pandas as pd
import pytest

from pocket_lab.analysis.leaks import goes_on, memory_growth

LEAST = (100.0, 8_192.0, 163_840.0)


@pytest.mark.parametrize(
    ("runs", "of", "expected"),
    [
        ([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 10, True),
        ([3, 6, 9], 10, True),
        ([1, 2, 3], 3, True),
        ([1, 2, 3, 4], 10, False),  # a pool that is full
        ([1], 10, False),
        ([9, 10], 10, False),
        ([5, 5, 5, 5], 10, False),
    ],
)
def test_things_go_on_coming_or_they_do_not(runs: list[int], of: int, expected: bool) -> None:
    assert goes_on(runs, of) is expected


def series(blocks: list[float], rss: list[float], heap: list[float] | None = None) -> pd.DataFrame:
    return pd.DataFrame({"blocks": blocks, "heap_bytes": heap or [float("nan")] * len(rss), "rss_bytes": rss})


FLAT = [1e6] * 11
NOTHING = pd.DataFrame({"traced_bytes": []})


def test_the_largest_growth_in_bytes_is_told_and_resident_memory_where_it_is_about_as_large() -> None:
    rss = [1e6 + 1e5 * run for run in range(11)]
    heap = [1e6 + 1.05e5 * run for run in range(11)]
    growth = memory_growth(series(FLAT, rss, heap), NOTHING, LEAST)
    assert (growth.verdict, growth.measure, growth.slope.value) == ("grows", "rss_bytes", 1e5)
    growth = memory_growth(series(FLAT, FLAT, heap), NOTHING, LEAST)
    assert (growth.measure, growth.slope.value) == ("heap_bytes", pytest.approx(1.05e5))


def test_blocks_alone_are_told_as_blocks_or_in_the_bytes_that_tracemalloc_saw() -> None:
    blocks = [1000.0 + 30 * run for run in range(11)]
    growth = memory_growth(series(blocks, FLAT, FLAT), NOTHING, LEAST)
    assert (growth.verdict, growth.measure, growth.slope.value) == ("grows", "blocks", 30)
    traced = pd.DataFrame({"traced_bytes": [2000.0 * run for run in range(7)]})
    growth = memory_growth(series(blocks, FLAT, FLAT), traced, LEAST)
    assert (growth.measure, growth.slope) == ("traced_bytes", (2000.0, 2000.0, 2000.0))


def test_flat_is_no_growth_and_noise_or_few_runs_cannot_tell() -> None:
    assert memory_growth(series(FLAT, FLAT), NOTHING, LEAST).verdict == "no growth"
    wild = [0.0, 9e6, 1e6, 8e6, 2e6, 9e6, 0.0, 9e6, 1e6, 9e6, 3e6]
    assert memory_growth(series(FLAT, wild), NOTHING, LEAST).verdict == "cannot tell"
    assert memory_growth(series(FLAT, wild, FLAT), NOTHING, LEAST).verdict == "no growth"
    assert memory_growth(series(FLAT[:4], FLAT[:4]), NOTHING, LEAST).verdict == "cannot tell"
