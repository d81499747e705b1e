"""memray's Tracker, started in this process and in worker processes, and stopped however the run ends."""

from __future__ import annotations

import gc
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
from pocket_lab.profile.memory.held.residency import ResidencyWatch

_ONE_AT_A_TIME = "No more than one Tracker instance"


@dataclass(frozen=True, slots=True)
class Tracking:
    """Options of the Tracker: C frames on the stacks (`native`), every object of Python's own allocator."""

    native: bool = False
    python_allocators: bool = False


def capture_names(file: Path) -> list[Path]:
    """Return the capture file of this process, and those of worker processes in the same folder."""
    return [file, *sorted(file.parent.glob(f"{file.stem}.worker-*{file.suffix}"))]


@contextmanager
def tracked(file: Path, tracking: Tracking, pool: Pool) -> Iterator[None]:
    """Capture the allocations of this process in the file, and those of the pool's worker processes in files next to it.

    Raises UsageError where memray cannot be loaded, workers are on other machines, or the run starts another Tracker.
    """
    check_memray()
    _refuse_other_machines(pool)
    workers = pool if pool.is_remote else None
    running = None
    try:
        if workers is not None:
            workers.everywhere(partial(_start_in_worker, file, tracking))
        running = _start(file, tracking)
        yield
    except Exception as error:
        _stop(running, workers)
        if any(_ONE_AT_A_TIME in str(cause) for cause in _causes(error)):
            raise UsageError(
                "a memray Tracker runs in this process already, and there can be one at a time: end it, or take it out of the "
                "target that is profiled"
            ) from error
        raise
    except BaseException:  # an interrupt has closed the pool, and its processes with it
        _stop(running, None)
        raise
    _stop(running, workers)


def _refuse_other_machines(pool: Pool) -> None:
    if pool.other_machines:
        raise UsageError(
            f"memray writes a file on the machine of each worker, and workers are on {', '.join(pool.other_machines)}, "
            'whose files cannot be read here: profile memory with executors="processes" or "cluster"'
        )


def check_memray() -> None:
    """Raise a UsageError where memray cannot be loaded."""
    try:
        import memray  # noqa: F401
    except ImportError as error:
        raise UsageError(
            f"memray cannot be loaded here ({error}): it runs on Linux and macOS; install it with pip install memray, or "
            "profile on such a machine"
        ) from error


@dataclass(frozen=True, slots=True)
class _Running:
    """A Tracker that runs in this process, and the watch over what its pages hold."""

    tracker: Any
    watch: ResidencyWatch

    def close(self) -> None:
        """Stop both."""
        try:
            self.watch.stop()
        finally:
            _in_other_thread(partial(self.tracker.__exit__, None, None, None))
        with suppress(OSError):  # without the file, blocks count in full
            self.watch.save()


def _start(file: Path, tracking: Tracking) -> _Running:
    from memray import FileDestination, Tracker

    destination = FileDestination(file, overwrite=True, compress_on_exit=False)
    tracker = Tracker(
        destination=destination, native_traces=tracking.native, trace_python_allocators=tracking.python_allocators
    )
    watch = ResidencyWatch(file)
    running = _Running(tracker, watch)
    try:
        _in_other_thread(tracker.__enter__)
    except BaseException:
        watch.stop()
        raise
    try:
        watch.start()
    except BaseException:
        running.close()
        raise
    return running


def _start_in_worker(file: Path, tracking: Tracking) -> None:
    """Start a Tracker in a worker process, which keeps it until `_stop_in_worker` is called there."""
    own = file.with_name(f"{file.stem}.worker-{os.getpid()}{file.suffix}")
    STATE.replace(_Running, lambda: _start(own, tracking))


def _stop_in_worker() -> None:
    STATE.close(_Running)


def _stop(running: _Running | None, workers: Pool | None) -> None:
    """Stop the Tracker of this process, if there is one, and those of the workers."""
    try:
        if running is not None:
            running.close()
    finally:
        if workers is not None:
            with suppress(Exception):  # the file of a worker that died remains
                workers.everywhere(_stop_in_worker)


def _in_other_thread(function: Callable[[], object]) -> None:
    """Call the function in a new thread: a Tracker that is entered inside a task of an event loop misses the other tasks.

    Nothing is collected meanwhile: memray walks the frames of all threads, and a finalizer that waits would let them go on
    (before Python 3.12, where making a frame object may begin a collection).
    """
    done: Future[None] = Future()

    def call() -> None:
        collects = gc.isenabled()
        gc.disable()
        try:
            function()
        except BaseException as error:
            done.set_exception(error)
        else:
            done.set_result(None)
        finally:
            if collects:
                gc.enable()

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
