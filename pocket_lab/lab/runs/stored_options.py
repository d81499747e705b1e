"""The options of a stored run, checked: the history keeps them as JSON, which may be damaged or foreign."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pocket_lab.errors import HistoryError
from pocket_lab.history.entry import Entry
from pocket_lab.history.errors import quoted
from pocket_lab.measure.sweep import Sweep
from pocket_lab.records.codec import as_tuples, check_fields

_MOST_SHOWN = 60


@dataclass(frozen=True, slots=True)
class _Options:
    """The types of what the verbs keep of a run, beside its sweep."""

    code: str | None
    command_line: str
    margin: float
    machine: dict[str, str | float]


def checked_options(entry: Entry) -> dict[str, Any]:
    """The options of a run; raises HistoryError where one is not of the type with which it was written."""
    options = entry.options
    sweep = options.get("sweep", {})
    try:
        if not isinstance(sweep, dict):
            raise TypeError(f"sweep is {repr(sweep)[:_MOST_SHOWN]}")
        check_fields(Sweep, as_tuples(sweep))
        check_fields(_Options, options)
    except TypeError as error:
        raise HistoryError(
            f"run {entry.id}, {quoted(entry.name)}, cannot be read, since its option {error}: a newer Pocket Lab wrote it, "
            "or it is damaged; pip install --upgrade pocket-lab, or delete the run"
        ) from None
    return options
