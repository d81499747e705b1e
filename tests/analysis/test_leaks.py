"""The verdict on what is left: growth that goes on, and nothing else."""

from __future__ import annotations

import pandas as pd
import pytest

from pocket_lab.analysis.leaks import goes_on, leaks_frame, memory_growth
from pocket_lab.frames.leaks import filling_frame, leftovers_frame, memory_series, retained_frame
from pocket_lab.records.leaks import Filling, MemoryReading
from pocket_lab.records.point import Point
from pocket_lab.records.record import Record
from pocket_lab.view.findings.leaks import leaks_sentences

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


def test_what_rose_and_stopped_is_kept_and_a_bounded_container_that_fills_leaves_a_doubt() -> None:
    ring = [1e6 + 1e6 * min(run, 8) for run in range(41)]
    growth = memory_growth(series([1000.0] * 41, ring, ring), NOTHING, LEAST)
    assert (growth.verdict, growth.measure) == ("kept", "heap_bytes")
    assert memory_growth(series([1000.0] * 11, FLAT, ring[:5] + [5e6] * 6), NOTHING, LEAST).verdict == "cannot tell"


@pytest.mark.parametrize(("entry_bytes", "verdict"), [(1 << 20, "cannot tell"), (1 << 10, "grows")])
def test_a_container_that_is_being_filled_explains_growth_or_does_not(entry_bytes: int, verdict: str) -> None:
    point = Point("t", 1, 1, "serial", "run")
    records: list[Record] = [MemoryReading(point, run, "main", 1000, run << 20, run << 20) for run in range(13)]
    records.append(Filling(point, "lru_cache of load", 20, 1024, 1.0, float(entry_bytes)))
    left, memory, filling = leftovers_frame(records), memory_series(records), filling_frame(records)
    frame = leaks_frame(left, memory, retained_frame(records), filling, LEAST, LEAST)
    assert list(frame["verdict"]) == [verdict]
    (sentence,) = leaks_sentences(frame, 12)
    assert sentence.startswith(
        "Leaks 1.00 MiB a run" if verdict == "grows" else "Memory: cannot tell yet: it rises by 1.00 MiB"
    )
    assert ("lru_cache of load is being filled, 20 of 1,024" in sentence) is (verdict == "cannot tell")


def test_flat_is_no_growth_and_noise_or_few_runs_cannot_tell() -> None:
    assert memory_growth(series(FLAT, FLAT), NOTHING, LEAST).verdict == "no growth"
    wild = [0.0, 9e6, 1e6, 8e6, 2e6, 9e6, 0.0, 9e6, 1e6, 9e6, 3e6]
    assert memory_growth(series(FLAT, wild), NOTHING, LEAST).verdict == "cannot tell"
    assert memory_growth(series(FLAT, wild, FLAT), NOTHING, LEAST).verdict == "no growth"
    assert memory_growth(series(FLAT[:4], FLAT[:4]), NOTHING, LEAST).verdict == "cannot tell"
