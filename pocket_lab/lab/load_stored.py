"""A run of `bench` out of the history."""

from __future__ import annotations

from pocket_lab.history.archive import Archive
from pocket_lab.history.entry import Entry
from pocket_lab.lab.bench import Bench


def stored_bench(key: str | int) -> Bench:
    """The newest run of that name, or that with the number; raises HistoryError where there is none."""
    with Archive() as archive:
        return read_bench(archive, archive.find(key, "bench"))


def read_bench(archive: Archive, entry: Entry) -> Bench:
    """The result of a run, its samples in columns."""
    sweep, code = entry.options.get("sweep"), entry.options.get("code")
    return Bench(entry.name, archive.other_records(entry), archive.sample_columns(entry), entry.id, sweep, code)
