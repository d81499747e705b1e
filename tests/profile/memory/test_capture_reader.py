"""The fast path for capture files against memray's own reader: on made-up records, on real runs, and where it must refuse.

The tests hold for every memray: where it writes a layout that the fast path does not know, they check that the fast path
refuses the file and that memray's reader takes over.
"""

from __future__ import annotations

import asyncio
import enum
import mmap
import struct
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

from pocket_lab.profile.memory.capture import ALLOCATORS, Capture
from pocket_lab.profile.memory.capture_reader import read_capture, read_records
from pocket_lab.profile.memory.memory_totals import MemoryTotals
from pocket_lab.profile.memory.node_memory import read_node_memory
from pocket_lab.profile.memory.raw import file as raw_file
from pocket_lab.profile.memory.raw import header
from pocket_lab.profile.memory.raw.file import read_raw
from pocket_lab.profile.memory.raw.records import Unreadable
from pocket_lab.profile.node_code import NodeFinder, node_codes
from pocket_lab.records.point import Point

POINT = Point("t", 1, 1, "serial", "run")
HEADER_VERSIONS = {"1.19": 12, "1.20": 13}  # by minor version of memray
DEEPEST = 300  # memray's reader takes time in proportion to the square of the depth: minutes for tens of thousands of frames
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
    """Write a capture with these records; a pop removes at most the frames that exist, a push makes no stack too deep."""
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
            if depth[values[0]] < DEEPEST:
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


def version_of(path: Path) -> int:
    """The header version of a capture file."""
    version: int = struct.unpack_from("=7si", path.read_bytes())[1]
    return version


def is_known(path: Path) -> bool:
    return version_of(path) == header.VERSION


def check_stacks(ours: Capture, memrays: Capture, is_real: bool) -> None:
    """Each event has the same frames, innermost first, where ours may have more below only on real runs."""
    known: set[tuple[int, int]] = set()
    for mine, theirs in set(zip(ours.events.stack.tolist(), memrays.events.stack.tolist(), strict=True)):
        while theirs and (mine, theirs) not in known:
            known.add((mine, theirs))
            assert mine
            assert ours.stacks.frames[mine] == memrays.stacks.frames[theirs]
            mine, theirs = ours.stacks.parents[mine], memrays.stacks.parents[theirs]
        assert theirs or not mine or is_real


def check_equal(path: Path, *segments: int, is_real: bool = True) -> Capture:
    """Both readers return the same, except that memray omits the frames below the Tracker on the thread that entered it.

    Ours must do so with its own length of a segment, and with each of `segments`. Where the layout is not the known one, the
    fast path must refuse the file.
    """
    if not is_known(path):
        with pytest.raises(Unreadable):
            read_raw(path)
        return read_capture(path)
    memrays = read_records(path)
    for segment in (*segments, raw_file._SEGMENT):
        with patch.object(raw_file, "_SEGMENT", segment):
            ours = read_raw(path)
        for name in ("thread", "address", "size", "allocator"):
            assert getattr(ours.events, name).tolist() == getattr(memrays.events, name).tolist(), name
        check_stacks(ours, memrays, is_real)
        assert ours.snapshots.rss.tolist() == memrays.snapshots.rss.tolist()
        assert np.allclose(ours.snapshots.time_s, memrays.snapshots.time_s)
    return ours


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(made_up=st.lists(steps, max_size=80))
def test_made_up_records_are_decoded_as_memray_reads_them(tmp_path: Path, made_up: list[Any]) -> None:
    write(tmp_path / "made-up.bin", made_up)
    check_equal(tmp_path / "made-up.bin", is_real=False)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(made_up=st.lists(steps, min_size=1, max_size=30), times=st.integers(200, 2000))
def test_many_cursors_in_lockstep_find_the_true_sequence(tmp_path: Path, made_up: list[Any], times: int) -> None:
    write(tmp_path / "long.bin", made_up * times)
    check_equal(tmp_path / "long.bin", 2500, is_real=False)


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
    """Run a function under memray."""

    def capture(function: Callable[[], object], compress: bool = False, **options: Any) -> Path:
        path = tmp_path / "real.bin"
        destination = memray.FileDestination(path, overwrite=True, compress_on_exit=compress)
        with memray.Tracker(destination=destination, **options):
            function()
        return path

    return capture


@pytest.mark.parametrize("run", [threads, tasks, endless, lambda: deep(300), lambda: objects(3000)])
@pytest.mark.parametrize("python_allocators", [False, True])
def test_real_runs_are_decoded_as_memray_reads_them(captured: Any, run: Any, python_allocators: bool) -> None:
    path = captured(run, trace_python_allocators=python_allocators)
    capture = check_equal(path, 5000)
    assert len(capture.events) > 100
    assert any(file == __file__ for _, file, _ in capture.stacks.frames)


def totals_of(path: Path) -> MemoryTotals:
    """The memory of `objects` as a node, read with all details."""
    codes, _ = node_codes(objects, "objects")
    return read_node_memory(path, NodeFinder(codes), ["objects"], native=False, with_details=True)


def check_same_totals(ours: MemoryTotals, memrays: MemoryTotals) -> None:
    """Nodes, lines, stacks of nodes and moments are equal to the last byte."""
    assert list(ours.totals(POINT, 0.0, 1.0)) == list(memrays.totals(POINT, 0.0, 1.0))
    assert {site: row.tolist() for site, row in ours.lines.items()} == {
        site: row.tolist() for site, row in memrays.lines.items()
    }
    for name in ("heap", "rss"):
        assert getattr(ours.moments, name).tolist() == getattr(memrays.moments, name).tolist()
    of_node, expected = (
        {calls: row.tolist() for calls, row in totals.stacks.items() if calls[0] == "objects"} for totals in (ours, memrays)
    )
    assert of_node == expected


def test_memrays_reader_takes_over_for_another_version_with_the_same_result(captured: Any) -> None:
    path = captured(lambda: objects(3000))
    ours = totals_of(path)
    with patch.object(header, "VERSION", header.VERSION + 1 if is_known(path) else version_of(path) + 1):
        with pytest.raises(Unreadable):
            read_raw(path)
        check_same_totals(ours, totals_of(path))
    assert ours.nodes[0, 3] > 3000


def test_allocators_go_by_their_names_since_memray_renumbers_them(captured: Any) -> None:
    path = captured(lambda: objects(300))
    expected = read_records(path).events
    renumbered = enum.IntEnum("AllocatorType", {member.name: 40 - member.value for member in memray.AllocatorType})  # type: ignore[misc]

    class Record:
        def __init__(self, record: Any) -> None:
            self.tid, self.address, self.size = record.tid, record.address, record.size
            self.stack_id, self.stack_trace = record.stack_id, record.stack_trace
            self.allocator = 40 - record.allocator

    class Reader(memray.FileReader):
        def get_allocation_records(self) -> Any:
            return map(Record, super().get_allocation_records())

    with patch.object(memray, "AllocatorType", renumbered), patch.object(memray, "FileReader", Reader):
        events = read_records(path).events
    assert events.allocator.tolist() == expected.allocator.tolist()
    assert events.stack.tolist() == expected.stack.tolist()
    assert {"MALLOC", "FREE", "MMAP", "MUNMAP"} <= {ALLOCATORS[number - 1] for number in set(events.allocator.tolist())}


DOCTORED = [
    ("the magic number", 0, b"M"),
    ("an older version", 7, b"\x07"),
    ("a newer version", 7, b"\x63"),
    ("another Python", 13, b"\x02"),
    ("C frames", 15, b"\x01"),
    ("another format", 16, b"\x02"),
    ("another number of events", 17, b"\x01\x00\x00\x00\x00\x00\x00\x00"),
]


@pytest.mark.parametrize(("field", "offset", "value"), DOCTORED, ids=[field for field, *_ in DOCTORED])
def test_one_unexpected_field_of_the_header_is_enough_to_refuse(captured: Any, field: str, offset: int, value: bytes) -> None:
    path = captured(lambda: objects(50))
    data = bytearray(path.read_bytes())
    assert data[offset : offset + len(value)] != value, field
    data[offset : offset + len(value)] = value
    path.write_bytes(data)
    with pytest.raises(Unreadable):
        read_raw(path)


def test_a_doctored_version_reaches_memrays_reader_which_has_the_last_word(captured: Any) -> None:
    path = captured(lambda: objects(10))
    data = bytearray(path.read_bytes())
    data[7] += 1
    path.write_bytes(data)
    with pytest.raises(OSError, match="incompatible with this version"):
        read_capture(path)


def test_object_lifetimes_are_refused(captured: Any) -> None:
    path = captured(lambda: objects(10))
    data = path.read_bytes()
    after_command = data.index(0, struct.calcsize(header._FIXED)) + 1
    lifetimes = after_command + struct.calcsize(header._AFTER_COMMAND) - 1
    path.write_bytes(data[:lifetimes] + b"\x01" + data[lifetimes + 1 :])
    with pytest.raises(Unreadable):
        read_raw(path)


def test_a_compressed_file_is_read_by_memray_and_has_the_same_events(captured: Any) -> None:
    plain = totals_of(captured(lambda: objects(3000)))
    path = captured(lambda: objects(3000), compress=True)
    with pytest.raises(Unreadable):
        read_raw(path)
    compressed = totals_of(path)
    assert {site: row.tolist() for site, row in compressed.lines.items()} == {
        site: row.tolist() for site, row in plain.lines.items()
    }
    assert compressed.nodes[0].tolist() == plain.nodes[0].tolist()


def test_a_file_with_c_frames_is_left_to_memrays_reader(captured: Any) -> None:
    path = captured(lambda: objects(100), native_traces=True)
    with pytest.raises(Unreadable):
        read_raw(path)
    assert len(read_capture(path, native=True).events) > 100


def test_a_capture_that_was_cut_short_is_left_to_memrays_reader_too(captured: Any) -> None:
    path = captured(lambda: objects(20_000))  # many events beside the code of a long stack, which comes first
    data = path.read_bytes().rstrip(b"\0")
    for length in (0, 5, 40, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:length])
        with pytest.raises(Unreadable):
            read_raw(path)
    path.write_bytes(data[: len(data) // 2])
    assert len(read_capture(path).events) > 100


def test_the_installed_memray_writes_the_version_that_is_expected_of_it(captured: Any) -> None:
    path = captured(lambda: objects(10))
    minor = memray.__version__.rpartition(".")[0]
    assert version_of(path) == HEADER_VERSIONS.get(minor, version_of(path))
    with patch("pocket_lab.profile.memory.capture_reader.read_records", side_effect=AssertionError) as fallback:
        if is_known(path):
            assert len(read_capture(path).events) > 10
        else:
            with pytest.raises(AssertionError):
                read_capture(path)
    assert fallback.called is not is_known(path)
