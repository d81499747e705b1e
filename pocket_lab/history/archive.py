"""The archive of runs: begin one, find one, read it back."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from operator import index
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pocket_lab.errors import HistoryError, valid_unicode
from pocket_lab.history.database import Database
from pocket_lab.history.entry import Entry, read_entries
from pocket_lab.history.errors import Unreadable, quoted
from pocket_lab.history.location import default_path
from pocket_lab.history.session import Session
from pocket_lab.history.stream import last_seq, read_other_records, read_points, read_records, read_sample_columns
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BEGIN = "INSERT INTO session (verb, name, target, options, version, started_at) VALUES (?, ?, ?, ?, ?, ?)"
_MOST_NAMES = 5


class Archive:
    """The history file, by default `history.db` in POCKET_LAB_HOME or the user's data folder; made where it is not there.

    Processes and threads may use one file at once. Every method raises HistoryError where the file cannot be read or
    written, or has no such run.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._database = Database(default_path() if path is None else path)

    @property
    def path(self) -> Path:
        """The file."""
        return self._database.path

    @property
    def caveats(self) -> tuple[Caveat, ...]:
        """Doubts about where the file is: "history-journal" where every sample has to wait for the disk."""
        return self._database.caveats

    def begin(self, verb: str, name: str, target: str, options: Mapping[str, Any]) -> Session:
        """A new run to write to; `options` are JSON."""
        values = (verb, _text(name, "a name"), valid_unicode(target), json.dumps(dict(options)), _version(), time.time())
        with self._database.transaction("IMMEDIATE") as connection:
            id = connection.execute(_BEGIN, values).lastrowid
        assert id is not None
        return Session(self._database, id)

    def resume(self, entry: Entry) -> Session:
        """The run, to go on writing where it stopped; until it is closed again it reads as broken off."""
        with self._database.transaction("IMMEDIATE") as connection:
            self._readable(connection, entry)
            changed = connection.execute("UPDATE session SET ended_at = NULL, status = NULL WHERE id = ?", (entry.id,))
            self._expect(changed.rowcount, entry)
            return Session(self._database, entry.id, read_points(connection, entry.id), last_seq(connection, entry.id))

    def entries(self) -> list[Entry]:
        """Every run, newest first."""
        with self._database.transaction("DEFERRED") as connection:
            return read_entries(connection)

    def find(self, key: str | int, verb: str | None = None) -> Entry:
        """The newest run of that name, or else the one with that id (also a NumPy integer); "fit#12" is run 12, named "fit".

        `verb` leaves out other verbs.

        Raises HistoryError that names what there is instead.
        """
        if not isinstance(key, str):
            try:
                key = index(key)
            except TypeError:
                raise HistoryError(f"{key!r}: give the name of a run, or its number") from None
        key = valid_unicode(key) if isinstance(key, str) else key
        with self._database.transaction("DEFERRED") as connection:
            found = read_entries(connection, "name = ?", (key,)) if isinstance(key, str) else []
            found = [entry for entry in found if verb in (None, entry.verb)]
            if not found and (number := _number(key)) is not None:
                found = [e for e in read_entries(connection, "id = ?", (number[1],)) if number[0] in ("", e.name)]
                found = [entry for entry in found if verb in (None, entry.verb)]
            if found:
                return found[0]
            there = read_entries(connection)
        raise HistoryError(_not_found(key, verb, there, self.path))

    def check(self, entry: Entry) -> None:
        """Raise HistoryError for a run that was deleted, or whose own row is damaged."""
        with self._database.transaction("DEFERRED") as connection:
            self._readable(connection, entry)

    def records(self, entry: Entry) -> list[Record]:
        """The whole stream of a run, in its order."""
        with self._database.transaction("DEFERRED") as connection:
            samples = self._readable(connection, entry).samples
            records = read_records(connection, entry.id)
            _expect_samples(entry, sum(isinstance(record, Sample) for record in records), samples)
            return records

    def other_records(self, entry: Entry) -> list[Record]:
        """The stream of a run without its samples, in its order."""
        with self._database.transaction("DEFERRED") as connection:
            self._readable(connection, entry)
            return [record for _, record in read_other_records(connection, entry.id)]

    def sample_columns(self, entry: Entry) -> dict[str, NDArray[Any]]:
        """The samples of a run, in their order, an array for each column: the fields of the point and of the sample."""
        with self._database.transaction("DEFERRED") as connection:
            samples = self._readable(connection, entry).samples
            columns = read_sample_columns(connection, entry.id)
            _expect_samples(entry, len(columns["round"]), samples)
            return columns

    def delete(self, entry: Entry) -> None:
        """Delete a run with all its records, and give the space back to the system."""
        self._expect(self._database.write("DELETE FROM session WHERE id = ?", (entry.id,)), entry)
        self._database.shrink()

    def tag(self, entry: Entry, *tags: str) -> Entry:
        """The run with these tags beside those that it has."""
        rows = [(entry.id, _text(tag, "a tag")) for tag in tags]
        return self._change(entry, "INSERT OR IGNORE INTO tag (session, tag) VALUES (?, ?)", rows)

    def untag(self, entry: Entry, *tags: str) -> Entry:
        """The run without these tags."""
        return self._change(
            entry, "DELETE FROM tag WHERE session = ? AND tag = ?", [(entry.id, valid_unicode(tag)) for tag in tags]
        )

    def rename(self, entry: Entry, name: str) -> Entry:
        """The run under another name."""
        return self._change(entry, "UPDATE session SET name = ?2 WHERE id = ?1", [(entry.id, _text(name, "a name"))])

    def close(self) -> None:
        """Close the file; a run that is still being written reads as broken off."""
        self._database.close()

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _change(self, entry: Entry, statement: str, rows: Iterable[tuple[Any, ...]]) -> Entry:
        with self._database.transaction("IMMEDIATE") as connection:
            self._expect(len(read_entries(connection, "id = ?", (entry.id,))), entry)
            connection.executemany(statement, rows)
            return read_entries(connection, "id = ?", (entry.id,))[0]

    def _readable(self, connection: sqlite3.Connection, entry: Entry) -> Entry:
        """The run as it is now."""
        found = read_entries(connection, "id = ?", (entry.id,))
        self._expect(len(found), entry)
        if found[0].damage is not None:
            raise Unreadable(found[0].damage)
        return found[0]

    def _expect(self, found: int, entry: Entry) -> None:
        if not found:
            raise HistoryError(f"run {entry.id} ({quoted(entry.name)}) was deleted from {self.path}")


def _expect_samples(entry: Entry, found: int, written: int) -> None:
    if found != written:
        raise Unreadable(f"the samples of run {entry.id}: {found} of {written} are there")


def _number(key: str | int) -> tuple[str, int] | None:
    """The name and the number in "fit#12"; a number alone has the name ""."""
    name, _, number = ("", "", str(key)) if isinstance(key, int) or "#" not in key else key.rpartition("#")
    return (name, int(number)) if number.isascii() and number.removeprefix("-").isdigit() else None


def _version() -> str:
    """That of the installed package; "" where it runs from a folder that was never installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("pocket-lab")
    except PackageNotFoundError:
        return ""


def _text(text: str, what: str) -> str:
    if not text.strip():
        raise HistoryError(f"{text!r}: {what} has at least one letter or digit")
    return valid_unicode(text)


def _not_found(key: str | int, verb: str | None, there: list[Entry], path: Path) -> str:
    what = f"run {key}" if isinstance(key, int) else f"run named {quoted(key)}"
    of_verb = f" of {verb}" if verb else ""
    if (number := _number(key)) is not None:
        what = f"run {number[1]}{' named ' + quoted(number[0]) if number[0] else ''}"
        if other := next((entry for entry in there if entry.id == number[1]), None):
            return f"there is no {what}{of_verb} in {path}: run {other.id} is {quoted(other.name)} of {other.verb}"
        if same := [entry for entry in there if entry.name == number[0] and verb in (None, entry.verb)]:
            keys = ", ".join(quoted(f"{entry.name}#{entry.id}") for entry in same[:_MOST_NAMES])
            runs = (
                "run of that name is"
                if len(same) == 1
                else f"newest of its {len(same)} runs are"
                if len(same) > _MOST_NAMES
                else "runs of that name are"
            )
            return f"there is no {what}{of_verb} in {path}: the {runs} {keys}"
    names = list(dict.fromkeys(entry.name for entry in there if verb in (None, entry.verb)))
    if not names:
        return f"there is no {what}{of_verb} in {path}: it holds no run{of_verb} yet"
    near = get_close_matches(number[0] if number is not None and number[0] else str(key), names, _MOST_NAMES, 0.5)
    listed = ", ".join(map(quoted, near or names[:_MOST_NAMES]))
    order, noun = "nearest" if near else "newest", "name is" if len(near or names) == 1 else "names are"
    return f"there is no {what}{of_verb} in {path}: the {order} {noun} {listed}"
