"""The newest result, kept even where its measurement was interrupted."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pocket_lab.lab.result import Result

_newest: list[Result] = []


def last() -> Result | None:
    """The newest result of a verb, interrupted or not; None before the first."""
    return _newest[0] if _newest else None


def keep(result: Result) -> None:
    """Make this the newest result."""
    _newest[:] = [result]
