"""Ctrl-C during a measurement or a fan-out: one that a callback or a finaliser swallows still ends it."""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType, TracebackType
from typing import Any, Self

from pocket_lab.executors.faults.frames import hide_own_frames


class Interrupts:
    """A context manager, which may be entered again inside itself, that remembers the KeyboardInterrupts raised in it.

    Python prints an exception that is raised in a finaliser or in a callback of the import system and goes on, and many
    libraries catch everything in theirs. `raise_swallowed` raises such an interrupt again. A handler of the user's own that
    raises nothing keeps its meaning, and outside the main thread, which Python never interrupts, nothing is done.
    """

    def __init__(self) -> None:
        self._depth = 0
        self._was_raised = False
        self._handler: Any = None

    def __enter__(self) -> Self:
        if _is_main():
            self._depth += 1
            if self._depth == 1:
                self._was_raised = False
                self._handler = signal.getsignal(signal.SIGINT)
                if callable(self._handler):
                    signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if _is_main():
            self._depth -= 1
            if self._depth == 0:
                self._was_raised = False  # whatever comes later is not of this one
            if self._depth == 0 and signal.getsignal(signal.SIGINT) == self._handle and callable(self._handler):
                signal.signal(signal.SIGINT, self._handler)

    def raise_swallowed(self) -> None:
        """Raise KeyboardInterrupt if one was raised since the beginning: whoever calls this has not seen it."""
        if self._was_raised and _is_main():
            self._was_raised = False
            raise KeyboardInterrupt

    @property
    def raises_interrupts(self) -> bool:
        """Whether the handler of before is that of Python, which raises KeyboardInterrupt."""
        return self._handler is signal.default_int_handler

    def note(self) -> None:
        """An interrupt that comes as a KeyboardInterrupt, though not from the handler of before."""
        self._was_raised = True

    def forget(self) -> None:
        """An interrupt that was raised until now has been handled by others, outside of what is protected here."""
        self._was_raised = False

    def forget_outside(self) -> None:
        """As `forget`, where nothing is protected here: the interrupt ends what it came to, and later ones are others."""
        if self._depth == 0:
            self._was_raised = False

    def pass_on(self, error: BaseException) -> None:
        """Raise an error of the target again where it is no error: a Ctrl-C, or a task of ours that is cancelled.

        A KeyboardInterrupt without a Ctrl-C is the target's own, and so is a CancelledError in a task that nobody cancels.
        """
        if issubclass(type(error), KeyboardInterrupt) and self._was_raised and _is_main():
            raise error
        if _is_being_cancelled(error):
            raise error

    def _handle(self, number: int, frame: FrameType | None) -> None:
        try:
            self._handler(number, frame)
        except KeyboardInterrupt:
            self._was_raised = True
            raise


INTERRUPTS = Interrupts()
"""Those of this process."""


class UsersFrames:
    """A context manager: an interrupt, or the cancellation of a task, that leaves it shows the user's frames alone."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        show_users_frames(error)


def show_users_frames(error: BaseException | None) -> None:
    """Hide the frames of this package where the error is an interrupt, or the cancellation of a task."""
    if error is not None and (issubclass(type(error), KeyboardInterrupt) or type(error).__name__ == "CancelledError"):
        hide_own_frames(error)


class Interruptible:
    """A context manager that Ctrl-C ends, also one that was swallowed in it; a notebook shows the frames of the user alone."""

    def __enter__(self) -> None:
        INTERRUPTS.__enter__()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        with UsersFrames():
            try:
                if error is None:
                    INTERRUPTS.raise_swallowed()
            finally:
                INTERRUPTS.__exit__(kind, error, tb)
        if error is not None and issubclass(type(error), KeyboardInterrupt):
            hide_own_frames(error)


def _is_being_cancelled(error: BaseException) -> bool:
    """Whether it is the CancelledError of the task that runs in this thread."""
    asyncio = sys.modules.get("asyncio")  # not imported for this: most targets do without
    if asyncio is None or not issubclass(type(error), asyncio.CancelledError):
        return False
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no event loop is running here
        return False
    return task is not None and task.cancelling() > 0


def _is_main() -> bool:
    return threading.current_thread() is threading.main_thread()
