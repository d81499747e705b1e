"""Runs of `bench` out of the history."""

from __future__ import annotations

from pocket_lab.frames.runs import MACHINE, earlier_speeds
from pocket_lab.history.archive import Archive
from pocket_lab.history.entry import Entry
from pocket_lab.lab.bench import Bench
from pocket_lab.lab.runs.stored_options import checked_options


def stored_bench(key: str | int) -> Bench:
    """The newest run of that name, or that with the number; raises HistoryError where there is none."""
    with Archive() as archive:
        return read_bench(archive, archive.find(key, "bench"))


def earlier_key(bench: Bench) -> str | None:
    """How to name the run before this one of the same name: "fit#12"; None where there is none."""
    if bench.run is None:
        return None
    with Archive() as archive:
        found = (e for e in archive.entries() if e.verb == "bench" and e.name == bench.name and e.id < bench.run)
        entry = next(found, None)
    return None if entry is None else f"{entry.name}#{entry.id}"


def read_bench(archive: Archive, entry: Entry) -> Bench:
    """The result of a run, its samples in columns."""
    columns = archive.sample_columns(entry)
    options = checked_options(entry)
    speed = options.get(MACHINE)
    earlier = [] if speed is None else earlier_speeds(archive.entries(), speed, entry.id)
    return Bench(
        entry.name,
        archive.other_records(entry),
        columns,
        entry.id,
        options.get("sweep"),
        options.get("code"),
        begun=entry.started_at,
        earlier=earlier,
    )
