"""The offsets of the records in memray's uncompressed capture file, found at many offsets at once, and their numbers.

A record is a token byte followed by varints, so its end is known only once it has been read. Here the bytes are divided into
blocks with one cursor each, and all cursors read one record per step. Most cursors start in the middle of a record, and
nearly all of them meet the true sequence of records soon. Where the cursor of one block does not lead to a record that the
next cursor has marked, the next block is read again from there, so the joined result is the one true sequence.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BAD, ALLOCATION, PUSH, POP, MEMORY, SWITCH, CODE, THREAD, TRAILER = range(9)

Bytes = NDArray[np.uint8]
Offsets = NDArray[np.int64]
Marks = NDArray[np.bool_]

_BLOCK = 1024  # bytes
_REPAIRS = 2
_LONGEST_VARINT = 8
_PADDING = 32
_MASKS = np.array([(1 << 8 * length) - 1 for length in range(_LONGEST_VARINT + 1)], np.uint64)


class Unreadable(Exception):
    """The bytes do not have the expected layout."""


def _kinds() -> Bytes:
    """Return the kind of record for each token."""
    kinds = np.full(256, BAD, np.uint8)
    kinds[16:32] = POP
    kinds[64:128] = PUSH
    kinds[128:] = ALLOCATION
    for token, kind in ((1, TRAILER), (2, MEMORY), (10, THREAD), (12, SWITCH), (14, CODE)):
        kinds[token] = kind
    return kinds


def _varints() -> Offsets:
    """Return the number of varints after each token.

    An allocation has its address unless that is a recent one, its allocator if that is a rare one, and its size.
    """
    varints = np.zeros(256, np.int64)
    for token in range(128, 256):
        allocator = token & 7
        varints[token] = (token >> 3 & 15 == 15) + (allocator == 0) + (allocator not in (1, 5))
    varints[64:128] = 2
    varints[2] = 2
    return varints


KINDS, VARINTS = _kinds(), _varints()
_PLAIN = VARINTS == 0
_TO_LAST = VARINTS - 1 + (np.arange(256) < 128)  # a token below 128 looks like the end of a varint
_LENGTH = np.where(np.arange(256) == 12, 9, 1)  # of a record without varints; a thread id has 8 bytes
_HAS_STRINGS = np.isin(KINDS, (CODE, THREAD))


class Segment:
    """The bytes of a capture from `begin` to `end`, where `begin` is the offset of a record.

    `offsets` are the offsets of its records relative to `begin`, `tokens` their tokens, and `leave` is the offset in the whole
    file at which the next segment begins.
    """

    def __init__(self, data: bytes, begin: int, end: int) -> None:
        self._data = data
        self.begin = begin
        length = end - begin
        self._bytes: Bytes = np.zeros(length + _PADDING, np.uint8)
        part = np.frombuffer(data, np.uint8)[begin : end + _PADDING]
        self._bytes[: len(part)] = part
        is_end = self._bytes < 128
        self._ends: Offsets = np.append(np.flatnonzero(is_end), np.full(8, len(self._bytes) - 1))
        self._ends_before = np.cumsum(is_end, dtype=np.int32)
        self._ends_before -= is_end
        self._words = np.ndarray((len(self._bytes) - 7,), "<u8", self._bytes.data, 0, (1,))
        marks, leave = self._find(length)
        self.offsets: Offsets = np.flatnonzero(marks)
        self.leave = begin + leave
        self.tokens: Bytes = self._bytes[self.offsets]

    def word(self, offsets: Offsets) -> NDArray[np.uint64]:
        """Return the 8-byte number at each offset."""
        return self._words[offsets].astype(np.uint64)

    def varint(self, offsets: Offsets, number: int | Offsets) -> NDArray[np.uint64]:
        """Return the varint with this number, from 0, of the records at these offsets; Unreadable above 56 bits."""
        first = self._ends_before[offsets] + (self._bytes[offsets] < 128)
        end = self._ends[first + number]
        begin = np.where(number == 0, offsets + 1, self._ends[first + number - 1] + 1) if np.any(number) else offsets + 1
        length = end - begin + 1
        if len(length) and int(length.max()) > _LONGEST_VARINT:
            raise Unreadable("a number is too large")
        begin = np.minimum(begin, len(self._words) - 1)
        return _seven_bits_each(self._words[begin] & _MASKS[length])

    def _find(self, length: int) -> tuple[Marks, int]:
        """Return whether a record begins at each byte, and the offset after the last record."""
        edges = np.linspace(0, length, max(1, length // _BLOCK) + 1).astype(np.int64)
        begins, ends = edges[:-1], edges[1:]
        marks = np.zeros(length, np.bool_)
        leave = self._follow(begins, ends, marks)
        for _ in range(_REPAIRS):
            entry = np.concatenate(([0], leave[:-1]))
            inside = (entry >= begins) & (entry < ends)
            lost = np.flatnonzero(inside & ~marks[np.minimum(entry, length - 1)])
            repaired = np.zeros(length, np.bool_)
            met = self._follow(entry[lost], ends[lost], repaired, marks)
            for block, offset in zip(lost.tolist(), met.tolist(), strict=True):
                begin, end = int(begins[block]), min(offset, int(ends[block]))
                marks[begin:end] = repaired[begin:end]
            leave[lost] = np.where(met < ends[lost], leave[lost], met)
        return marks, self._join(begins.tolist(), ends.tolist(), leave.tolist(), marks)

    def _join(self, begins: list[int], ends: list[int], leave: list[int], marks: Marks) -> int:
        """Keep in each block the marks from its true first record on; read record by record until a mark is met."""
        offset = 0
        for begin, end, left in zip(begins, ends, leave, strict=True):
            path = []
            while offset < end and not marks[offset]:
                path.append(offset)
                offset = self._after(offset, end)
            marks[begin : min(offset, end)] = False
            marks[path] = True
            if offset < end:
                offset = left
        return offset

    def _after(self, offset: int, end: int) -> int:
        """Return the end of the record at an offset."""
        token = self._bytes[offset]
        if _HAS_STRINGS[token]:
            return self._end_of_strings(offset, end)
        if _PLAIN[token]:
            return offset + int(_LENGTH[token])
        return int(self._ends[self._ends_before[offset] + _TO_LAST[token]]) + 1

    def _follow(self, begins: Offsets, ends: Offsets, marks: Marks, until: Marks | None = None) -> Offsets:
        """Move a cursor from each begin, record by record, to its end or to an offset that `until` marks.

        Marks the records that it passes, and returns the offset at which each cursor stopped.
        """
        offsets, cursors, stops = begins.copy(), np.arange(len(begins)), ends
        leave = begins.copy()
        moving = offsets < stops
        while True:
            if not moving.all():
                leave[cursors[~moving]] = offsets[~moving]
                offsets, cursors, stops = offsets[moving], cursors[moving], stops[moving]
            if not len(offsets):
                return leave
            marks[offsets] = True
            tokens = self._bytes.take(offsets)
            last = self._ends.take(self._ends_before.take(offsets) + _TO_LAST.take(tokens))
            after = np.where(_PLAIN.take(tokens), offsets + _LENGTH.take(tokens), last + 1)
            has_strings = _HAS_STRINGS.take(tokens)
            if has_strings.any():
                for index in np.flatnonzero(has_strings).tolist():
                    after[index] = self._end_of_strings(int(offsets[index]), int(stops[index]))
            offsets = after
            moving = offsets < stops
            if until is not None:
                moving &= ~until.take(np.minimum(offsets, len(until) - 1))

    def _end_of_strings(self, offset: int, default: int) -> int:
        """Return the end of a record with strings; a cursor that is inside a record may find none, then the default."""
        try:
            end = end_of_strings(self._data, self.begin + offset) - self.begin
        except (IndexError, ValueError):
            return default
        return end


def read_varint(data: bytes, offset: int) -> tuple[int, int]:
    """Return a varint and the offset after it."""
    value = shift = 0
    while True:
        byte = data[offset]
        offset += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, offset


def read_string(data: bytes, offset: int) -> tuple[str, int]:
    """Return a zero-terminated string and the offset after it."""
    end = data.index(0, offset)
    return data[offset:end].decode("utf-8", "replace"), end + 1


def end_of_strings(data: bytes, offset: int) -> int:
    """Return the end of a THREAD record (a string) or a CODE record (a varint, two strings, two varints, that many bytes)."""
    if data[offset] == 10:
        return data.index(0, offset + 1) + 1
    _, offset = read_varint(data, offset + 1)
    offset = data.index(0, data.index(0, offset) + 1) + 1
    _, offset = read_varint(data, offset)
    length, offset = read_varint(data, offset)
    return offset + length


def unzigzag(values: NDArray[np.uint64]) -> Offsets:
    """Return the signed numbers of zigzag codes."""
    signed = values.astype(np.int64)
    return (signed >> 1) ^ -(signed & 1)


def _seven_bits_each(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Pack the lower seven bits of each byte: pairs are joined to 14, 28 and 56 bits."""
    words = words & np.uint64(0x7F7F7F7F7F7F7F7F)
    for upper, lower, shift in (
        (0x7F007F007F007F00, 0x007F007F007F007F, 1),
        (0x3FFF00003FFF0000, 0x00003FFF00003FFF, 2),
        (0x0FFFFFFF00000000, 0x000000000FFFFFFF, 4),
    ):
        words = (words & np.uint64(lower)) | ((words & np.uint64(upper)) >> np.uint64(shift))
    return words
