"""A run that is being written."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

from pocket_lab.errors import HistoryError
from pocket_lab.history.database import Database
from pocket_lab.history.entry import read_options
from pocket_lab.history.stream import INSERT_POINT, INSERT_RECORD, INSERT_SAMPLE, point_row, record_row, sample_row
from pocket_lab.records.point import Point
from pocket_lab.records.progress import Heartbeat, Output, Started
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Sample

_PASSING = (Heartbeat, Started, Output)
_END = """UPDATE session SET ended_at = ?2, status = ?3,
    samples = (SELECT count(*) FROM sample WHERE session = ?1) WHERE id = ?1"""


class Session:
    """A run in the history that takes records until it is closed; one thread at a time writes to it.

    `points` and `seq` are what a run that goes on has already.
    """

    def __init__(self, database: Database, id: int, points: dict[int, Point] | None = None, seq: int = 0) -> None:
        self.id = id
        self._database = database
        self._numbers = {point: number for number, point in (points or {}).items()}
        self._last_number = max(points or {}, default=0)
        self._seq = seq
        self._is_open = True

    def write(self, record: Record) -> None:
        """Keep a record; once this returns, killing the process does not lose it. Raises HistoryError, and keeps nothing.

        Heartbeats, starts of batches and output are not kept.
        """
        self._expect_open()
        if isinstance(record, Sample):
            number = self._numbers.get(record.point)
            if number is None:
                number = self._add_point(record.point)
            self._database.write(INSERT_SAMPLE, sample_row(self.id, self._next_seq(), number, record))
        elif not isinstance(record, _PASSING):
            self._database.write(INSERT_RECORD, record_row(self.id, self._next_seq(), record))

    def write_all(self, records: Sequence[Record]) -> None:
        """Keep many records that are no Samples, all or, where it fails, none of them; quicker than one by one."""
        self._expect_open()
        rows = [record_row(self.id, self._next_seq(), record) for record in records]
        with self._database.transaction("IMMEDIATE") as connection:
            connection.executemany(INSERT_RECORD, rows)

    def note(self, name: str, value: Any) -> None:
        """Keep a value (JSON) among the options of the run, where it is read without the records."""
        self._expect_open()
        with self._database.transaction("IMMEDIATE") as connection:
            row = connection.execute("SELECT options FROM session WHERE id = ?", (self.id,)).fetchone()
            if row is not None:
                options = json.dumps({**read_options(self.id, row[0]), name: value})
                connection.execute("UPDATE session SET options = ? WHERE id = ?", (options, self.id))

    def close(self, status: str) -> None:
        """Note when and how the run ended ("done", "budget", "cancelled", "failed"); a second call changes nothing."""
        if not self._is_open:
            return
        if not self._database.write(_END, (self.id, time.time(), status)):
            raise HistoryError(f"run {self.id} was deleted from {self._database.path} while it was being written")
        self._is_open = False

    def _expect_open(self) -> None:
        if not self._is_open:
            raise HistoryError(f"run {self.id} of {self._database.path} has ended: resume it to write more")

    def _next_seq(self) -> int:
        """Counted before the write: after an interrupt in its midst, no number is given twice."""
        self._seq += 1
        return self._seq

    def _add_point(self, point: Point) -> int:
        self._last_number += 1  # as above
        number = self._last_number
        self._database.write(INSERT_POINT, point_row(self.id, number, point))
        self._numbers[point] = number
        return number
