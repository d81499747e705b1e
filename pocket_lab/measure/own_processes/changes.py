"""Functions of other modules that are wrapped for a while."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any


class Changes:
    """Wrapped functions, until `undo`; one on which others have put a change of their own meanwhile stays below it."""

    def __init__(self) -> None:
        self._made: list[tuple[Any, str, Any, Any]] = []

    def wrap(self, owner: Any, name: str, wrapper: Callable[[Any], Any]) -> None:
        """Replace `owner.name` by `wrapper(owner.name)`; nothing where there is no such function."""
        function = getattr(owner, name, None)
        if function is None:
            return
        changed = wraps(function)(wrapper(function))
        self._made.append((owner, name, vars(owner).get(name), changed))
        setattr(owner, name, changed)

    def undo(self) -> None:
        """Put the functions back, the last one first."""
        for owner, name, original, changed in reversed(self._made):
            if vars(owner).get(name) is not changed:
                continue
            if original is None:
                delattr(owner, name)
            else:
                setattr(owner, name, original)
        self._made.clear()
