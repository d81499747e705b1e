"""Threads and tasks that the target has started and that go on when its run ends: what they do later is in no figure."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

from pocket_lab.executors.pool import Pool
from pocket_lab.executors.worker_state import STATE
from pocket_lab.profile.libraries import is_library
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.point import Point, describe

_LISTED = 5
_OURS = "pocket-lab"  # how the names of our own threads begin
_STARTERS = ("threading", __name__.partition(".")[0])  # modules that call the function of a thread


class LeftWork:
    """What runs code of the user's in this process and in the workers of a pool after a run, and did not before.

    Make it before the run, and call `look` as soon as that has ended; threads of a pool that have nothing to do do not count.
    """

    def __init__(self, pool: Pool) -> None:
        self.threads: list[str] = []
        self.tasks: list[str] = []
        self._pool = pool
        pool.in_worker_processes(_begin_in_worker)
        self._before: set[Any] = {*_threads(()), *_tasks(pool)}
        self._known = set(threading.enumerate())

    def look(self) -> None:
        """Name what is left in this process."""
        self.threads = [name for key, name in _threads(self._known).items() if key not in self._before]
        self.tasks = [name for key, name in _tasks(self._pool).items() if key not in self._before]
        self._before = self._known = set()

    def caveats(self, point: Point) -> Iterator[Caveat]:
        """A Caveat that names them, with those in worker processes."""
        threads = [*self.threads, *(name for names in self._pool.in_worker_processes(_end_in_worker) for name in names)]
        parts = [_counted(len(threads), "thread"), _counted(len(self.tasks), "task")]
        names = [*threads, *self.tasks]
        if not names:
            return
        listed = ", ".join(names[:_LISTED]) + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "")
        message = (
            f"{describe(point)}: {' and '.join(part for part in parts if part)} of the target had not ended when its run did, "
            f"and what they do later is in no figure: {listed}"
        )
        yield Caveat("work-left", message, point)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s' if count > 1 else ''}" if count else ""


def _threads(known: set[threading.Thread] | tuple[()]) -> dict[Any, str]:
    """The names of the threads that run code of the user's; one that is not `known` may not have come to that yet, or run C."""
    frames = sys._current_frames()
    others = {threading.get_ident(), threading.main_thread().ident}
    threads = {thread.ident: thread for thread in threading.enumerate()}
    found: dict[Any, str] = {}
    for ident, frame in frames.items():
        thread = threads.get(ident)
        is_beginning = bool(known) and thread is not None and thread not in known and _is_beginning(thread, frame)
        if ident not in others and (is_beginning or _runs_users_code(frame)):
            found[thread or ident] = thread.name if thread is not None else f"thread {ident}"
    return found


def _is_beginning(thread: threading.Thread, frame: FrameType | None) -> bool:
    """Whether it has not come to its function yet, or is in one that is written in C and has no frame."""
    if getattr(thread, "_target", None) is None or thread.name.startswith(_OURS):
        return False
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in _STARTERS:
        frame = frame.f_back
    return frame is None


def _runs_users_code(frame: FrameType | None) -> bool:
    while frame is not None:
        if not is_library(frame.f_code.co_filename):
            return True
        frame = frame.f_back
    return False


def _tasks(pool: Pool) -> dict[Any, str]:
    """The names of the coroutines of tasks that have not ended on the loop of a pool, of those that are code of the user's."""
    tasks = pool.loop.tasks() if pool.loop is not None and not pool.loop.is_closed else set[asyncio.Task[Any]]()
    found: dict[Any, str] = {}
    for task in tasks:
        code = getattr(task.get_coro(), "cr_code", None)
        if code is not None and not is_library(code.co_filename):
            found[task] = code.co_qualname
    return found


class _InWorker:
    def __init__(self) -> None:
        self.before = _threads(())
        self.known = set(threading.enumerate())


def _begin_in_worker() -> None:
    STATE.pop(_InWorker)
    STATE.get_or_create(_InWorker, _InWorker)


def _end_in_worker() -> list[str]:
    begun = STATE.pop(_InWorker)
    return [] if begun is None else [name for key, name in _threads(begun.known).items() if key not in begun.before]
