"""Parts of a result that cannot be pickled in a worker process, or rebuilt here, and what is there instead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

PLAIN = "use plain data instead"
_ELSE = 'or use executor="threads"'


@dataclass(frozen=True, slots=True)
class Parts:
    """A result of several objects, of which each comes back from its process even if another cannot: `Lost` is there instead.

    The head is plain data.
    """

    head: Any
    objects: Sequence[Any]


@dataclass(frozen=True, slots=True)
class Lost:
    """Instead of an object that could not be pickled, or not be rebuilt: the reason, and the error if it was raised here."""

    reason: str
    error: BaseException | None = None
    advice: str = PLAIN

    def sentence(self, what: str, way: str = "sent back from its process") -> str:
        """What is lost, why, and what to do; `what` is the name of the object."""
        if self.error is not None:
            way = "rebuilt from its pickle"
        return f"{what} cannot be {way} ({self.reason}): {self.advice}, {_ELSE}"
