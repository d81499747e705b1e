"""Errors as a notebook shows them: the user's own traceback, without a line of ours."""

from __future__ import annotations

import traceback

from pocket_lab.errors import PocketLabError, UsageError
from pocket_lab.run.outcome import RemoteTraceback, chain, root_cause, user_frames


def show_user_traceback(error: BaseException) -> None:
    """Give an error that comes from the target the rendering that IPython asks for; a UsageError has its own."""
    ours = isinstance(error, PocketLabError) and not isinstance(error, UsageError)
    if ours or isinstance(root_cause(error).__cause__, RemoteTraceback):
        error._render_traceback_ = lambda: render(error)  # type: ignore[attr-defined]


def render(error: BaseException) -> list[str]:
    """The lines of the traceback, the user's exception last but for our own sentence about where it happened."""
    cause = root_cause(error)
    frames = traceback.StackSummary.from_list([(*frame, None) for frame in user_frames(cause)])
    head = ["Traceback (most recent call last):", *"".join(frames.format()).splitlines()] if frames else []
    sentences = [
        f"{type(link).__name__}: {link}"
        for link in reversed(list(chain(error)))
        if link is cause or isinstance(link, PocketLabError)
    ]
    return [*head, *sentences]
