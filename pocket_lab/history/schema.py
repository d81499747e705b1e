"""The tables of the history file, and the steps that bring an older file to the present format."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from functools import cache
from pathlib import Path

from pocket_lab.errors import HistoryError
from pocket_lab.history.errors import DAMAGED
from pocket_lab.history.location import HOME

Step = tuple[str, ...]

APPLICATION_ID = 0x504C6162  # "PLab" in the header of the file
_CREATE: Step = (
    """CREATE TABLE session (
        id INTEGER PRIMARY KEY AUTOINCREMENT,  -- an id is never given twice, also when its run is deleted
        verb TEXT NOT NULL, name TEXT NOT NULL, target TEXT NOT NULL, options TEXT NOT NULL, version TEXT NOT NULL,
        started_at REAL NOT NULL, ended_at REAL, status TEXT, samples INTEGER)""",
    "CREATE INDEX session_by_name ON session (name)",
    """CREATE TABLE tag (
        session INTEGER NOT NULL REFERENCES session ON DELETE CASCADE, tag TEXT NOT NULL,
        PRIMARY KEY (session, tag)) WITHOUT ROWID""",
    """CREATE TABLE point (
        session INTEGER NOT NULL REFERENCES session ON DELETE CASCADE, number INTEGER NOT NULL, fields TEXT NOT NULL,
        PRIMARY KEY (session, number)) WITHOUT ROWID""",
    """CREATE TABLE sample (
        session INTEGER NOT NULL REFERENCES session ON DELETE CASCADE, seq INTEGER NOT NULL, point INTEGER NOT NULL,
        round INTEGER NOT NULL, loops INTEGER NOT NULL, wall_s REAL, cpu_s REAL, items INTEGER NOT NULL, error TEXT,
        PRIMARY KEY (session, seq)) WITHOUT ROWID""",
    """CREATE TABLE record (
        session INTEGER NOT NULL REFERENCES session ON DELETE CASCADE, seq INTEGER NOT NULL, kind TEXT NOT NULL,
        line TEXT NOT NULL, PRIMARY KEY (session, seq)) WITHOUT ROWID""",
)
_RENAME: Step = (  # in the text of JSON a quote within a string is escaped, so that these match only names
    """UPDATE record SET kind = 'NodeActivity', line = '["NodeActivity"' || substr(line, 8) WHERE kind = 'Busy'""",
    """UPDATE record SET line = replace(replace(line, '"place": ""', '"process": "main"'), '"place": "worker"',
        '"process": "worker"') WHERE kind IN ('Leftover', 'MemoryReading')""",
    """UPDATE session SET options = replace(options, '"asked": ', '"command_line": ')""",
)
_IDENTITY = """SELECT application_id, user_version, (SELECT count(*) FROM sqlite_master)
    FROM pragma_application_id, pragma_user_version"""  # one statement: another process may be creating the tables
STEPS: tuple[Step, ...] = (_CREATE, _RENAME)  # step n makes a file of format n - 1 one of format n; only ever appended to


def refuse_foreign(connection: sqlite3.Connection, path: Path) -> None:
    """Raise HistoryError for a file of another application or of a newer format; it is left as it is."""
    application, version, tables = connection.execute(_IDENTITY).fetchone()
    if application != APPLICATION_ID and (application or version or tables):
        raise HistoryError(f"{path} belongs to another application: move it away, or set {HOME} to another folder")
    if not 0 <= version <= len(STEPS):
        raise HistoryError(
            f"{path} has format {version}, and this Pocket Lab knows formats up to {len(STEPS)}: "
            f"pip install --upgrade pocket-lab, or set {HOME} to another folder"
        )


def refuse_altered(connection: sqlite3.Connection, path: Path) -> None:
    """Raise HistoryError where tables and indices are not those that the steps made, or where there is a trigger.

    What SQLite would do with such a file is not foreseeable: read a view that never ends, change what is written. Tables and
    views that somebody has added do no harm. Inside a transaction, since another process may be changing the format.
    """
    _, version, _ = connection.execute(_IDENTITY).fetchone()
    expected, found = _objects_of(STEPS[:version]), _objects(connection)
    for key in {**expected, **found}:
        kind, name = key
        is_added = key not in expected and kind in ("table", "view")
        if not is_added and expected.get(key) != found.get(key):
            what = f"its {kind} {name!r} is not one that Pocket Lab made" if key in found else f"it has no {kind} {name!r}"
            raise HistoryError(DAMAGED.format(path=path, what=f" ({what})"))


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the file to the present format, each step in a transaction of its own; another process may do the same."""
    while _version(connection) < len(STEPS):
        try:
            connection.execute("BEGIN IMMEDIATE")
            refuse_foreign(connection, path)
            refuse_altered(connection, path)
            version = _version(connection)  # looked at again under the lock: the other process may have been faster
            if version < len(STEPS):
                for statement in STEPS[version]:
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {version + 1}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


@cache
def _objects_of(steps: tuple[Step, ...]) -> Mapping[tuple[str, str], str]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        for step in steps:
            for statement in step:
                connection.execute(statement)
        return _objects(connection)


def _objects(connection: sqlite3.Connection) -> Mapping[tuple[str, str], str]:
    """The statements that made tables, indices, views and triggers, by kind and name, without comments and spaces."""
    rows = connection.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return {(str(kind), str(name)): re.sub(r"--.*|\s", "", str(sql)) for kind, name, sql in rows}
