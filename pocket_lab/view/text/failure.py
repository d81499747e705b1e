"""An error of the target with the frames of the user's own code only."""

from __future__ import annotations

from pocket_lab import errors
from pocket_lab.errors import HistoryError, PocketLabError, StoredError, printable
from pocket_lab.executors.faults.foreign import cause_of, is_a
from pocket_lab.executors.outcome import RemoteTraceback, chain, format_frames, root_cause, text_of, user_frames


def is_from_target(error: BaseException) -> bool:
    """Whether the error came from the measuring process or is one of our own errors about it."""
    return is_a(error, PocketLabError) or is_a(cause_of(root_cause(error)), RemoteTraceback)


def render_failure(error: BaseException) -> list[str]:
    """The lines of the traceback, then the user's exception, then our own message about where it happened.

    What is wrong with a history is in its sentence, and not in what SQLite says.
    """
    cause = error if is_a(error, HistoryError) else root_cause(error)
    frames = format_frames(user_frames(cause), is_stored=is_a(cause, StoredError))
    head = ["Traceback (most recent call last):", *"".join(frames).splitlines()] if frames else []
    shown = [link for link in chain(error) if link is cause or _is_ours(link)]
    return [printable(line) for line in (*head, *map(text_of, reversed(shown)))]


def _is_ours(error: BaseException) -> bool:
    """Whether the error is one of Pocket Lab, also in a stored run."""
    if isinstance(error, StoredError):
        return isinstance(getattr(errors, error.type, None), type)
    return is_a(error, PocketLabError)
