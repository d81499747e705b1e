"""Write records to the history as they arrive; if the history fails, the measurement continues without it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from pocket_lab.errors import HistoryError, UsageError
from pocket_lab.frames.runs import MACHINE, earlier_speeds
from pocket_lab.history.archive import Archive
from pocket_lab.history.entry import Entry
from pocket_lab.history.session import Session
from pocket_lab.lab.runs.machine_speed import speed_of
from pocket_lab.measure.sweep import Sweep, sweep_options
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.environment import Environment
from pocket_lab.records.point import Status
from pocket_lab.records.progress import Closed, Planned
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Reference
from pocket_lab.records.sources import Source
from pocket_lab.records.spans import Span

_SPANS_A_WRITE = 1000
_WORST_FIRST: tuple[Status, ...] = ("failed", "cancelled", "budget", "done")


class Recording:
    """A consumer of records that keeps each in the history, and a context manager around the measurement.

    `run` is the number of the run in the history and `begun` when it began, `caveats` say when it is not stored, or not safely.
    `earlier` are the `reference_seconds` of earlier runs on this machine, once the run has ended.
    """

    def __init__(self, verb: str, name: str, target: str, options: Mapping[str, Any], goes_on: Entry | None = None) -> None:
        if not isinstance(name, str):
            raise UsageError(f"name={name!r} is not text; write for example before")
        self.caveats: list[Caveat] = []
        self._archive: Archive | None = None
        self._session: Session | None = None
        self._statuses: dict[object, Status] = {}
        self._spans: list[Record] = []
        self._speed: list[Record] = []
        self.begun = time.time() if goes_on is None else goes_on.started_at
        self.earlier: list[float] = []
        self._has_begun = goes_on is not None
        try:
            self._archive = Archive()
            self.caveats += self._archive.caveats
            if goes_on is None:
                self._session = self._archive.begin(verb, name, target, options)
            else:
                self._session = self._archive.resume(goes_on)
        except HistoryError as error:
            self._lost(error)

    @property
    def run(self) -> int | None:
        """The number of the run in the history; None where it is not kept."""
        return None if self._session is None else self._session.id

    def keep(self, record: Record) -> None:
        """Write a record; once this returns, killing this process does not lose it.

        Spans are written in blocks of a thousand, and before the next record of another type.
        """
        self._has_begun = self._has_begun or not isinstance(record, Planned | Source)
        if isinstance(record, Closed):
            self._statuses[record.point] = record.status
        if isinstance(record, Reference | Environment):
            self._speed.append(record)
        if isinstance(record, Span):
            self._spans.append(record)
            if len(self._spans) >= _SPANS_A_WRITE:
                self._write_spans()
            return
        self._write_spans()
        if self._session is not None:
            try:
                self._session.write(record)
            except HistoryError as error:
                self._lost(error)

    def _write_spans(self) -> None:
        spans, self._spans = self._spans, []
        if spans and self._session is not None:
            try:
                self._session.write_all(spans)
            except HistoryError as error:
                self._lost(error)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._write_spans()
        statuses = {*self._statuses.values(), *(["cancelled"] if error is not None else [])}
        status = min(statuses, key=_WORST_FIRST.index, default="done")
        try:
            if self._session is not None and self._archive is not None:
                if error is None or self._has_begun:
                    if (speed := speed_of(self._speed)) is not None:
                        self._session.note(MACHINE, speed)
                        self.earlier = earlier_speeds(self._archive.entries(), speed, self._session.id)
                    self._session.close(status)
                else:  # invalid usage is no run, and it must not hide an earlier one of its name
                    self._archive.delete(self._archive.find(self._session.id))
                    self._session = None
        except HistoryError as failure:
            self._lost(failure)
        finally:
            if self._archive is not None:
                self._archive.close()

    def _lost(self, error: HistoryError) -> None:
        self._session = None
        self.caveats.append(Caveat("history", f"not stored in the history from this record on: {error}"))


def options_json(sweep: Sweep, command_line: str | None = None, **more: Any) -> dict[str, Any]:
    """The options of a verb as JSON, with the line of the magic or of the shell that called it, if any."""
    return {"sweep": sweep_options(sweep), **({} if command_line is None else {"command_line": command_line}), **more}
