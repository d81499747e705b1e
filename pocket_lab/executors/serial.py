"""The executor "serial": the caller itself is the only worker."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from pocket_lab.executors.outcome import Outcome, attempt
from pocket_lab.executors.pool import Call, Check, Pool


class SerialPool(Pool):
    """One worker: the caller itself."""

    name = "serial"
    size = 1

    def imap(
        self, function: Call, items: Iterable[Any], workers: int | None = None, check: Check | None = None
    ) -> Iterator[Outcome]:
        """Call the function on one item after the other; `workers` and `check` have no effect."""
        for index, item in enumerate(items):
            outcome = attempt(function, index, item)
            if outcome.ends_call:
                outcome.get()
            yield outcome
