"""The header of a memray capture file, and the check that the layout of the file is the one that is decoded here."""

from __future__ import annotations

import struct
import sys
from typing import NamedTuple

from pocket_lab.profile.memory.raw.records import Unreadable, read_string

VERSION = 13  # of memray 1.20
_MAGIC = b"memray\0"
_FIXED = "=7sii??QQqq"  # magic, version, Python, C frames, format, allocations, frames, start and end in milliseconds
_AFTER_COMMAND = "=iQQB??"  # pid, main thread, skipped frames, allocator, whether it traces that allocator, object lifetimes


class Header(NamedTuple):
    """The start of the run (Unix time in milliseconds), the number of events, and the offset of the first record."""

    start_ms: int
    events: int
    end: int


def read_header(data: bytes) -> Header:
    """Read the header; raise Unreadable unless everything that the layout depends on has the expected value.

    That is: an uncompressed file (a compressed one has another magic number) of header version 13 with all allocations and
    without C frames or object lifetimes, written on a little-endian machine by the running minor version of Python, whose
    line tables have the format that is read here.
    """
    try:
        magic, version, python, native, aggregated, events, _, start_ms, _ = struct.unpack_from(_FIXED, data)
        if magic != _MAGIC or version != VERSION:
            raise Unreadable("it is compressed or of another version")
        if python >> 16 != sys.hexversion >> 16 or sys.byteorder != "little":
            raise Unreadable("it is from another Python or another kind of machine")
        if native or aggregated:
            raise Unreadable("it has C frames or aggregated records")
        _, offset = read_string(data, struct.calcsize(_FIXED))
        *_, has_lifetimes = struct.unpack_from(_AFTER_COMMAND, data, offset)
        if has_lifetimes:
            raise Unreadable("it has object lifetimes")
        _, offset = read_string(data, offset + struct.calcsize(_AFTER_COMMAND))
        for _ in range(2):  # two lists of folders
            folder = "?"
            while folder:
                folder, offset = read_string(data, offset)
    except (struct.error, IndexError, ValueError) as error:
        raise Unreadable("its header is cut short") from error
    return Header(start_ms, events, offset)
