"""Captures decoded in columns against memray's own reader: on made-up records, and on real runs."""

from __future__ import annotations

import asyncio
import mmap
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import memray
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from memray._memray import RecordWriterTestHarness

from pocket_lab.profile.memory import raw_file as rawfile
from pocket_lab.profile.memory.capture import Capture
from pocket_lab.profile.memory.capture_reader import read_capture, read_records
from pocket_lab.profile.memory.raw_file import read_raw
from pocket_lab.profile.memory.raw_records import Unreadable

CODES = [compile(text, "made_up.py", "exec") for text in ("x = 1\ny = [\n 2,\n 3]\n", "def f():\n\n    return 1\n")]

addresses = st.one_of(st.integers(0, 20), st.integers(0, 2**44)).map(lambda number: 8 * number)
steps = st.one_of(
    st.tuples(st.just("allocate"), st.integers(1, 3), addresses, st.integers(0, 2**40), st.integers(1, 15)),
    st.tuples(st.just("push"), st.integers(1, 3), st.integers(0, 1), st.integers(-1, 40), st.booleans()),
    st.tuples(st.just("pop"), st.integers(1, 3), st.integers(1, 40)),
    st.tuples(st.just("memory"), st.integers(0, 2**40)),
    st.tuples(st.just("name"), st.integers(1, 3), st.text(st.characters(codec="ascii", exclude_characters="\0"), max_size=5)),
)


def write(path: Path, made_up: list[Any]) -> None:
    """A capture with these records; a pop takes no more frames than there are."""
    path.unlink(missing_ok=True)
    writer: Any = RecordWriterTestHarness(str(path), main_tid=1)
    for number, code in enumerate(CODES):
        table = RecordWriterTestHarness.get_linetable(code)
        writer.write_code_object(number, f"f{number}", "made_up.py", table, code.co_firstlineno)
    depth = dict.fromkeys((1, 2, 3), 0)
    for kind, *values in made_up:
        if kind == "allocate":
            writer.write_allocation_record(*values)
        elif kind == "push":
            writer.write_frame_push(*values)
            depth[values[0]] += 1
        elif kind == "pop":
            thread, count = values[0], min(values[1], depth[values[0]])
            depth[thread] -= count
            if count:
                writer.write_frame_pop(thread, count)
        elif kind == "memory":
            writer.write_memory_record(int(time.time() * 1000) + 10_000, *values)
        else:
            writer.write_thread_record(*values)
    writer.write_trailer()
    writer.write_header(True)
    del writer


def check_equal(path: Path, is_real: bool = True) -> Capture:
    """Both readers say the same, but that memray leaves out what stood on its own thread's stack before it began."""
    ours, memrays = read_raw(path), read_records(path)
    for name in ("thread", "address", "size", "allocator"):
        assert getattr(ours.events, name).tolist() == getattr(memrays.events, name).tolist(), name
    pairs = set(zip(ours.events.stack.tolist(), memrays.events.stack.tolist(), strict=True))
    for mine, theirs in pairs:
        frames, expected = ours.stacks.of(mine), memrays.stacks.of(theirs)
        assert frames[len(frames) - len(expected) :] == expected
        assert len(frames) == len(expected) or is_real
    assert ours.snapshots.rss.tolist() == memrays.snapshots.rss.tolist()
    assert np.allclose(ours.snapshots.time_s, memrays.snapshots.time_s)
    return ours


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(made_up=st.lists(steps, max_size=80))
def test_made_up_records_are_read_as_memray_reads_them(tmp_path: Path, made_up: list[Any]) -> None:
    write(tmp_path / "made-up.bin", made_up)
    check_equal(tmp_path / "made-up.bin", is_real=False)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(made_up=st.lists(steps, min_size=1, max_size=30), times=st.integers(200, 2000))
def test_many_readers_in_lockstep_see_the_one_true_sequence(tmp_path: Path, made_up: list[Any], times: int) -> None:
    write(tmp_path / "long.bin", made_up * times)
    check_equal(tmp_path / "long.bin", is_real=False)
    with patch.object(rawfile, "_SEGMENT", 2500):
        check_equal(tmp_path / "long.bin", is_real=False)


def deep(depth: int) -> list[bytearray]:
    return [bytearray(900), *deep(depth - 1)] if depth else []


def objects(count: int) -> None:
    kept = []
    for number in range(count):
        kept.append(bytearray(600 + number % 700))
        if number % 3:
            kept.pop()
    list(bytearray(n) for n in range(600, 800))  # noqa: C400 (a generator is meant)
    with mmap.mmap(-1, 1 << 20):
        pass


def threads() -> None:
    started = [threading.Thread(target=objects, args=(200,)) for _ in range(4)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()


def tasks() -> None:
    async def task() -> None:
        for _ in range(10):
            objects(5)
            await asyncio.sleep(0)

    async def together() -> None:
        await asyncio.gather(*(task() for _ in range(4)))

    asyncio.run(together())


def endless() -> None:
    try:
        deep(10**6)
    except RecursionError:
        pass


@pytest.fixture
def captured(tmp_path: Path) -> Callable[..., Path]:
    """Runs a function under memray."""

    def capture(function: Callable[[], object], compress: bool = False, **options: Any) -> Path:
        path = tmp_path / "real.bin"
        destination = memray.FileDestination(path, overwrite=True, compress_on_exit=compress)
        with memray.Tracker(destination=destination, **options):
            function()
        return path

    return capture


@pytest.mark.parametrize("run", [threads, tasks, endless, lambda: deep(300), lambda: objects(3000)])
@pytest.mark.parametrize("python_allocators", [False, True])
def test_real_runs_are_read_as_memray_reads_them(captured: Any, run: Any, python_allocators: bool) -> None:
    path = captured(run, trace_python_allocators=python_allocators)
    capture = check_equal(path)
    with patch.object(rawfile, "_SEGMENT", 5000):
        check_equal(path)
    assert len(capture.events) > 100
    assert any(file == __file__ for _, file, _ in capture.stacks.frames)


def test_what_it_cannot_read_is_left_to_memrays_reader(captured: Any) -> None:
    for options in ({"compress": True}, {"native_traces": True}):
        path = captured(lambda: objects(100), **options)
        with pytest.raises(Unreadable):
            read_raw(path)
        assert len(read_capture(path, native="native_traces" in options).events) > 100


def test_a_capture_that_was_cut_short_is_left_to_memrays_reader_too(captured: Any) -> None:
    path = captured(lambda: objects(2000))
    data = path.read_bytes().rstrip(b"\0")
    for length in (0, 5, 40, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:length])
        with pytest.raises(Unreadable):
            read_raw(path)
    path.write_bytes(data[: len(data) // 2])
    assert len(read_capture(path).events) > 100


def test_another_version_is_left_to_memrays_reader(captured: Any) -> None:
    path = captured(lambda: objects(10))
    data = bytearray(path.read_bytes())
    data[7] += 1
    path.write_bytes(data)
    with pytest.raises(Unreadable):
        read_raw(path)


def test_the_version_of_memray_at_hand_is_read_in_columns(captured: Any) -> None:
    check_equal(captured(lambda: objects(10)))
    assert sys.implementation.name == "cpython"
