"""The parameters of a sweep: their values with short labels, and the combinations of them that are measured."""

from __future__ import annotations

import ast
import itertools
import keyword
import re
import reprlib
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pocket_lab.errors import UsageError, printable, valid_unicode
from pocket_lab.graph.callables import declared
from pocket_lab.records.point import Params

Axes = tuple[tuple[str, tuple[str, ...]], ...]
Rows = tuple[tuple[str, ...], ...]
MOST_COMBINATIONS = 100_000
RESERVED = ("target", "size", "sizes", "workers", "executor", "executors", "drive", "rate", "params", "input", "ctx")
_PLAIN = (bool, int, float, complex, str, bytes, type(None))
_LONGEST = 40
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_NOT_LITERAL = (SyntaxError, ValueError, TypeError, RecursionError, MemoryError)
_EXAMPLE = 'params={"chunk": [1, 8, 64]}'
_short = reprlib.Repr()
_short.maxlong = _short.maxother = _short.maxstring = _LONGEST


class Values:
    """The values of parameters by name and label; a point has the labels only."""

    def __init__(self, by_name: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        self.by_name = {} if by_name is None else {name: dict(values) for name, values in by_name.items()}

    def of(self, params: Params) -> dict[str, Any]:
        """The values of a combination, by name."""
        return {name: self.by_name[name][label] for name, label in params}

    def objects(self) -> dict[str, Any]:
        """The values that are more than a number or a text, by the names that error messages use."""
        return {
            f'parameter "{name}" ({label})': value
            for name, values in self.by_name.items()
            for label, value in values.items()
            if type(value) not in _PLAIN
        }


NO_VALUES = Values()


def parse_params(params: Any) -> tuple[Axes, Values]:
    """The labels of each parameter and their values, from a mapping of names to values; raises UsageError.

    The values of a parameter are a list, an array, one value, a mapping of labels to values, or a text such as "1,8,64" of
    literals, in which what is no literal is text.
    """
    if not isinstance(params, Mapping):
        raise UsageError(f"{reprlib.repr(params)} gives no name with values; write for example {_EXAMPLE}")
    by_name = {_checked_name(name): _labelled(name, values) for name, values in params.items()}
    return tuple((name, tuple(values)) for name, values in by_name.items()), Values(by_name)


def parse_grid(grid: Any) -> tuple[Axes, Rows, Values]:
    """As `parse_params`, and the combinations, from a frame with a column for each parameter, or from a list of mappings."""
    rows = _records(grid)
    names = [_checked_name(name) for name in rows[0]]
    for row in rows:
        if list(row) != names and set(row) != set(names):
            raise UsageError(f"every row has the same names: one has {', '.join(names)}, another {', '.join(map(str, row))}")
    columns = {name: _label_each([row[name] for row in rows]) for name in names}
    by_name = {name: dict(zip(labels, [row[name] for row in rows], strict=True)) for name, labels in columns.items()}
    combinations = tuple(dict.fromkeys(zip(*columns.values(), strict=True)))
    return tuple((name, tuple(values)) for name, values in by_name.items()), combinations, Values(by_name)


def combinations(axes: Axes, rows: Rows | None) -> Iterator[Params]:
    """The combinations in their order, the last parameter first to change; the empty one without parameters."""
    names = [name for name, _ in axes]
    for labels in itertools.product(*(labels for _, labels in axes)) if rows is None else rows:
        yield tuple(zip(names, labels, strict=True))


def count_combinations(axes: Axes, rows: Rows | None) -> int:
    """How many they are."""
    count = 1
    for _, labels in axes:
        count *= len(labels)
    return count if rows is None else len(rows)


def split_texts(texts: Iterable[str]) -> dict[str, str]:
    """The names and the values of arguments such as "chunk=1,8,64"; raises UsageError."""
    found: dict[str, str] = {}
    for text in texts:
        name, equals, values = text.partition("=")
        if not equals or not name.strip() or not values.strip():
            raise UsageError(f"{text!r} is not a name with values; write for example chunk=1,8,64")
        if name.strip() in found:
            raise UsageError(f"{name.strip()!r} is given twice; write its values in one list: {name.strip()}=1,8,64")
        found[name.strip()] = values.strip()
    return found


def _checked_name(name: Any) -> str:
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
        raise UsageError(f"{reprlib.repr(name)} is not the name of a parameter; write for example {_EXAMPLE}")
    if name in RESERVED:
        what = "an option of its own" if name not in ("target", "params", "ctx") else "taken"
        raise UsageError(f"a parameter cannot be named {name!r}, which is {what}: give it another name")
    return valid_unicode(name)


def _labelled(name: str, values: Any) -> dict[str, Any]:
    """The values by their labels."""
    if isinstance(values, Mapping):
        found = list(values.items())
        texts = _distinct([valid_unicode(str(label)) for label, _ in found])
        labelled = dict(zip(texts, [value for _, value in found], strict=True))
    else:
        kept = _listed(values)
        labels = _label_each(kept)
        labelled = dict(zip(labels, kept, strict=True))
    if not labelled:
        raise UsageError(f"{name!r} has no values; write for example {_EXAMPLE}")
    return labelled


def _listed(values: Any) -> list[Any]:
    if isinstance(values, str):
        return literals(values)
    if isinstance(values, bytes) or not isinstance(values, Iterable):
        return [values]
    found = list(itertools.islice(values, MOST_COMBINATIONS + 1))
    if len(found) > MOST_COMBINATIONS:
        raise UsageError(f"a parameter has at most {MOST_COMBINATIONS:,} values")
    return found


def literals(text: str) -> list[Any]:
    """The values of a text: Python literals, separated by commas; what is no literal is text."""
    try:
        return list(ast.literal_eval(f"[{text}]"))
    except _NOT_LITERAL:
        return [_literal(part.strip()) for part in text.split(",") if part.strip()]


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except _NOT_LITERAL:
        return text


def _records(grid: Any) -> list[Mapping[Any, Any]]:
    """The rows of a frame, or of a list of mappings."""
    if callable(to_dict := getattr(grid, "to_dict", None)) and hasattr(grid, "columns"):
        if len(set(grid.columns)) < len(grid.columns):
            raise UsageError("two columns of the frame have the same name")
        found: list[Any] = to_dict("records")
    elif isinstance(grid, Iterable) and not isinstance(grid, str | bytes | Mapping):
        found = list(itertools.islice(grid, MOST_COMBINATIONS + 1))
    else:
        raise UsageError(f"{reprlib.repr(grid)} is no frame with a column for each parameter, and no list of dicts")
    if not found or not all(isinstance(row, Mapping) and row for row in found):
        raise UsageError("there is no combination in it; give a frame with a column for each parameter and a row for each")
    if len(found) > MOST_COMBINATIONS:
        raise UsageError(f"there are more than {MOST_COMBINATIONS:,} combinations in it")
    return found


def _label_each(values: Sequence[Any]) -> list[str]:
    """A label for each value, the same for the same value, and different ones for different values of one text."""
    known: dict[Any, str] = {}
    counts: dict[str, int] = {}
    labels = []
    for value in values:
        key = (type(value), repr(value)) if type(value) in _PLAIN else id(value)
        if key not in known:
            text = label_of(value)
            counts[text] = counts.get(text, 0) + 1
            known[key] = text if counts[text] == 1 else _numbered(text, counts)
            counts.setdefault(known[key], 1)
        labels.append(known[key])
    return labels


def _distinct(texts: Sequence[str]) -> list[str]:
    """The texts, an equal one with a number."""
    counts: dict[str, int] = {}
    found = []
    for text in texts:
        counts[text] = counts.get(text, 0) + 1
        found.append(text if counts[text] == 1 else _numbered(text, counts))
        counts.setdefault(found[-1], 1)
    return found


def _numbered(text: str, counts: Mapping[str, int]) -> str:
    """The text with its number among equal ones, "text#2", or with the next one that is free."""
    return next(label for number in itertools.count(counts[text]) if (label := f"{text}#{number}") not in counts)


def label_of(value: Any) -> str:
    """A short text for a value: the name of a function or a graph, a number, the shape of an array, a short repr."""
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.generic):
        value = value.item()
    if isinstance(value, str):
        return _one_line(value) if value.strip() else repr(value)
    if type(value) in _PLAIN:
        return _one_line(repr(value))
    for attribute in ("__name__", "name"):
        if isinstance(name := declared(value, attribute), str) and name and name != "<lambda>":
            return _one_line(name)
    shape = declared(value, "shape")
    if isinstance(shape, tuple) and shape:
        return _one_line(f"{type(value).__name__} {' x '.join(map(str, shape))}")
    if declared(type(value), "__repr__") is object.__repr__:
        return _one_line(type(value).__name__)
    try:
        text = _short.repr(value)
    except Exception:  # of a foreign object
        text = type(value).__name__
    return _one_line(_ADDRESS.sub("", text))


def _one_line(text: str) -> str:
    line = " ".join(valid_unicode(printable(text)).split())
    half = (_LONGEST - 1) // 2
    return line if len(line) <= _LONGEST else f"{line[:half]}…{line[-half:]}"
