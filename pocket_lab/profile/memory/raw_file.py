"""memray's uncompressed capture file decoded in columns, without an object for every record.

The layout is that of memray's record_writer.cpp (header version 13, memray 1.20). A file of any other layout is Unreadable
here, and memray's own reader takes its place; tests/profile proves both equal.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import CodeType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pocket_lab.profile.memory.capture import IS_FREE, IS_RELEASE, Bytes, Capture, Events, Frame, Ints, Snapshots, Stacks
from pocket_lab.profile.memory.raw_records import (
    ALLOCATION,
    BAD,
    CODE,
    KINDS,
    MEMORY,
    POP,
    PUSH,
    SWITCH,
    TRAILER,
    VARINTS,
    Segment,
    Unreadable,
    read_string,
    read_varint,
    unzigzag,
)
from pocket_lab.profile.memory.raw_stacks import Moves, Numbered, number_stacks

_VERSION = 13
_SEGMENT = 2**23  # bytes
_MISS = 15  # an address that is none of the fifteen new ones before


def read_raw(file: Path) -> Capture:
    """The whole file; raises Unreadable where it is compressed, has C frames, was cut short, or is of another version."""
    data = file.read_bytes().rstrip(b"\0")
    header = _read_header(data)
    parts = [_read_part(segment) for segment in _segments(data, header.end)]
    if not parts or parts[-1].ends != [len(data) - 1] or any(part.ends for part in parts[:-1]):
        raise Unreadable("it has no end, or more than one")
    counts = np.array([(len(part.size), len(part.change), len(part.switched)) for part in parts])
    base = np.cumsum(counts, axis=0) - counts
    threads = np.append(_joined(parts, "switched"), 0)
    thread = threads[_joined(parts, "switches", base[:, 2]) - 1]
    moved = threads[_joined(parts, "moved_switches", base[:, 2]) - 1]
    columns = (_joined(parts, name).astype(np.int64) for name in ("change", "code", "instruction", "entry"))
    moves = Moves(moved, *columns)
    numbers = number_stacks(moves, thread, _joined(parts, "moves", base[:, 1]))
    allocator, recent = (_joined(parts, name).astype(np.uint8) for name in ("allocator", "recent"))
    events = Events(
        thread,
        _addresses(_joined(parts, "difference"), recent),
        _joined(parts, "size"),
        allocator,
        np.where(IS_RELEASE.take(allocator), 0, numbers.at),
    )
    stacks = _stacks(numbers, _read_codes(data, [place for part in parts for place in part.codes]))
    time_s = (_joined(parts, "looked_ms") + header.start_ms) / 1000
    return Capture(events, stacks, Snapshots(time_s, _joined(parts, "rss"), seen=_joined(parts, "seen", base[:, 0])))


def _joined(parts: Sequence[_Part], name: str, base: Ints | None = None) -> Ints:
    """A column of all parts; with a base, numbers that count on from part to part."""
    columns = [getattr(part, name) for part in parts]
    if base is not None:
        columns = [column + first for column, first in zip(columns, base.tolist(), strict=True)]
    return np.concatenate(columns)


class _Header(NamedTuple):
    start_ms: int
    end: int


def _read_header(data: bytes) -> _Header:
    """When the run began, and where the records do."""
    try:
        magic, version, python, native, aggregated, _, _, start_ms, _ = struct.unpack_from("=7sii??QQqq", data)
        if magic != b"memray\0" or version != _VERSION or python >> 16 != sys.hexversion >> 16 or native or aggregated:
            raise Unreadable("it is compressed, of another version, or has C frames")
        _, place = read_string(data, struct.calcsize("=7sii??QQqq"))
        *_, has_lifetimes = struct.unpack_from("=iQQB??", data, place)
        _, place = read_string(data, place + struct.calcsize("=iQQB??"))
        for _ in range(2):  # two lists of folders
            folder = "?"
            while folder:
                folder, place = read_string(data, place)
    except (struct.error, IndexError, ValueError) as error:
        raise Unreadable("its header is cut short") from error
    if has_lifetimes:
        raise Unreadable("it tells of objects")
    return _Header(start_ms, place)


def _segments(data: bytes, begin: int) -> Iterator[Segment]:
    while begin < len(data):
        segment = Segment(data, begin, min(begin + _SEGMENT, len(data)))
        yield segment
        begin = segment.leave


class _Part(NamedTuple):
    """The records of a segment by their kinds.

    Of each allocation or release: the address as a difference from the new one before (where it is a new one), which of the
    recent ones it is, size, allocator, and the moves of stacks and the switches of threads before it. Of each move: by how
    many frames, the switches before it; of each push code, instruction and whether it is an entry. Then the threads switched
    to; of each look at the memory of the process milliseconds, bytes and the allocations before; and the places of code
    objects and of the end.
    """

    difference: Ints
    recent: Bytes
    size: Ints
    allocator: Bytes
    moves: Ints
    switches: NDArray[np.int32]
    change: NDArray[np.int8]
    moved_switches: NDArray[np.int32]
    code: Ints
    instruction: Ints
    entry: Bytes
    switched: Ints
    looked_ms: Ints
    rss: Ints
    seen: Ints
    codes: list[int]
    ends: list[int]


def _read_part(segment: Segment) -> _Part:
    places, tokens = segment.places, segment.tokens
    kind = KINDS[tokens]
    if (kind == BAD).any():
        raise Unreadable("it has records of an unknown kind")
    is_switch, is_push = kind == SWITCH, kind == PUSH
    moves, made = np.flatnonzero(is_push | (kind == POP)), np.flatnonzero(kind == ALLOCATION)
    looks, pushes = places[kind == MEMORY], places[is_push]
    switches = np.cumsum(is_switch, dtype=np.int32) if is_switch.any() else np.zeros(len(kind), np.int32)
    moved = tokens[moves]
    return _Part(
        *_allocations(segment, places[made], tokens[made]),
        moves=np.searchsorted(moves, made),
        switches=switches[made],
        change=np.where(moved >= 64, 1, -1 - (moved & 15).astype(np.int8)).astype(np.int8),
        moved_switches=switches[moves],
        code=segment.varint(pushes, 0).astype(np.int64),
        instruction=unzigzag(segment.varint(pushes, 1)),
        entry=(tokens[is_push] & 1).astype(np.uint8),
        switched=segment.word(places[is_switch] + 1).astype(np.int64),
        looked_ms=segment.varint(looks, 1).astype(np.int64),
        rss=segment.varint(looks, 0).astype(np.int64),
        seen=np.searchsorted(places[made], looks),
        codes=(places[kind == CODE] + segment.begin).tolist(),
        ends=(places[kind == TRAILER] + segment.begin).tolist(),
    )


def _allocations(segment: Segment, places: Ints, tokens: Bytes) -> tuple[Ints, Bytes, Ints, Bytes]:
    """(difference, recent, size, allocator)."""
    recent: Bytes = (tokens >> 3 & 15).astype(np.uint8)
    allocator: Bytes = (tokens & 7).astype(np.uint8)
    is_new, is_rare = recent == _MISS, allocator == 0
    allocator[is_rare] = segment.varint(places[is_rare], is_new[is_rare].astype(np.int64)).astype(np.uint8)
    sized = ~IS_FREE.take(allocator)
    size = np.zeros(len(places), np.int64)
    size[sized] = segment.varint(places[sized], VARINTS[tokens[sized]] - 1).astype(np.int64)
    return unzigzag(segment.varint(places[is_new], 0)), recent, size, allocator


def _addresses(difference: Ints, recent: Bytes) -> Ints:
    """New addresses are differences from the new one before; others name one of the last fifteen new ones."""
    is_new = recent == _MISS
    new = np.cumsum(difference) << 3
    newest = np.cumsum(is_new) - 1
    index = np.where(is_new, newest, newest - recent.astype(np.int64))
    return np.where(index >= 0, np.append(new, 0)[index], 0)


def _stacks(numbers: Numbered, codes: dict[int, _Code]) -> Stacks:
    stacks = Stacks()
    for parent, (code, instruction) in zip(numbers.parents.tolist(), numbers.frames.tolist(), strict=True):
        stacks.append(parent, codes[code].frame(instruction) if code in codes else ("", "", 0))
    return stacks


def _read_codes(data: bytes, places: list[int]) -> dict[int, _Code]:
    codes: dict[int, _Code] = {}
    first_line = 0
    for place in places:
        code, place = read_varint(data, place + 1)
        function, place = read_string(data, place)
        file, place = read_string(data, place)
        difference, place = read_varint(data, place)
        first_line += (difference >> 1) ^ -(difference & 1)
        length, place = read_varint(data, place)
        codes[code] = _Code(function, file, first_line, data[place : place + length])
    return codes


class _Code:
    """A function as the capture knows it, with Python's table of its lines."""

    _TEMPLATE: CodeType = (lambda: None).__code__

    def __init__(self, function: str, file: str, first_line: int, table: bytes) -> None:
        self._function = function
        self._file = file
        self._first_line = first_line
        self._table = table
        self._lines: list[tuple[int, int]] | None = None
        self._frames: dict[int, Frame] = {}

    def frame(self, instruction: int) -> Frame:
        """The function and the line of an instruction; line 0 where the table has none."""
        if instruction not in self._frames:
            self._frames[instruction] = (self._function, self._file, self._line(instruction))
        return self._frames[instruction]

    def _line(self, instruction: int) -> int:
        if instruction < 0 or not self._table:
            return 0
        if self._lines is None:
            code = self._TEMPLATE.replace(co_linetable=self._table, co_firstlineno=self._first_line)
            self._lines = []
            last = self._first_line
            for _, end, line in code.co_lines():
                last = last if line is None else line
                self._lines.append((end, last))
        return next((line for end, line in self._lines if instruction < end), 0)
