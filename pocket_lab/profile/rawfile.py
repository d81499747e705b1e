"""memray's uncompressed capture file decoded in columns, without an object for every record.

The layout is that of memray's record_writer.cpp (header version 13, memray 1.20). A file of any other layout is Unreadable
here, and memray's own reader takes its place; tests/profile proves both equal.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple

import numpy as np

from pocket_lab.profile.capture import IS_FREE, IS_RELEASE, Bytes, Capture, Events, Frame, Ints, Snapshots, Stacks
from pocket_lab.profile.rawrecords import (
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
from pocket_lab.profile.rawstacks import StackEvents, number_stacks

_VERSION = 13
_SEGMENT = 2**23  # bytes
_MISS = 15  # an address that is none of the fifteen new ones before


def read_raw(file: Path) -> Capture:
    """The whole file; raises Unreadable where it is compressed, has C frames, was cut short, or is of another version."""
    data = file.read_bytes().rstrip(b"\0")
    header = _read_header(data)
    columns = _Columns.join([_columns(segment) for segment in _segments(data, header.end)])
    if columns.kind[-1] != TRAILER or not (columns.kind[:-1] != TRAILER).all() or (columns.kind == BAD).any():
        raise Unreadable("it has records of an unknown kind, or no end")
    is_allocation = columns.kind == ALLOCATION
    thread = _threads(columns)
    stack, stacks = _stacks(data, columns, thread)
    size, allocator = columns.second[is_allocation], columns.allocator[is_allocation]
    stack = np.where(IS_RELEASE.take(allocator), 0, stack[is_allocation])
    events = Events(thread[is_allocation], _addresses(columns, is_allocation), size, allocator, stack)
    is_memory = columns.kind == MEMORY
    time_s = (columns.second[is_memory] + header.start_ms) / 1000
    seen = np.cumsum(is_allocation)[is_memory]
    return Capture(events, stacks, Snapshots(time_s, columns.first[is_memory], seen=seen))


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


class _Columns(NamedTuple):
    """A row per record: its kind and its place, and what stands in it, as far as its kind has that.

    `first` is an address as a difference, a code object, a thread or resident bytes; `second` a size, an instruction or
    milliseconds; `recent` which of the remembered addresses it is; `many` the frames of a POP, or 1 for an entry frame.
    """

    kind: Bytes
    place: Ints
    first: Ints
    second: Ints
    allocator: Bytes
    recent: Bytes
    many: Bytes

    @classmethod
    def join(cls, parts: list[_Columns]) -> _Columns:
        """The parts one after the other."""
        if not parts:
            raise Unreadable("it has no records")
        return cls(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _columns(segment: Segment) -> _Columns:
    places, tokens = segment.places, segment.tokens
    kind = KINDS[tokens]
    first, second = (np.zeros(len(places), np.int64) for _ in range(2))
    allocator, recent, many = (np.zeros(len(places), np.uint8) for _ in range(3))

    here = np.flatnonzero(kind == ALLOCATION)
    at, token = places[here], tokens[here]
    cached = token >> 3 & 15
    given = token & 7
    is_new, is_rare = cached == _MISS, given == 0
    of = given.copy()
    of[is_rare] = segment.varint(at[is_rare], is_new[is_rare].astype(np.int64)).astype(np.uint8)
    sized = ~IS_FREE.take(of)
    allocator[here], recent[here] = of, cached
    first[here[is_new]] = unzigzag(segment.varint(at[is_new], 0))
    second[here[sized]] = segment.varint(at[sized], VARINTS[token[sized]] - 1).astype(np.int64)

    here = np.flatnonzero(kind == PUSH)
    first[here] = segment.varint(places[here], 0).astype(np.int64)
    second[here] = unzigzag(segment.varint(places[here], 1))
    many[here] = tokens[here] & 1  # whether it is an entry frame

    here = np.flatnonzero(kind == POP)
    many[here] = (tokens[here] & 15) + 1

    here = np.flatnonzero(kind == SWITCH)
    first[here] = segment.word(places[here] + 1).astype(np.int64)

    here = np.flatnonzero(kind == MEMORY)
    first[here], second[here] = (segment.varint(places[here], number).astype(np.int64) for number in (0, 1))
    return _Columns(kind, places + segment.begin, first, second, allocator, recent, many)


def _threads(columns: _Columns) -> Ints:
    """The thread of each record: that of the last switch."""
    switches = columns.kind == SWITCH
    current: Ints = np.append(columns.first[switches], 0)[np.cumsum(switches) - 1]
    return current


def _addresses(columns: _Columns, is_allocation: np.ndarray[Any, Any]) -> Ints:
    """New addresses are differences from the new one before; others name one of the last fifteen new ones."""
    recent = columns.recent[is_allocation]
    is_new = recent == _MISS
    new = np.cumsum(columns.first[is_allocation][is_new]) << 3
    newest = np.cumsum(is_new) - 1
    index = np.where(is_new, newest, newest - recent.astype(np.int64))
    if not len(new):
        return np.zeros(len(index), np.int64)
    return np.where(index >= 0, new[np.maximum(index, 0)], 0)


def _stacks(data: bytes, columns: _Columns, thread: Ints) -> tuple[Ints, Stacks]:
    """The number of the stack at each record, and all stacks."""
    matters = (columns.kind == PUSH) | (columns.kind == POP) | (columns.kind == SWITCH)
    moves = np.flatnonzero(matters)
    kind = columns.kind[moves]
    is_push = kind == PUSH
    events = StackEvents(
        thread[moves],
        np.where(is_push, 1, np.where(kind == POP, -columns.many[moves].astype(np.int64), 0)),
        columns.first[moves][is_push],
        columns.second[moves][is_push],
        columns.many[moves][is_push].astype(np.int64),
    )
    numbers, parents, frames = number_stacks(events)
    codes = _read_codes(data, columns.place[columns.kind == CODE].tolist())
    stacks = Stacks()
    for parent, (code, instruction) in zip(parents.tolist(), frames.tolist(), strict=True):
        stacks.append(parent, codes[code].frame(instruction) if code in codes else ("", "", 0))
    at_record: Ints = np.concatenate(([0], numbers))[np.cumsum(matters)]
    return at_record, stacks


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
