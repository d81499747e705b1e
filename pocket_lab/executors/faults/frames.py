"""Whose a frame is: the user's own, or one of this package and its pools, which errors and interrupts do not show."""

from __future__ import annotations

from contextlib import suppress
from os.path import dirname, join, realpath

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
    """Make a notebook show an interrupt with the frames of the user's code alone, those of the cell included."""

    def render() -> list[str]:
        import traceback

        frames = traceback.extract_tb(interrupt.__traceback__)
        shown = [frame for frame in frames if not is_machinery(frame.filename) and not _is_between(frame.filename)]
        lines = "".join(traceback.format_list(shown)).splitlines()
        return ["Traceback (most recent call last):", *lines, *traceback.format_exception_only(interrupt)]

    with suppress(Exception):  # a class may forbid it
        interrupt._render_traceback_ = render  # type: ignore[attr-defined]


def _is_between(file: str) -> bool:
    return any(part in file for part in _BETWEEN)
