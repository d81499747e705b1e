"""How fast the machine was in a run: kept among its options in the history, so that no records are read for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pocket_lab.frames.references import reference_seconds, references_frame
from pocket_lab.records.environment import Environment
from pocket_lab.records.record import Record


def speed_of(records: Sequence[Record]) -> dict[str, Any] | None:
    """`reference_s` of a run, and the machine and interpreter that it is of; None without references."""
    environment = next((record for record in records if isinstance(record, Environment)), None)
    seconds = reference_seconds(references_frame(records))
    if environment is None or not seconds > 0:
        return None
    where = f"Python {environment.python}, {environment.platform}, {environment.processor}, {environment.cores} cores"
    return {"reference_s": seconds, "where": where}
