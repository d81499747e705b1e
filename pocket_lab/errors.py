"""The errors that Pocket Lab raises; all of them derive from `PocketLabError`."""

from __future__ import annotations

import re

_UNPRINTABLE = re.compile(r"\r(?!\n)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """The text with escape codes, other control characters, changes of direction and lone surrogates as in a Python string.

    Names, messages and stored texts come from anywhere: in a terminal or on a page they must be text and nothing else. Line
    ends and tabs stay.
    """
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def valid_unicode(text: str) -> str:
    """The text with lone surrogates, which files, tables of pandas and fonts refuse, as in a Python string."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


class PocketLabError(Exception):
    """The base class of the errors of Pocket Lab."""

    def __str__(self) -> str:
        """The message as printable text, whatever names are in it."""
        return printable(super().__str__())


class UsageError(PocketLabError):
    """Invalid usage: an unknown name, a bad option, a target that cannot be sent to another process."""

    def _render_traceback_(self) -> list[str]:
        """One line instead of a traceback where IPython shows the error (the cell still fails)."""
        return [f"{type(self).__name__}: {self}"]


class MissingExtra(UsageError):
    """A part that is not installed is needed; the message names the command that installs it."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} is not installed: pip install 'pocket-lab[{extra}]'")
        self.what = what
        self.extra = extra

    def __reduce__(self) -> tuple[type[MissingExtra], tuple[str, str]]:
        return (MissingExtra, (self.what, self.extra))


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

    def __reduce__(self) -> tuple[type[NodeError], tuple[str, str, int | None, str], dict[str, list[str]]]:
        notes = {"__notes__": self.__notes__} if hasattr(self, "__notes__") else {}
        return (NodeError, (self.node, self.phase, self.item, self.reason), notes)


class Cancelled(PocketLabError):
    """The run was cancelled through its Context."""


class DeadlineExceeded(PocketLabError):
    """The run passed the deadline of its Context."""


class ProcessDied(PocketLabError):
    """A worker or measuring process ended before its work was done: a crash, a kill, a lack of memory.

    `item` is the number of the item on which a worker process was at work, where that is known.
    """

    def __init__(self, message: str, item: int | None = None) -> None:
        super().__init__(message)
        self.item = item

    def __reduce__(self) -> tuple[type[ProcessDied], tuple[str, int | None]]:
        return (ProcessDied, (str(self), self.item))


class TargetAborted(PocketLabError):
    """The target raised something that would end this program, such as SystemExit; that is the `__cause__`."""


class HistoryError(PocketLabError):
    """The file of earlier runs cannot be read or written, or has no such run."""

    def _render_traceback_(self) -> list[str]:
        """One line where IPython shows the error, as of a UsageError."""
        return [f"{type(self).__name__}: {self}"]


class StoredError(PocketLabError):
    """An error of the target in a stored run: the name of its `type` and its text; its traceback has the frames.

    Nothing from a file is unpickled, so that its class and its state are not rebuilt.
    """

    @property
    def type(self) -> str:
        """The name of the class that the error had."""
        return str(self).partition(":")[0]
