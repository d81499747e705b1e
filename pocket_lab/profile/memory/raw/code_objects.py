"""The code objects of a capture file, which turn instruction offsets into source lines."""

from __future__ import annotations

from types import CodeType

from pocket_lab.profile.memory.capture import Frame
from pocket_lab.profile.memory.raw.records import read_string, read_varint


class CodeObject:
    """A function as recorded by memray, with Python's table of its lines."""

    _TEMPLATE: CodeType = (lambda: None).__code__

    def __init__(self, function: str, file: str, first_line: int, table: bytes) -> None:
        self._function = function
        self._file = file
        self._first_line = first_line
        self._table = table
        self._lines: list[tuple[int, int]] | None = None
        self._frames: dict[int, Frame] = {}

    def frame(self, instruction: int) -> Frame:
        """Return the frame of an instruction; its line is 0 where the table has none."""
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


def read_code_objects(data: bytes, offsets: list[int]) -> dict[int, CodeObject]:
    """Read the CODE records at these offsets; the keys are memray's numbers of the code objects."""
    code_objects: dict[int, CodeObject] = {}
    first_line = 0
    for record in offsets:
        number, offset = read_varint(data, record + 1)
        function, offset = read_string(data, offset)
        file, offset = read_string(data, offset)
        difference, offset = read_varint(data, offset)
        first_line += (difference >> 1) ^ -(difference & 1)
        length, offset = read_varint(data, offset)
        code_objects[number] = CodeObject(function, file, first_line, data[offset : offset + length])
    return code_objects
