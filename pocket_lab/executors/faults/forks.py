"""A fork inside a target: our loops go on in the parent alone, and the child ends where it leaves the target."""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any, NoReturn, Self, TypeVar

T = TypeVar("T")


class Forks:
    """How many forks lie between the first process and this one, and the batch that runs in each thread."""

    def __init__(self) -> None:
        self.count = 0
        self.running = threading.local()

    def begin_child(self) -> None:
        """In a child, right after the fork: the batch around it ends with the run that has forked."""
        self.count += 1
        deque(getattr(self.running, "batch", ()), maxlen=0)

    def begin_batch(self, runs: Iterator[Any]) -> Iterator[Any]:
        """A loop over this iterator begins in this thread, or goes on: a child that is forked in it finds it at its end.

        Returns that of the loop around it.
        """
        outer: Iterator[Any] = getattr(self.running, "batch", iter(()))
        self.running.batch = runs
        return outer

    def end_child(self, error: BaseException | None = None) -> NoReturn:
        """End a child that has left the target, with the exit code that it would have as a program."""
        code = 0
        with suppress(BaseException):
            if isinstance(error, SystemExit):
                code = error.code if isinstance(error.code, int) else int(error.code is not None)
                if error.code is not None and not isinstance(error.code, int):
                    print(error.code, file=sys.stderr)
            elif error is not None:
                import traceback

                code = 1
                traceback.print_exception(error)
        for stream in (sys.stdout, sys.stderr):
            with suppress(BaseException):
                stream.flush()
        os._exit(code & 0xFF)


FORKS = Forks()
os.register_at_fork(after_in_child=FORKS.begin_child)


class InParent:
    """A context manager around calls of a target, which a process that is forked inside does not leave."""

    __slots__ = ("_batch", "_count")

    def __enter__(self) -> Self:
        self._count = FORKS.count
        self._batch = getattr(FORKS.running, "batch", ())
        return self

    def batch(self, runs: Iterator[T]) -> Iterator[T]:
        """The iterator of a loop of runs: a child that is forked in one of them finds it at its end."""
        FORKS.running.batch = runs
        return runs

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if FORKS.count != self._count:
            FORKS.end_child(error)
        FORKS.running.batch = self._batch
