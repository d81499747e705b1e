"""memray's Tracker, switched on in this process and in worker processes, and off again whatever happens."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pocket_lab.errors import UsageError
from pocket_lab.executors.pool import Pool
from pocket_lab.executors.worker_state import STATE

_ONE_AT_A_TIME = "No more than one Tracker instance"


@dataclass(frozen=True, slots=True)
class Tracking:
    """How memray follows a process: C frames on the stacks (`native`), each object of Python's own allocator."""

    native: bool = False
    python_allocators: bool = False


def capture_names(file: Path) -> list[Path]:
    """The capture of this process, and those that worker processes wrote beside it."""
    return [file, *sorted(file.parent.glob(f"{file.stem}.worker-*{file.suffix}"))]


@contextmanager
def tracked(file: Path, tracking: Tracking, pool: Pool) -> Iterator[None]:
    """Write what this process allocates into the file, and what the pool's worker processes do into files beside it.

    Raises UsageError where memray cannot be loaded, or where the run starts a Tracker of its own.
    """
    check_memray()
    workers = pool if pool.is_remote else None
    tracker = None
    try:
        if workers is not None:
            workers.everywhere(partial(_start_beside, file, tracking))
        tracker = _started(file, tracking)
        yield
    except Exception as error:
        _stop(tracker, workers)
        if any(_ONE_AT_A_TIME in str(cause) for cause in _causes(error)):
            raise UsageError(
                "a memray Tracker runs in this process already, and there can be one at a time: leave it, or take it out of "
                "the target that is profiled"
            ) from error
        raise
    except BaseException:  # an interrupt has closed the pool, and its processes with it
        _stop(tracker, None)
        raise
    _stop(tracker, workers)


def check_memray() -> None:
    """Raise a UsageError where memray cannot be loaded."""
    try:
        import memray  # noqa: F401
    except ImportError as error:
        raise UsageError(
            f"memray cannot be loaded here ({error}): it runs on Linux and macOS; install it with pip install memray, or "
            "profile on such a machine"
        ) from error


def _started(file: Path, tracking: Tracking) -> Any:
    from memray import FileDestination, Tracker

    destination = FileDestination(file, overwrite=True, compress_on_exit=False)
    tracker = Tracker(
        destination=destination, native_traces=tracking.native, trace_python_allocators=tracking.python_allocators
    )
    _aside(tracker.__enter__)
    return tracker


def _start_beside(file: Path, tracking: Tracking) -> None:
    """Start a Tracker in a worker process, which keeps it until `_leave` is called there."""
    beside = file.with_name(f"{file.stem}.worker-{os.getpid()}{file.suffix}")
    STATE.replace(_WorkerTracker, lambda: _WorkerTracker(_started(beside, tracking)))


def _leave() -> None:
    STATE.close(_WorkerTracker)


@dataclass(frozen=True, slots=True)
class _WorkerTracker:
    """The Tracker of a worker process."""

    tracker: Any

    def close(self) -> None:
        """Leave it."""
        _stop(self.tracker, None)


def _stop(tracker: Any, workers: Pool | None) -> None:
    """Leave the Tracker of this process, if there is one, and those of the workers."""
    try:
        if tracker is not None:
            _aside(partial(tracker.__exit__, None, None, None))
    finally:
        if workers is not None:
            with suppress(Exception):  # a worker that has died has left its file
                workers.everywhere(_leave)


def _aside(function: Callable[[], object]) -> None:
    """Call it in a thread of its own: a Tracker that is entered inside a task of an event loop does not see the others."""
    done: Future[None] = Future()

    def call() -> None:
        try:
            function()
        except BaseException as error:
            done.set_exception(error)
        else:
            done.set_result(None)

    thread = threading.Thread(target=call, name="pocket-lab-tracker")
    thread.start()
    try:
        done.result()
    finally:
        thread.join()


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
