"""The errors that Pocket Lab raises; all of them derive from `PocketLabError`."""

from __future__ import annotations


class PocketLabError(Exception):
    """The base class of the errors of Pocket Lab."""


class UsageError(PocketLabError):
    """Invalid usage: an unknown name, a bad option, a target that cannot be sent to another process."""

    def _render_traceback_(self) -> list[str]:
        """One line instead of a traceback where IPython shows the error (the cell still fails)."""
        return [f"{type(self).__name__}: {self}"]


class GraphError(PocketLabError):
    """A graph that cannot be built or cannot go on: a bad name, a bad route, too many steps."""


class NodeError(PocketLabError):
    """A node's own code failed; `__cause__` is the user's exception with its own traceback."""

    def __init__(self, node: str, phase: str, item: int | None, reason: str) -> None:
        where = f'node "{node}" failed in {phase}' + ("" if item is None else f" (item {item})")
        super().__init__(f"{where}: {reason}")
        self.node = node
        self.phase = phase
        self.item = item
        self.reason = reason

    def __reduce__(self) -> tuple[type[NodeError], tuple[str, str, int | None, str]]:
        return (NodeError, (self.node, self.phase, self.item, self.reason))


class Cancelled(PocketLabError):
    """The run was cancelled through its Context."""


class DeadlineExceeded(PocketLabError):
    """The run passed the deadline of its Context."""


class ProcessDied(PocketLabError):
    """A worker or measuring process ended before its work was done: a crash, a kill, a lack of memory."""


class HistoryError(PocketLabError):
    """The file of earlier runs cannot be read or written, or has no such run."""

    def _render_traceback_(self) -> list[str]:
        """One line where IPython shows the error, as of a UsageError."""
        return [f"{type(self).__name__}: {self}"]
