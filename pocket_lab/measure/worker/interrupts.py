"""Ctrl-C during a measurement: one that a callback or a finaliser swallows still ends the measurement."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self


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
            if self._depth == 0 and signal.getsignal(signal.SIGINT) == self._handle and callable(self._handler):
                signal.signal(signal.SIGINT, self._handler)

    def raise_swallowed(self) -> None:
        """Raise KeyboardInterrupt if one was raised since the beginning: whoever calls this has not seen it."""
        if self._was_raised and _is_main():
            self._was_raised = False
            raise KeyboardInterrupt

    def _handle(self, number: int, frame: FrameType | None) -> None:
        try:
            self._handler(number, frame)
        except KeyboardInterrupt:
            self._was_raised = True
            raise


INTERRUPTS = Interrupts()
"""Those of this process."""


def _is_main() -> bool:
    return threading.current_thread() is threading.main_thread()
