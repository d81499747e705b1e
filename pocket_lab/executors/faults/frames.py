"""Whose a frame is: the user's own, or one of this package and its pools, which errors and interrupts do not show."""

from __future__ import annotations

from contextlib import suppress
from os.path import dirname, join, realpath
from types import TracebackType

_PACKAGE = dirname(dirname(dirname(realpath(__file__))))
_EXAMPLE = join(_PACKAGE, "demo.py")
_MACHINERY = (f"{_PACKAGE}/", "/concurrent/futures/", "/loky/", "/threading.py", "/asyncio/", "<node:")
_BETWEEN = (
    "/contextlib.py",
    "/selectors.py",
    "/signal.py",
    "/IPython/",
    "/ipykernel/",
    "/multiprocessing/",
    "<frozen importlib",
)  # between frames of ours, or above them


def is_machinery(file: str) -> bool:
    """Whether a file belongs to this package, to the pools or to the event loop, and not to the user."""
    return file != _EXAMPLE and any(part in file for part in _MACHINERY)


def is_own(file: str) -> bool:
    """Whether a file belongs to this package, its example apart, or is that of a marker."""
    return file.startswith((f"{_PACKAGE}/", "<node:")) and file != _EXAMPLE


def hide_own_frames(interrupt: BaseException) -> None:
    """Make an interrupt show the frames of the user's code alone: in a script, and in a notebook, those of the cell included.

    Its traceback loses all others; those of callers are added as it goes on.
    """

    def render() -> list[str]:
        import traceback

        shown = [frame for frame in traceback.extract_tb(interrupt.__traceback__) if _is_shown(frame.filename)]
        lines = "".join(traceback.format_list(shown)).splitlines()
        return ["Traceback (most recent call last):", *lines, *traceback.format_exception_only(interrupt)]

    with suppress(Exception):  # a class may forbid it
        interrupt.__traceback__ = _users(interrupt.__traceback__)
        interrupt._render_traceback_ = render  # type: ignore[attr-defined]


def _users(trace: TracebackType | None) -> TracebackType | None:
    """The part of a traceback that is shown."""
    kept = []
    while trace is not None:
        if _is_shown(trace.tb_frame.f_code.co_filename):
            kept.append(trace)
        trace = trace.tb_next
    shown: TracebackType | None = None
    for one in reversed(kept):
        shown = TracebackType(shown, one.tb_frame, one.tb_lasti, one.tb_lineno)
    return shown


def _is_shown(file: str) -> bool:
    return not is_machinery(file) and not _is_between(file)


def _is_between(file: str) -> bool:
    return any(part in file for part in _BETWEEN)
