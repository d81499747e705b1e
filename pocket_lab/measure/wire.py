"""Records as bytes on a pipe: one JSON line each."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import Any, get_args

from pocket_lab.records import Point, Record

_KINDS: dict[str, type[Any]] = {kind.__name__: kind for kind in get_args(Record)}


def encode(record: Record) -> bytes:
    """One line of JSON: the kind of the record and its fields."""
    return json.dumps([type(record).__name__, asdict(record)]).encode() + b"\n"


def decode(line: bytes) -> Record:
    """The record of a line that `encode` wrote."""
    kind, values = json.loads(line)
    record = _KINDS[kind]
    for field in fields(record):
        if field.name not in values:  # a record from before there was such a field
            continue
        value = values[field.name]
        if field.name == "point" and value is not None:
            values[field.name] = Point(**value)
        elif field.name == "points":
            values[field.name] = tuple(Point(**point) for point in value)
        elif isinstance(value, list):
            values[field.name] = _tuples(value)
    decoded: Record = record(**values)
    return decoded


def _tuples(value: Any) -> Any:
    return tuple(_tuples(part) for part in value) if isinstance(value, list) else value
