"""What a run in the history was: a row of its list."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from pocket_lab.history.errors import read_row

BROKEN_OFF = "broken off"
_QUERY = """SELECT id, name, verb, target, started_at, ended_at, status, options, version,
    CASE WHEN ended_at IS NULL THEN (SELECT count(*) FROM sample WHERE session = id) ELSE samples END
    FROM session"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One run; times are seconds since 1970.

    `status` is how it ended, or "broken off" where it never did: its process was killed, or is still at it.
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


def read_entries(connection: sqlite3.Connection, where: str = "1", values: tuple[Any, ...] = ()) -> list[Entry]:
    """The runs for which a condition on the table `session` holds, newest first."""
    rows = connection.execute(f"{_QUERY} WHERE {where} ORDER BY id DESC", values).fetchall()
    return [
        Entry(
            id, name, verb, target, started_at, ended_at, status or BROKEN_OFF, samples, _tags(connection, id),
            read_row(json.loads, options), version,
        )
        for id, name, verb, target, started_at, ended_at, status, options, version, samples in rows
    ]  # fmt: skip


def _tags(connection: sqlite3.Connection, session: int) -> tuple[str, ...]:
    return tuple(tag for (tag,) in connection.execute("SELECT tag FROM tag WHERE session = ? ORDER BY tag", (session,)))
