"""An event loop to run coroutines on from plain code, also where a loop is already running in this thread."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Coroutine
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")


class Loop:
    """A context manager that runs one coroutine at a time on a loop of its own.

    It is this thread's loop, or, where one is already running in this thread (a notebook), that of a helper thread that
    lives as long as the context manager. Leaving it cancels what the coroutines left running.
    """

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._helper: _Helper | None = None

    def __enter__(self) -> Self:
        if is_running():
            self._helper = _Helper(self._runner)
        return self

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """The result of the coroutine; an interrupt cancels it and waits until it has ended."""
        if self._helper is None:
            return self._runner.run(coroutine)
        return self._helper.run(coroutine)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._helper is None:
            self._runner.close()
        else:
            self._helper.close()


class _Helper:
    """A thread that keeps a loop running."""

    def __init__(self, runner: asyncio.Runner) -> None:
        started: Future[asyncio.AbstractEventLoop] = Future()
        self._thread = threading.Thread(target=_serve, args=(runner, started), name="pocket-lab-loop", daemon=True)
        self._thread.start()
        self._loop = started.result()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        task: Future[T] = Future()
        context = contextvars.copy_context()
        self._loop.call_soon_threadsafe(_start, coroutine, task, self._loop, context, context=context)
        try:
            return task.result()
        except KeyboardInterrupt:
            task.cancel()
            raise

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


def _serve(runner: asyncio.Runner, started: Future[asyncio.AbstractEventLoop]) -> None:
    with runner:
        loop = runner.get_loop()
        loop.call_soon(started.set_result, loop)
        loop.run_forever()


def _start(
    coroutine: Coroutine[Any, Any, T], told: Future[T], loop: asyncio.AbstractEventLoop, context: contextvars.Context
) -> None:
    task = loop.create_task(coroutine, context=context)

    def tell(done: asyncio.Task[T]) -> None:
        with suppress(InvalidStateError):  # nobody waits for it any more
            if done.cancelled():
                told.set_exception(asyncio.CancelledError())
            elif (error := done.exception()) is not None:
                told.set_exception(error)
            else:
                told.set_result(done.result())

    task.add_done_callback(tell)
    told.add_done_callback(lambda _: loop.call_soon_threadsafe(task.cancel) if told.cancelled() else None)


def is_running() -> bool:
    """Whether an event loop is running in this thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
