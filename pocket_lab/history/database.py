"""The open history file: one connection for all threads of a process; whatever fails is a HistoryError."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from pocket_lab.errors import HistoryError
from pocket_lab.history.errors import FAILURES, explain, is_busy
from pocket_lab.history.location import HOME, shared_file_system
from pocket_lab.history.schema import migrate, refuse_altered, refuse_foreign
from pocket_lab.records.caveat import Caveat

BUSY_S = 5.0
_RETRY_S = 0.02
_CHECKPOINT_PAGES = 4000  # 16 MB: every checkpoint waits for the disk, so that there are few
_LARGEST_IDLE_LOG = 4096 * _CHECKPOINT_PAGES
_STEPS_A_CHECK = 1_000_000
_FEWEST_CHECKS, _BYTES_A_CHECK = 20, 100_000  # ten steps a byte: a row takes less than one step for each of its bytes


class Database:
    """A connection to the file, opened or created; `caveats` say where it is slower or less safe than it should be."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.caveats: tuple[Caveat, ...] = ()
        self._lock = threading.RLock()
        self._checks = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        except OSError as error:
            reason = f"{type(error).__name__}: {error.strerror}"
            raise HistoryError(f"the folder {path.parent} cannot be made ({reason}): set {HOME} to another folder") from error
        except FAILURES as error:
            raise explain(error, path) from error
        try:
            self._prepare(connection)
            self._identity = self._identity_now()
        except BaseException as error:
            connection.close()
            if isinstance(error, FAILURES):
                raise explain(error, path) from error
            raise
        self._connection: sqlite3.Connection | None = connection

    def write(self, statement: str, values: tuple[Any, ...]) -> int:
        """Execute one statement as a transaction of its own; the number of rows that it changed."""
        with self._lock:
            connection = self._opened()
            try:
                return connection.execute(statement, values).rowcount
            except FAILURES as error:
                raise explain(error, self.path) from error

    @contextmanager
    def transaction(self, kind: Literal["DEFERRED", "IMMEDIATE"]) -> Iterator[sqlite3.Connection]:
        """The connection inside a transaction, for reading or for writing; an error takes all of it back."""
        with self._lock:
            connection = self._opened()
            try:
                connection.execute(f"BEGIN {kind}")
                yield connection
                connection.execute("COMMIT")
            except BaseException as error:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                if isinstance(error, FAILURES):
                    raise explain(error, self.path) from error
                raise

    def shrink(self) -> None:
        """Give the space of what was deleted back to the system, as far as no other process reads or writes just now."""
        with self._lock:
            connection = self._opened()
            try:
                connection.executescript("PRAGMA incremental_vacuum")  # `execute` would take one step of it: one page
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            except sqlite3.Error as error:
                if not is_busy(error):
                    raise explain(error, self.path) from error

    def close(self) -> None:
        """Close the connection; the last one in the system folds the log into the file."""
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.text_factory = _text
        connection.set_progress_handler(self._is_endless, _STEPS_A_CHECK)
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA cell_size_check = ON")
        connection.execute("BEGIN")
        refuse_foreign(connection, self.path)
        refuse_altered(connection, self.path)
        connection.execute("COMMIT")
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # heeded only before a new file's first page is written
        self._choose_journal(connection)
        migrate(connection, self.path)
        connection.execute("PRAGMA foreign_keys = ON")

    def _is_endless(self) -> bool:
        """Whether a transaction takes more steps than all rows of the file would: damaged pages may form a circle."""
        self._checks += 1
        if self._checks <= _FEWEST_CHECKS:
            return False
        sizes = [file.stat().st_size for file in (self.path, Path(f"{self.path}-wal")) if file.exists()]
        return self._checks > _FEWEST_CHECKS + sum(sizes) / _BYTES_A_CHECK

    def _choose_journal(self, connection: sqlite3.Connection) -> None:
        """A write-ahead log: a commit then costs no wait for the disk, and a killed process loses none."""
        shared = shared_file_system(self.path)
        mode = "" if shared else _set_journal(connection, "WAL")
        if mode == "wal":
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
            connection.execute(f"PRAGMA journal_size_limit = {_LARGEST_IDLE_LOG}")
            return
        _set_journal(connection, "TRUNCATE")
        connection.execute("PRAGMA synchronous = FULL")
        where = f"a network file system ({shared})" if shared else "a file system that has no write-ahead log"
        message = f"{self.path} is on {where}, so that every sample waits for the disk: set {HOME} to a local folder"
        self.caveats = (Caveat("history-journal", message),)

    def _opened(self) -> sqlite3.Connection:
        """The connection, once it is certain that what it writes to is still the file of that name."""
        if self._connection is None:
            raise HistoryError(f"the history {self.path} is closed: open it again")
        if self._identity_now() != self._identity:
            raise HistoryError(f"{self.path} was deleted or moved while it was in use: put it back, or open it again")
        self._checks = 0
        return self._connection

    def _identity_now(self) -> tuple[int, int]:
        try:
            found = os.stat(self.path)
        except OSError:
            return (-1, -1)
        return (found.st_dev, found.st_ino)


def _set_journal(connection: sqlite3.Connection, mode: str) -> str:
    """Ask for a journal mode; the one that there is then. SQLite itself does not wait here for other processes."""
    end = time.monotonic() + BUSY_S
    while True:
        try:
            found: str = connection.execute(f"PRAGMA journal_mode = {mode}").fetchone()[0]
            return found
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() > end:
                raise
            time.sleep(_RETRY_S)


def _text(content: bytes) -> str:
    """A text of the file; bytes that are no Unicode become escapes, which no JSON has, so that such a row is named."""
    return content.decode("utf-8", "backslashreplace")
