"""Errors of the history file, each one sentence that says what to do."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pocket_lab.errors import HistoryError
from pocket_lab.history.location import HOME

T = TypeVar("T")


class Unreadable(Exception):
    """A row that this version cannot read."""


# SQLite's own messages quote the file, which need not be Unicode; a damaged length is a SystemError or a MemoryError
FAILURES = (sqlite3.Error, sqlite3.Warning, OverflowError, UnicodeError, MemoryError, SystemError, Unreadable)
_ELSEWHERE = f"or set {HOME} to another folder"
_MOST_SHOWN = 60
DAMAGED = f"{{path}} is damaged{{what}}: put a copy of it back, move it away, {_ELSEWHERE}"
_REASONS = {
    "SQLITE_NOTADB": f"{{path}} is not a SQLite file: move it away, {_ELSEWHERE}",
    "SQLITE_CORRUPT": DAMAGED,
    "SQLITE_INTERRUPT": DAMAGED,  # by the limit of `Database`: the pages of a table lead in a circle
    "SQLITE_FULL": f"the disk is full, and nothing can be written to {{path}}: free some space, {_ELSEWHERE}",
    "SQLITE_BUSY": "another process keeps {path} locked: wait until it is done, or end it",
    "SQLITE_READONLY": f"{{path}} cannot be written: allow writing to it and to its folder, {_ELSEWHERE}",
    "SQLITE_CANTOPEN": f"{{path}} cannot be opened: allow writing to its folder, {_ELSEWHERE}",
    "SQLITE_IOERR": f"{{path}} cannot be read or written ({{detail}}): check whether a disk or a quota is full, {_ELSEWHERE}",
    "SQLITE_CONSTRAINT_FOREIGNKEY": "the run was deleted from {path} while it was being written: begin a new one",
    "SQLITE_CONSTRAINT_PRIMARYKEY": "another process writes into the same run of {path}: give one of the two another name",
}


def explain(error: Exception, path: Path) -> HistoryError:
    """The HistoryError for an error of SQLite, or of reading and writing its rows."""
    if isinstance(error, OverflowError):
        return HistoryError(f"{path} takes whole numbers below 2^63, and this one is larger")
    if isinstance(error, UnicodeError | MemoryError | SystemError):
        return HistoryError(DAMAGED.format(path=path, what=""))
    if isinstance(error, Unreadable):
        return HistoryError(
            f"{path} holds what this Pocket Lab cannot read ({error}): a newer one wrote it, or it is damaged; "
            f"pip install --upgrade pocket-lab, delete the run, {_ELSEWHERE}"
        )
    code = getattr(error, "sqlite_errorname", "")
    for name, sentence in _REASONS.items():
        if code.startswith(name):
            return HistoryError(sentence.format(path=path, detail=code, what=""))
    return HistoryError(f"{path} cannot be used ({' '.join(str(error).split())}): move it away, {_ELSEWHERE}")


def read_row(where: str, read: Callable[[Any], T], row: Any) -> T:
    """The row as `read` returns it; raises Unreadable, which names the row by `where`, for a row that it cannot read."""
    try:
        return read(row)
    except Exception as error:  # a damaged row may contain anything
        what = "no JSON" if isinstance(error, json.JSONDecodeError | RecursionError) else str(error)
        raise Unreadable(f"{where}: {what} in {str(row)[:_MOST_SHOWN]!r}") from error


def quoted(name: str) -> str:
    """A name or another text of the file within a sentence: in quotes, a long one cut."""
    return f'"{name}"' if len(name) <= _MOST_SHOWN else f'"{name[:_MOST_SHOWN]}…"'


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another connection holds a lock that may soon be free."""
    return getattr(error, "sqlite_errorname", "").startswith("SQLITE_BUSY")
