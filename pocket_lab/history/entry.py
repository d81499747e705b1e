"""What a run in the history was: a row of its list."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from pocket_lab.history.errors import Unreadable, read_row
from pocket_lab.records.codec import check_fields, valid_json

BROKEN_OFF, UNREADABLE = "broken off", "unreadable"
_QUERY = """SELECT id, name, verb, target, started_at, ended_at, status, options, version,
    CASE WHEN ended_at IS NULL THEN (SELECT count(*) FROM sample WHERE session = id) ELSE samples END
    FROM session"""
_LATEST = 2.0**33  # the year 2242: a time that pandas can show


@dataclass(frozen=True, slots=True)
class Entry:
    """One run; times are seconds since 1970.

    `status` is how it ended, or "broken off" where it never did: its process was killed, or is still at it. It is "unreadable"
    where the row of the run is damaged, and `damage` says what is wrong; such a run can be deleted and is listed by its number.
    """

    id: int
    name: str
    verb: str
    target: str
    started_at: float
    ended_at: float | None
    status: str
    samples: int
    tags: tuple[str, ...]
    options: dict[str, Any]
    version: str
    damage: str | None = None


def read_entries(connection: sqlite3.Connection, where: str = "1", values: tuple[Any, ...] = ()) -> list[Entry]:
    """The runs for which a condition on the table `session` holds, newest first."""
    rows = connection.execute(f"{_QUERY} WHERE {where} ORDER BY id DESC", values).fetchall()
    return [_entry(row, _tags(connection, row[0])) for row in rows]


def read_options(session: int, text: str) -> dict[str, Any]:
    """The options of a run; raises Unreadable where they are no JSON object."""
    return read_row(_where(session), _json_object, text)


def _entry(row: tuple[Any, ...], tags: tuple[str, ...]) -> Entry:
    id, name, verb, *_ = row
    try:
        return read_row(_where(id), lambda values: _checked(values, tags), row)
    except Unreadable as error:
        known = [text if isinstance(text, str) else "" for text in (name, verb)]
        return Entry(id, known[0], known[1], "", float("nan"), None, UNREADABLE, 0, tags, {}, "", str(error))


def _checked(row: tuple[Any, ...], tags: tuple[str, ...]) -> Entry:
    id, name, verb, target, started_at, ended_at, status, options, version, samples = row
    known = status or BROKEN_OFF
    entry = Entry(id, name, verb, target, started_at, ended_at, known, samples, tags, _json_object(options), version)
    check_fields(Entry, {name: getattr(entry, name) for name in _CHECKED})
    for at in (started_at, started_at if ended_at is None else ended_at):
        if not 0 <= at < _LATEST:
            raise ValueError(f"{at!r} is no time")
    return entry


_CHECKED = ("name", "verb", "target", "started_at", "ended_at", "status", "samples", "version")


def _json_object(text: str) -> dict[str, Any]:
    content = json.loads(valid_json(text))
    if not isinstance(content, dict):
        raise TypeError("no JSON object")
    return content


def _tags(connection: sqlite3.Connection, session: int) -> tuple[str, ...]:
    rows = connection.execute("SELECT tag FROM tag WHERE session = ? ORDER BY tag", (session,))
    return tuple(tag if isinstance(tag, str) else repr(tag) for (tag,) in rows)


def _where(session: int) -> str:
    return f"row {session} of the runs"
