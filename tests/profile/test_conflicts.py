"""The table of instruments that exclude each other, tested with the real ones."""

from __future__ import annotations

import cProfile
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import memray
import pytest
from line_profiler import LineProfiler

from pocket_lab import UsageError, cpu, lines, memory
from pocket_lab.profile.conflicts import excluded_by, refuse_conflicts


@contextmanager
def tracking(folder: Path) -> Iterator[None]:
    with memray.Tracker(folder / "other.bin"):
        yield


@contextmanager
def cprofiling(_: Path) -> Iterator[None]:
    profiler = cProfile.Profile()
    profiler.enable()
    try:
        yield
    finally:
        profiler.disable()


@contextmanager
def lining(_: Path) -> Iterator[None]:
    profiler = LineProfiler(excluded_by)
    profiler.enable_by_count()
    try:
        yield
    finally:
        profiler.disable_by_count()


@contextmanager
def mallocs(_: Path) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()


def target(size: int) -> int:
    return len(bytearray(size))


@pytest.mark.parametrize(
    ("foreign", "verb", "named"),
    [
        (tracking, memory, "memray"),
        (cprofiling, lines if sys.version_info >= (3, 12) else memory, "cProfile"),
        (mallocs, memory, "tracemalloc"),
    ],
)
def test_a_profile_in_place_is_refused_before_the_run(
    foreign: Any, verb: Callable[..., Any], named: str, tmp_path: Path
) -> None:
    ran = []

    def noting(size: int) -> None:
        ran.append(size)

    with foreign(tmp_path), pytest.raises(UsageError, match=f'^{named} is running in this process, .*isolation="process"'):
        verb(noting, size=1, isolation="kernel")
    assert ran == []
    assert verb(target, size=1, isolation="kernel").frame is not None


def test_a_separate_process_is_not_affected(tmp_path: Path) -> None:
    with tracking(tmp_path):
        assert len(memory(target, size=1).frame)


def test_compatible_instruments_are_not_refused(tmp_path: Path) -> None:
    with tracking(tmp_path), lining(tmp_path):
        refuse_conflicts("sampler")
        cpu(target, size=1, isolation="kernel")
        assert lines(target, size=1, isolation="kernel").frame["hits"].max() == 1
    assert excluded_by("sampler") == {}
    assert set(excluded_by("line_profiler")) == ({"cProfile"} if sys.version_info >= (3, 12) else set())
    assert {"memray", "pyinstrument", "tracemalloc"} <= set(excluded_by("memray"))
