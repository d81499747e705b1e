"""How fast the machine was in each run of the history: kept with the run, so that no records are read for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pocket_lab.frames.references import reference_seconds, references_frame
from pocket_lab.history.entry import Entry
from pocket_lab.records.environment import Environment
from pocket_lab.records.record import Record

MACHINE = "machine"  # the name among the options of a run


def speed_of(records: Sequence[Record]) -> dict[str, Any] | None:
    """`reference_s` of a run, and the machine and interpreter that it is of; None without references."""
    environment = next((record for record in records if isinstance(record, Environment)), None)
    seconds = reference_seconds(references_frame(records))
    if environment is None or not seconds > 0:
        return None
    where = f"Python {environment.python}, {environment.platform}, {environment.processor}, {environment.cores} cores"
    return {"reference_s": seconds, "where": where}


def earlier_speeds(entries: Iterable[Entry], speed: Mapping[str, Any] | None, run: int) -> list[float]:
    """`reference_s` of the runs before this one on the same machine with the same interpreter."""
    noted = [entry.options.get(MACHINE) for entry in entries if entry.id < run]
    if speed is None:
        return []
    return [one["reference_s"] for one in noted if one is not None and one["where"] == speed["where"]]
