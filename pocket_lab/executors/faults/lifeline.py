"""A lifeline: a pipe that closes when a process ends, however it ends, so that what it has started ends with it."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import threading
import weakref
from contextlib import suppress
from multiprocessing.context import get_spawning_popen


class Lifeline:
    """A pipe of which only this process holds the end to write: `reader` is at its end of file as soon as the process is not.

    It is pickled only for a process that multiprocessing or loky starts, which inherits the reader.
    """

    def __init__(self) -> None:
        self.reader, self._writer = os.pipe()
        _OPEN.add(self)

    @classmethod
    def _inherited(cls, reader: int) -> Lifeline:
        lifeline = cls.__new__(cls)
        lifeline.reader, lifeline._writer = reader, -1
        return lifeline

    def __reduce__(self) -> tuple[object, tuple[int]]:
        return Lifeline._inherited, (inherit(self.reader),)

    def hold(self) -> None:
        """In a started process: it is killed as soon as the process that has made the lifeline has ended.

        On Linux the system sends the signal, also while a C call holds the interpreter lock; elsewhere a thread does.
        """
        if hasattr(fcntl, "F_SETSIG") and os.path.exists("/proc/self/fd"):
            own = os.open(f"/proc/self/fd/{self.reader}", os.O_RDONLY | os.O_NONBLOCK)  # a signal has one owner per opening
            os.close(self.reader)
            self.reader = own
            fcntl.fcntl(own, fcntl.F_SETOWN, os.getpid())
            fcntl.fcntl(own, fcntl.F_SETSIG, signal.SIGKILL)
            fcntl.fcntl(own, fcntl.F_SETFL, fcntl.fcntl(own, fcntl.F_GETFL) | os.O_ASYNC)
            if select.select([own], [], [], 0)[0]:  # it had ended by then
                os.kill(os.getpid(), signal.SIGKILL)
        else:
            threading.Thread(target=self._follow, name="pocket-lab-lifeline", daemon=True).start()

    def _follow(self) -> None:
        select.select([self.reader], [], [])
        os.kill(os.getpid(), signal.SIGKILL)

    def close_reader(self) -> None:
        """Close this process's own copy of the reader, once others have inherited it."""
        reader, self.reader = self.reader, -1
        _close(reader)

    def close(self) -> None:
        """End what holds on to it."""
        self.close_reader()
        self._close_writer()

    def _close_writer(self) -> None:
        writer, self._writer = self._writer, -1
        _close(writer)


_OPEN: weakref.WeakSet[Lifeline] = weakref.WeakSet()


def inherit(descriptor: int) -> int:
    """While a process is pickled for its start: the descriptor, which the process inherits under this number."""
    starting = get_spawning_popen()
    if starting is None:
        raise TypeError("a descriptor is pickled only for a process that is being started")
    inherited: int = starting.duplicate_for_child(descriptor)
    return inherited


def _close(descriptor: int) -> None:
    if descriptor >= 0:
        with suppress(OSError):
            os.close(descriptor)


def _forget_in_child() -> None:
    """A forked child holds no lifeline: it may outlive its parent."""
    for lifeline in list(_OPEN):
        lifeline._close_writer()


os.register_at_fork(after_in_child=_forget_in_child)
