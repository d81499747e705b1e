"""Where the records of memray's uncompressed capture file begin, found in many places at once, and the numbers in them.

A record is a token byte and some varints, so that where it ends is only known once it is read. Here thousands of readers,
each at the edge of a block of its own, read one record a step in lockstep. Most of them begin amid a record, and nearly all
fall into step with the true sequence soon. Where the reader of one block did not lead to a record that the reader of the next
one saw, that block is read again from there: what is joined in the end is the one true sequence.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BAD, ALLOCATION, PUSH, POP, MEMORY, SWITCH, CODE, THREAD, TRAILER = range(9)

Bytes = NDArray[np.uint8]
Places = NDArray[np.int64]
Marks = NDArray[np.bool_]

_BLOCK = 1024  # bytes
_REPAIRS = 2
_LONGEST_VARINT = 8
_PADDING = 32
_MASKS = np.array([(1 << 8 * length) - 1 for length in range(_LONGEST_VARINT + 1)], np.uint64)


class Unreadable(Exception):
    """The bytes are not laid out as expected."""


def _kinds() -> Bytes:
    """The kind of record by its token."""
    kinds = np.full(256, BAD, np.uint8)
    kinds[16:32] = POP
    kinds[64:128] = PUSH
    kinds[128:] = ALLOCATION
    for token, kind in ((1, TRAILER), (2, MEMORY), (10, THREAD), (12, SWITCH), (14, CODE)):
        kinds[token] = kind
    return kinds


def _varints() -> Places:
    """How many varints follow a token: of an allocation its address unless it is remembered, a rare allocator, its size."""
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
_LENGTH = np.where(np.arange(256) == 12, 9, 1)  # of what has no varint; a thread's number has 8 bytes
_IN_WORDS = np.isin(KINDS, (CODE, THREAD))


class Segment:
    """A part of a capture's bytes, from `begin` to `end` of the whole, read from the record at `begin` on.

    `places` are the beginnings of its records and `tokens` their tokens, `leave` is where the next part's first one begins.
    """

    def __init__(self, data: bytes, begin: int, end: int) -> None:
        self._data = data
        self.begin = begin
        length = end - begin
        self._bytes: Bytes = np.zeros(length + _PADDING, np.uint8)
        part = np.frombuffer(data, np.uint8)[begin : end + _PADDING]
        self._bytes[: len(part)] = part
        is_end = self._bytes < 128
        self._ends: Places = np.append(np.flatnonzero(is_end), np.full(8, len(self._bytes) - 1))
        self._ends_before = np.cumsum(is_end, dtype=np.int32)
        self._ends_before -= is_end
        self._words = np.ndarray((len(self._bytes) - 7,), "<u8", self._bytes.data, 0, (1,))
        marks, leave = self._find(length)
        self.places: Places = np.flatnonzero(marks)
        self.leave = begin + leave
        self.tokens: Bytes = self._bytes[self.places]

    def word(self, places: Places) -> NDArray[np.uint64]:
        """The eight bytes from each of these places on, as a number."""
        return self._words[places].astype(np.uint64)

    def varint(self, places: Places, number: int | Places) -> NDArray[np.uint64]:
        """The value of a varint of the records at these places, counted from 0; raises Unreadable for more than 56 bits."""
        first = self._ends_before[places] + (self._bytes[places] < 128)
        end = self._ends[first + number]
        begin = np.where(number == 0, places + 1, self._ends[first + number - 1] + 1) if np.any(number) else places + 1
        length = end - begin + 1
        if len(length) and int(length.max()) > _LONGEST_VARINT:
            raise Unreadable("a number is too large")
        begin = np.minimum(begin, len(self._words) - 1)
        return _seven_bits_each(self._words[begin] & _MASKS[length])

    def _find(self, length: int) -> tuple[Marks, int]:
        """Whether a record begins at each byte, and where the one after the last begins."""
        edges = np.linspace(0, length, max(1, length // _BLOCK) + 1).astype(np.int64)
        begins, ends = edges[:-1], edges[1:]
        marks = np.zeros(length, np.bool_)
        leave = self._chase(begins, ends, marks)
        for _ in range(_REPAIRS):
            entry = np.concatenate(([0], leave[:-1]))
            inside = (entry >= begins) & (entry < ends)
            lost = np.flatnonzero(inside & ~marks[np.minimum(entry, length - 1)])
            again = np.zeros(length, np.bool_)
            met = self._chase(entry[lost], ends[lost], again, marks)
            for lane, place in zip(lost.tolist(), met.tolist(), strict=True):
                begin, end = int(begins[lane]), min(place, int(ends[lane]))
                marks[begin:end] = again[begin:end]
            leave[lost] = np.where(met < ends[lost], leave[lost], met)
        return marks, self._join(begins.tolist(), ends.tolist(), leave.tolist(), marks)

    def _join(self, begins: list[int], ends: list[int], leave: list[int], marks: Marks) -> int:
        """Take the marks of each block from where the one before really leads to; where it leads to no mark, read on to one."""
        place = 0
        for begin, end, left in zip(begins, ends, leave, strict=True):
            path = []
            while place < end and not marks[place]:
                path.append(place)
                place = self._after(place, end)
            marks[begin : min(place, end)] = False
            marks[path] = True
            if place < end:
                place = left
        return place

    def _after(self, place: int, end: int) -> int:
        """Where the record at a place ends."""
        token = self._bytes[place]
        if _IN_WORDS[token]:
            return self._end_of_words(place, end)
        if _PLAIN[token]:
            return place + int(_LENGTH[token])
        return int(self._ends[self._ends_before[place] + _TO_LAST[token]]) + 1

    def _chase(self, begins: Places, ends: Places, marks: Marks, until: Marks | None = None) -> Places:
        """Read on from each begin until its end, or to a place that is marked in `until`; marks what it passes."""
        places, lanes, stops = begins.copy(), np.arange(len(begins)), ends
        leave = begins.copy()
        open_ = places < stops
        while True:
            if not open_.all():
                leave[lanes[~open_]] = places[~open_]
                places, lanes, stops = places[open_], lanes[open_], stops[open_]
            if not len(places):
                return leave
            marks[places] = True
            tokens = self._bytes.take(places)
            last = self._ends.take(self._ends_before.take(places) + _TO_LAST.take(tokens))
            after = np.where(_PLAIN.take(tokens), places + _LENGTH.take(tokens), last + 1)
            words = _IN_WORDS.take(tokens)
            if words.any():
                for lane in np.flatnonzero(words).tolist():
                    after[lane] = self._end_of_words(int(places[lane]), int(stops[lane]))
            places = after
            open_ = places < stops
            if until is not None:
                open_ &= ~until.take(np.minimum(places, len(until) - 1))

    def _end_of_words(self, place: int, otherwise: int) -> int:
        """Where a record with strings ends; a reader out of step may find no end."""
        try:
            end = end_of_words(self._data, self.begin + place) - self.begin
        except (IndexError, ValueError):
            return otherwise
        return end


def read_varint(data: bytes, place: int) -> tuple[int, int]:
    """A varint, and the place after it."""
    value = shift = 0
    while True:
        byte = data[place]
        place += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, place


def read_string(data: bytes, place: int) -> tuple[str, int]:
    """A string that a zero ends, and the place after that."""
    end = data.index(0, place)
    return data[place:end].decode("utf-8", "replace"), end + 1


def end_of_words(data: bytes, place: int) -> int:
    """The end of a THREAD record (a string) or a CODE record (a varint, two strings, two varints, as many bytes)."""
    if data[place] == 10:
        return data.index(0, place + 1) + 1
    _, place = read_varint(data, place + 1)
    place = data.index(0, data.index(0, place) + 1) + 1
    _, place = read_varint(data, place)
    length, place = read_varint(data, place)
    return place + length


def unzigzag(values: NDArray[np.uint64]) -> Places:
    """Signed numbers from their zigzag form."""
    signed = values.astype(np.int64)
    return (signed >> 1) ^ -(signed & 1)


def _seven_bits_each(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The lower seven bits of each byte, close together: neighbours join to 14, 28 and 56 bits."""
    words = words & np.uint64(0x7F7F7F7F7F7F7F7F)
    for upper, lower, shift in (
        (0x7F007F007F007F00, 0x007F007F007F007F, 1),
        (0x3FFF00003FFF0000, 0x00003FFF00003FFF, 2),
        (0x0FFFFFFF00000000, 0x000000000FFFFFFF, 4),
    ):
        words = (words & np.uint64(lower)) | ((words & np.uint64(upper)) >> np.uint64(shift))
    return words
