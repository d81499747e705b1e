"""An error of the target with the frames of the user's own code only."""

from __future__ import annotations

import traceback

from pocket_lab.errors import PocketLabError
from pocket_lab.executors.outcome import RemoteTraceback, chain, root_cause, user_frames


def is_from_target(error: BaseException) -> bool:
    """Whether the error came from the measuring process or is one of our own errors about it."""
    return isinstance(error, PocketLabError) or isinstance(root_cause(error).__cause__, RemoteTraceback)


def render_failure(error: BaseException) -> list[str]:
    """The lines of the traceback, then the user's exception, then our own message about where it happened."""
    cause = root_cause(error)
    frames = traceback.StackSummary.from_list([(*frame, None) for frame in user_frames(cause)])
    head = ["Traceback (most recent call last):", *"".join(frames.format()).splitlines()] if frames else []
    shown = [link for link in chain(error) if link is cause or isinstance(link, PocketLabError)]
    return [*head, *(f"{type(link).__name__}: {link}" for link in reversed(shown))]
