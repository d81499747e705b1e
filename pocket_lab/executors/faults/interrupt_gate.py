"""Ctrl-C while a pool changes its state: it is raised a moment later, so that no lock stays taken and no task is forgotten."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self


class InterruptGate:
    """A context manager, which may be entered again inside itself, at whose end an interrupt of the main thread is raised.

    For moments only: what waits, or calls the user's code, stays outside. In other threads, which Python never interrupts, it
    does nothing.
    """

    def __init__(self) -> None:
        self._depth = 0
        self._waiting: tuple[int, FrameType | None] | None = None
        self._handler: Any = None

    def __enter__(self) -> Self:
        if _is_main():
            if not self._depth:
                self._waiting = None
                self._handler = signal.getsignal(signal.SIGINT)
                if callable(self._handler):
                    signal.signal(signal.SIGINT, self._note)
            self._depth += 1
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if not _is_main():
            return
        self._depth -= 1
        if self._depth or not callable(self._handler):
            return
        signal.signal(signal.SIGINT, self._handler)
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            self._handler(*waiting)

    @property
    def raises_interrupts(self) -> bool:
        """Inside: whether the handler of before raises KeyboardInterrupt, as Python's own does, and ours that calls it."""
        owner = getattr(self._handler, "__self__", None)
        return _is_main() and (
            self._handler is signal.default_int_handler or getattr(owner, "raises_interrupts", False) is True
        )

    def replace_handler(self, handler: Any) -> Any:
        """Inside: another handler from the end on, which also gets an interrupt that waits; the present one is returned."""
        before, self._handler = self._handler, handler
        return before

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._waiting = number, frame


class Uninterrupted:
    """A context manager: a process or thread that is started inside gets no Ctrl-C, from its first moment on.

    An interrupt of this process is not lost: the system delivers it to another thread, or at the end.
    """

    def __enter__(self) -> None:
        self._before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, self._before)


GATE = InterruptGate()
"""That of this process."""


def ignore_interrupts() -> None:
    """Leave Ctrl-C to the parent, in a process that was started while `Uninterrupted`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _is_main() -> bool:
    return threading.current_thread() is threading.main_thread()
