"""Records as lines of JSON: on a pipe, and in the history, where each value is checked against the type of its field."""

from __future__ import annotations

import json
import re
import types
from collections.abc import Callable, Mapping
from functools import lru_cache
from math import isfinite
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pocket_lab.records.point import Point
from pocket_lab.records.progress import Started
from pocket_lab.records.ranges import check_ranges
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Sample

Check = Callable[[Any], bool]

_KINDS: dict[str, type[Any]] = {kind.__name__: kind for kind in get_args(Record)}
_SURROGATES = re.compile(  # an escaped backslash, a pair, a lone surrogate
    r"\\\\|\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\(u[dD][89a-fA-F]..)", re.DOTALL
)
_known: dict[type[Any], dict[str, Check]] = {}
_TOO_LARGE = 2**63
_MOST_SHOWN = 60


def encode(record: Record) -> bytes:
    """One line of JSON: the kind of the record and its fields; lone surrogates in texts become text.

    The two kinds of which a sweep has one for each visit of a point are written from parts, the others by a general encoder.
    """
    if record.__class__ is Started:
        return f'["Started", {{"point": {point_json(record.point)}}}]\n'.encode()
    if record.__class__ is Sample and record.error is None:
        numbers = f'"round": {record.round}, "loops": {record.loops}, "wall_s": {_number(record.wall_s)}'
        more = f'"cpu_s": {_number(record.cpu_s)}, "items": {record.items}, "error": null'
        return f'["Sample", {{"point": {point_json(record.point)}, {numbers}, {more}}}]\n'.encode()
    return valid_json(_encode([type(record).__name__, record])).encode() + b"\n"


def valid_json(text: str) -> str:
    """JSON in which escapes of lone surrogates are text, since frames and pictures take only valid Unicode."""
    return _SURROGATES.sub(_as_text, text) if "\\ud" in text or "\\uD" in text else text


def valid_record(record: Record) -> Record:
    """The record as `encode` and `decode` leave it, for one that crosses no pipe."""
    line = _encode([type(record).__name__, record])
    return decode(valid_json(line).encode()) if "\\ud" in line else record


def decode(line: bytes) -> Record:
    """The record of a line that `encode` wrote."""
    kind, values = json.loads(line)
    return _record(kind, values)


def decode_checked(line: str) -> Record:
    """The record of a line that may be damaged or foreign; raises ValueError, KeyError or TypeError that says what is wrong."""
    content = json.loads(_ascii(line))
    if not (isinstance(content, list) and len(content) == 2 and isinstance(content[0], str) and isinstance(content[1], dict)):
        raise TypeError("no record")
    record = _record(*content)
    fields = _fields(record)
    check_fields(type(record), fields)
    check_ranges(type(record).__name__, fields)
    if isinstance(point := fields.get("point"), Point):
        check_ranges("point", _fields(point))
    return record


def decode_point(text: str) -> Point:
    """The point of a JSON object that may be damaged or foreign; raises ValueError or TypeError that says what is wrong."""
    values = json.loads(_ascii(text))
    if not isinstance(values, dict):
        raise TypeError("no point")
    values = as_tuples(values)
    check_fields(Point, values)
    check_ranges("point", values)
    return Point(**values)


def as_tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a JSON object with tuples instead of lists, as the fields of records have them."""
    return {name: _tuples(value) for name, value in values.items()}


def check_fields(kind: type[Any], values: Mapping[str, Any]) -> None:
    """Raise TypeError where a value is not of the type that the dataclass gives to the field of that name."""
    checks = _checks_of(kind)
    for name, value in values.items():
        if name in checks and not checks[name](value):
            raise TypeError(f"{name} is {repr(value)[:_MOST_SHOWN]}")


def _ascii(text: str) -> str:
    """What this module has written is ASCII, and its escapes are of valid Unicode."""
    if not text.isascii():
        raise ValueError("no ASCII")
    return valid_json(text)


def _as_text(found: re.Match[str]) -> str:
    return found[0] if found[1] is None else f"\\\\{found[1]}"


def _record(kind: str, values: dict[str, Any]) -> Record:
    for name, value in values.items():
        if name == "point" and value is not None:
            values[name] = _point(value)
        elif name == "points":
            values[name] = tuple(map(_point, value))
        elif value.__class__ is list:
            values[name] = _tuples(value)
    decoded: Record = _KINDS[kind](**values)
    return decoded


def _point(values: dict[str, Any]) -> Point:
    return Point(**as_tuples(values)) if "params" in values else Point(**values)


def _fields(record: Any) -> dict[str, Any]:
    """A record, or a point in it, as JSON knows it; twice as quick as `asdict`, which copies what it finds.

    A point without parameters is written as it was before there were any.
    """
    return {name: getattr(record, name) for name in record.__slots__ if name != "params" or record.params}


@lru_cache(maxsize=100_000)
def point_json(point: Point) -> str:
    """A point as a JSON object."""
    return valid_json(_encode(point))


def _number(value: float) -> str:
    return repr(value) if value.__class__ is float and isfinite(value) else _encode(value)


_encode = json.JSONEncoder(default=_fields).encode


def _tuples(value: Any) -> Any:
    return tuple(_tuples(part) for part in value) if isinstance(value, list) else value


def _checks_of(kind: type[Any]) -> dict[str, Check]:
    """A check for each field of a dataclass."""
    if kind not in _known:
        _known[kind] = {name: _check(hint) for name, hint in get_type_hints(kind).items()}
    return _known[kind]


def _check(hint: Any) -> Check:
    """Whether a value is of a type, for the types that fields of records have; whole numbers are those below 2^63."""
    parts = get_args(hint)
    origin = get_origin(hint)
    if hint is int or hint is float:
        kinds = (int,) if hint is int else (int, float)
        return lambda value: type(value) in kinds and (value.__class__ is float or -_TOO_LARGE <= value < _TOO_LARGE)
    if origin is Literal:
        return lambda value: isinstance(value, str) and value in parts
    checks = [_check(part) for part in parts if part is not ...]
    if origin in (Union, types.UnionType):
        return lambda value: any(check(value) for check in checks)
    if origin is dict:
        return lambda value: isinstance(value, dict) and all(checks[0](key) and checks[1](part) for key, part in value.items())
    if origin is tuple and ... in parts:
        return lambda value: isinstance(value, tuple) and all(map(checks[0], value))
    if origin is tuple:
        return lambda value: (
            isinstance(value, tuple)
            and len(value) == len(checks)
            and all(check(part) for check, part in zip(checks, value, strict=True))
        )
    if hint is Point:
        return lambda value: isinstance(value, Point) and _is_whole(value)
    return lambda value: not isinstance(hint, type) or isinstance(value, hint)


def _is_whole(point: Point) -> bool:
    return all(check(getattr(point, name)) for name, check in _checks_of(Point).items())
