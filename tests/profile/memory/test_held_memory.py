"""Memory that was reserved and memory that is held, in real runs under memray."""

from __future__ import annotations

import mmap
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node
from pocket_lab.measure.job import Input
from pocket_lab.measure.planning import plan_job
from pocket_lab.measure.sweep import parse_sweep
from pocket_lab.measure.worker.process import stream
from pocket_lab.profile.memory.held.caveats import CODES, Excess, excess_caveat
from pocket_lab.profile.memory.instrument import profile_memory, profile_peaks
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.memory import HeapPoint, NodeMemory
from pocket_lab.records.point import Point
from pocket_lab.records.record import Record

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows the pages of a process")

MIB = 2**20
GIB = 2**30
KEPT: list[Any] = []


@pytest.fixture(autouse=True)
def _nothing_kept() -> Any:
    yield
    KEPT.clear()


def mapped(size: int) -> None:
    mapping = mmap.mmap(-1, GIB)
    mapping[: size * MIB] = b"x" * (size * MIB)
    KEPT.append(mapping)


def zeros(size: int) -> None:
    array = np.zeros(GIB, np.uint8)
    array[: size * MIB] = 1
    KEPT.append(array)


def zeros_that_are_released(size: int) -> None:
    array = np.zeros(GIB, np.uint8)
    array[: size * MIB] = 1


def file(size: int) -> None:
    with tempfile.TemporaryFile() as data:
        data.truncate(64 * MIB)
        KEPT.append(np.memmap(data, np.uint8, "r+"))
        KEPT[-1][: size * MIB] = 1


def ones(size: int) -> None:
    KEPT.append(np.ones(size * MIB, np.uint8))


def waits_before_it_fills(size: int) -> None:
    array = np.empty(size * MIB, np.uint8)
    time.sleep(0.05)
    array[:] = 1


def profile(function: Callable[[int], None], size: int, scratch: Path, peaks: bool = False) -> list[Record]:
    job = plan_job(Graph(Node("node", exec=function)), Input.ABSENT, parse_sweep(size=size), None)
    return list((profile_peaks if peaks else profile_memory)(replace(job, scratch=str(scratch))))


def node_of(records: list[Record]) -> NodeMemory:
    (row,) = [record for record in records if isinstance(record, NodeMemory) and record.node == "node"]
    return row


@pytest.mark.parametrize(
    ("function", "peak", "left"),
    [(mapped, 32, 16), (zeros, 16, 16), (file, 0, 0), (ones, 16, 16), (waits_before_it_fills, 16, 0)],
)
def test_what_is_touched_counts(function: Callable[[int], None], peak: int, left: int, tmp_path: Path) -> None:
    records = profile(function, 16, tmp_path)
    row = node_of(records)
    assert peak * MIB <= row.peak_bytes <= (peak + 3) * MIB + (30 * MIB if function is mapped else 0)
    assert row.leaked_bytes == pytest.approx(left * MIB, abs=3 * MIB), "a huge page has 2 MiB"
    said = [record.message for record in records if isinstance(record, Caveat) and record.code == "memory-reserved"]
    assert len(said) == (function in (mapped, zeros, file))
    assert ("of mapped files" in "".join(said)) is (function is file)
    rss = [(record.heap_bytes, record.rss_bytes) for record in records if isinstance(record, HeapPoint)]
    assert all(heap <= resident for heap, resident in rss), "the timeline does not contradict itself"


def test_what_was_released_unseen_has_an_upper_bound_and_says_so() -> None:
    """In a process of its own, as always: the bound is by how far that has grown, and this one has grown and shrunk before."""
    job = plan_job(Graph(Node("node", exec=zeros_that_are_released)), Input.ABSENT, parse_sweep(size=16), None)
    for task in (profile_peaks, profile_memory):
        records = list(stream(task, job))
        assert 16 * MIB <= node_of(records).peak_bytes < 100 * MIB
        (caveat,) = [record for record in records if isinstance(record, Caveat) and record.code in CODES]
        assert '"node"' in caveat.message
        assert "of 1.00 GiB" in caveat.message


@pytest.mark.parametrize(
    ("excess", "why"),
    [
        (Excess(10 * GIB, GIB, looked=True, swapped=False), "nothing shows by which node"),
        (Excess(10 * GIB, GIB, looked=False, swapped=False), "this system does not show by which node"),
        (Excess(10 * GIB, GIB, looked=True, swapped=True), "swapped out or never touched"),
    ],
)
def test_more_than_was_resident_is_a_contradiction_that_is_said(excess: Excess, why: str) -> None:
    caveat = excess_caveat(Point("t", 1, 1, "serial", "run"), excess)
    assert (
        "10.0 GiB are counted as held at once, and the process never had more than 1.00 GiB resident (10 %)" in caveat.message
    )
    assert why in caveat.message
