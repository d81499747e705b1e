"""Frames as tables of text, for a terminal and for a page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import pandas as pd
from markupsafe import Markup

from pocket_lab.errors import printable

Cell = Callable[[dict[Any, Any]], str]

MOST_ROWS = 40
_LONGEST_NAME = 48
WRAPPED = {"source"}  # columns whose text may be broken into lines
_NARROW = 30  # what such a column takes at least
_NEVER_LEFT_OUT = {"time", "verdict", *WRAPPED}
_WHICH_ROW = {"size", "executor", "workers", "node"}
_BETWEEN = 2


@dataclass(frozen=True, slots=True)
class TextTable:
    """Headers and rows of text; the columns named in `left` are aligned left; `more` rows were left out."""

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: frozenset[str] = frozenset()
    more: int = 0

    def to_text(self) -> str:
        """Plain text with columns padded to their width."""
        lines = [self.headers, *self.rows]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.headers))]
        padded = [
            "  ".join(
                cell.ljust(width) if header in self.left else cell.rjust(width)
                for cell, width, header in zip(line, widths, self.headers, strict=True)
            ).rstrip()
            for line in lines
        ]
        padded.insert(1, "  ".join("-" * width for width in widths))
        return "\n".join(padded + ([self._ellipsis()] if self.more else []))

    def without_constants(self, width: int) -> tuple[TextTable, dict[str, str]]:
        """The table without as many of its columns of one value as `width` characters require, and the value of each of these.

        A single row has no such columns.
        """
        table, constants = self, dict[str, str]()
        for header in self.headers:
            values = set(self._column(header)[1:])
            if len(values) == 1 < len(self.rows) and header not in _NEVER_LEFT_OUT and table._width > width:
                table, constants[header] = table._with([one for one in table.headers if one != header]), values.pop()
        return table, constants

    def within(self, width: int) -> list[TextTable]:
        """The table divided into parts of at most `width` characters each, if it can be; all begin with what names the row."""
        first = [header for number, header in enumerate(self.headers) if not number or header in _WHICH_ROW]
        tables, headers = [], list(first)
        for header in self.headers:
            if header in first:
                continue
            if len(headers) > len(first) and self._with([*headers, header])._width > width:
                tables.append(self._with(headers))
                headers = list(first)
            headers.append(header)
        return [*tables, self._with(headers)]

    @property
    def _width(self) -> int:
        """With two spaces between columns."""
        widths = {header: max(map(len, self._column(header))) for header in self.headers}
        widths |= {header: min(widths[header], _NARROW) for header in WRAPPED & set(self.headers)}
        return sum(widths.values()) + _BETWEEN * len(widths)

    def _column(self, header: str) -> list[str]:
        return [line[self.headers.index(header)] for line in (self.headers, *self.rows)]

    def _with(self, headers: Sequence[str]) -> TextTable:
        columns = [self.headers.index(header) for header in headers]
        rows = tuple(tuple(row[column] for column in columns) for row in self.rows)
        return TextTable(tuple(headers), rows, self.left & set(headers), self.more)

    def to_html(self) -> Markup:
        """An HTML table."""
        head = self._row("th", self.headers)
        body = Markup("").join(Markup("<tr>{}</tr>").format(self._row("td", row)) for row in self.rows)
        foot = Markup('<tr><td class="l" colspan="{}">{}</td></tr>').format(len(self.headers), self._ellipsis())
        rows = body + foot if self.more else body
        return Markup("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>").format(head, rows)

    def _row(self, tag: str, cells: Iterable[str]) -> Markup:
        cell_html = {left: Markup(f'<{tag} class="{"l" if left else "r"}">{{}}</{tag}>') for left in (False, True)}
        texts = zip(self.headers, cells, strict=True)
        return Markup("").join(cell_html[header in self.left].format(text) for header, text in texts)

    def _ellipsis(self) -> str:
        return f"... {self.more} more rows in .frame"


def cells_table(frame: pd.DataFrame, cells: Mapping[str, Cell], left: frozenset[str], most: int = MOST_ROWS) -> TextTable:
    """The first rows of a frame, with one column per header and its cell function."""
    rows = tuple(tuple(_one_line(cell(row)) for cell in cells.values()) for row in frame.head(most).to_dict("records"))
    return TextTable(tuple(cells), rows, left & set(cells), max(len(frame) - most, 0))


def shorten(name: str, longest: int = _LONGEST_NAME) -> str:
    """A name as printable text in one line, a long one with its middle left out."""
    half = (longest - 1) // 2
    name = _one_line(name if len(name) <= longest else f"{name[:half]}…{name[-half:]}")
    return name if len(name) <= longest else f"{name[:half]}…{name[-half:]}"


def shorten_apart(names: Sequence[str], longest: int = _LONGEST_NAME) -> list[str]:
    """The names as `shorten` makes them; of different ones that would look the same, the part in which they begin to differ.

    Those that are the same even then have a number.
    """
    shown = {name: shorten(name, longest) for name in names}
    for alike in _alike(shown):
        shown |= _from_difference(alike, longest)
    for number, name in enumerate((name for alike in _alike(shown) for name in alike), 1):
        shown[name] = f"{shorten(name, longest - len(f'#{number}'))}#{number}"
    return [shown[name] for name in names]


def _alike(shown: Mapping[str, str]) -> list[list[str]]:
    """The names that look the same."""
    names: dict[str, list[str]] = {}
    for name, text in shown.items():
        names.setdefault(text, []).append(name)
    return [alike for alike in names.values() if len(alike) > 1]


def _from_difference(names: Sequence[str], longest: int) -> dict[str, str]:
    same = takewhile(lambda letters: len(set(letters)) == 1, zip(*names, strict=False))
    begin = max(sum(1 for _ in same) - longest // 3, 0)
    texts = {name: _one_line(f"…{name[begin:]}") for name in names}
    return {name: text if len(text) <= longest else f"{text[: longest - 1]}…" for name, text in texts.items()}


def file_names(files: Iterable[str]) -> Callable[[str], str]:
    """The name of each of these files without its folder; of files with the same name, with the folders that differ."""
    names = {file: _tail(file, 1) for file in dict.fromkeys(files)}
    depth = 1
    while twice := {name for name, count in Counter(names.values()).items() if count > 1}:
        depth += 1
        names |= {file: _tail(file, depth) for file, name in names.items() if name in twice}
    return lambda file: names.get(file, file)


def _tail(file: str, depth: int) -> str:
    return "/".join(file.split("/")[-depth:])


def _one_line(text: str) -> str:
    return printable(text).replace("\n", "\\n")
