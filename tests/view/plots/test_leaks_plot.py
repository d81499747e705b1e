"""The picture of a leak report says what its text says."""

from __future__ import annotations

import pandas as pd
import pytest

from pocket_lab.analysis.leaks import leaks_frame
from pocket_lab.frames.leaks import filling_frame, leftovers_frame, memory_series, retained_frame
from pocket_lab.profile.leaks.instrument import LEAST, LEAST_APART
from pocket_lab.records.leaks import MemoryReading
from pocket_lab.records.point import Point
from pocket_lab.view.findings.leaks import leaks_sentences
from pocket_lab.view.plots.leaks import leaks_figure

RUNS = 12
NOISE = [0, 3, 1, 4, 2, 5, 0, 3, 1, 4, 2, 5, 3]


def report(blocks: list[int], heap: list[int], rss: list[int]) -> tuple[pd.DataFrame, pd.DataFrame]:
    point = Point("t", 1, 1, "serial", "run")
    records = [MemoryReading(point, run, "main", blocks[run], heap[run], rss[run]) for run in range(RUNS + 1)]
    memory = memory_series(records)
    left, lines, filling = leftovers_frame(records), retained_frame(records), filling_frame(records)
    return memory, leaks_frame(left, memory, lines, filling, LEAST, LEAST_APART)


MIB = 2**20
FLAT = [1000 + 0 * noise for noise in NOISE]
FLAT_BYTES = [100 * MIB for _ in NOISE]
GROWING = [100 * MIB + run * MIB for run in range(RUNS + 1)]
SLOWLY = [100 * MIB + run * 512 for run in range(RUNS + 1)]


@pytest.mark.parametrize(
    ("blocks", "heap", "rss", "said", "titles", "slopes"),
    [
        (FLAT, FLAT_BYTES, FLAT_BYTES, "no growth", ["Resident memory: no growth", "Python's blocks: no growth"], [0, 0]),
        (FLAT, FLAT_BYTES, SLOWLY, "no growth", ["Resident memory: no growth", "Python's blocks: no growth"], [0, 0]),
        (FLAT, GROWING, GROWING, "Leaks 1.00 MiB", ["Resident memory: grows", "Python's blocks"], [1, 0]),
        (FLAT, GROWING, FLAT_BYTES, "Leaks 1.00 MiB", ["Memory of malloc: grows", "Python's blocks"], [1, 0]),
    ],
)
def test_the_picture_has_a_slope_where_the_text_says_that_memory_grows(
    blocks: list[int], heap: list[int], rss: list[int], said: str, titles: list[str], slopes: list[int]
) -> None:
    memory, frame = report(blocks, heap, rss)
    (sentence,) = leaks_sentences(frame, RUNS)
    assert said in sentence
    figure = leaks_figure(memory, frame)
    for ax, title, count in zip(figure.axes, titles, slopes, strict=True):
        assert ax.get_title(loc="left") == title
        assert sum(line.get_marker() == "None" for line in ax.lines) == count
