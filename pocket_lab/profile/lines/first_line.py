"""Functions whose body begins on their first line, such as lambdas: since Python 3.12 that line has no event, and no hits.

sys.monitoring reports a line where it differs from that of the instruction before, and the instruction RESUME at the beginning
of each function has the line of its `def`. So RESUME loses its line. The format of the table of lines is described in CPython's
`InternalDocs/code_objects.md` (`Objects/locations.md` before 3.14).
"""

from __future__ import annotations

from collections.abc import Iterator
from dis import opmap
from types import CodeType

_RESUME = opmap["RESUME"]
_START = 0x80  # this bit is set in the first byte of an entry only; then four bits of the kind, and three of the length
_WITHOUT_COLUMNS, _LONG, _NO_LOCATION = 13, 14, 15


def with_first_line(code: CodeType) -> CodeType:
    """The same code, in which the line that it begins on has an event also where that is the line of its `def`."""
    resume = code.co_code[::2].index(_RESUME)
    table, begin = b"", 0
    for entry in _entries(code.co_linetable):
        length = (entry[0] & 7) + 1
        if begin <= resume < begin + length:
            if _moves(entry):
                return code
            before, behind = resume - begin, begin + length - resume - 1
            table += _shortened(entry, before) + bytes([_START | _NO_LOCATION << 3]) + _shortened(entry, behind)
        else:
            table += entry
        begin += length
    return code.replace(co_linetable=table)


def _entries(table: bytes) -> Iterator[bytes]:
    """The entries of a table of lines; each describes as many instructions as it is long."""
    begins = [index for index, byte in enumerate(table) if byte & _START]
    for begin, end in zip(begins, [*begins[1:], len(table)], strict=True):
        yield table[begin:end]


def _moves(entry: bytes) -> bool:
    """Whether the entry is of another line than the one before it."""
    kind = entry[0] >> 3 & 15
    if kind in (_WITHOUT_COLUMNS, _LONG):
        return entry[1] & 63 != 0
    return kind in (11, 12)


def _shortened(entry: bytes, length: int) -> bytes:
    """The entry for fewer instructions."""
    return bytes([entry[0] & ~7 | length - 1]) + entry[1:] if length else b""
