"""An event loop for plain code, also in a thread in which an event loop is already running."""

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
_INTERRUPTS = (KeyboardInterrupt, SystemExit)


class Loop:
    """A context manager that runs one coroutine at a time on its own event loop.

    The loop runs in this thread, or, if another loop is already running here (a notebook), in a helper thread that lives as
    long as the context manager. Leaving the context manager cancels the tasks that are still running.
    """

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._helper: _Helper | None = None

    def __enter__(self) -> Self:
        if is_running():
            self._helper = _Helper(self._runner)
        else:
            self._runner.get_loop()  # created now, since `tasks` is called from other threads
        return self

    @property
    def is_elsewhere(self) -> bool:
        """Whether the loop runs in a helper thread."""
        return self._helper is not None and not self._helper.is_closed()

    @property
    def is_closed(self) -> bool:
        """Whether an interrupt has closed the loop and cancelled its tasks."""
        return self._helper is not None and self._helper.is_closed()

    def tasks(self) -> set[asyncio.Task[Any]]:
        """The tasks of the loop that have not ended; may be called from another thread."""
        return asyncio.all_tasks(self._runner.get_loop())

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """The result of the coroutine, in the caller's context; an interrupt cancels it and waits until it has ended.

        A call from inside one of its own coroutines uses another loop.
        """
        if is_running() if self._helper is None else self._helper.is_here():
            with Loop() as other:
                return other.run(coroutine)
        if self._helper is None:
            return self._runner.run(coroutine, context=contextvars.copy_context())
        return self._helper.run(coroutine)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._helper is None:
            self._runner.close()
        else:
            self._helper.close()


class _Helper:
    """A thread that keeps a loop running; an interrupt of the loop becomes the error of the coroutine that is awaited."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self._runner = runner
        self._awaited: Future[Any] = Future()
        self._ended = threading.Event()
        self._is_interrupted = False
        started: Future[asyncio.AbstractEventLoop] = Future()
        self._thread = threading.Thread(target=self._serve, args=(started,), name="pocket-lab-loop", daemon=True)
        self._thread.start()
        self._loop = started.result()

    def is_closed(self) -> bool:
        """Whether the loop has ended."""
        return self._is_interrupted or self._loop.is_closed()

    def is_here(self) -> bool:
        """Whether this is the helper's own thread."""
        return threading.current_thread() is self._thread

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        if self.is_closed():
            coroutine.close()
            raise RuntimeError("an interrupt has closed this loop")
        result: Future[T] = Future()
        self._awaited = result
        self._ended.clear()
        context = contextvars.copy_context()
        self._loop.call_soon_threadsafe(self._start, coroutine, result, context, context=context)
        try:
            return result.result()
        except KeyboardInterrupt:
            if not result.done():  # the interrupt came to this thread, which waits
                result.cancel()
                self._ended.wait()
            raise

    def close(self) -> None:
        with suppress(RuntimeError):  # an interrupt has closed the loop already
            self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _serve(self, started: Future[asyncio.AbstractEventLoop]) -> None:
        interrupt: BaseException | None = None
        with suppress(*_INTERRUPTS), self._runner as runner:  # a task that is cancelled at the end may raise it again
            loop = runner.get_loop()
            loop.call_soon(started.set_result, loop)
            try:
                loop.run_forever()
            except _INTERRUPTS as error:
                interrupt, self._is_interrupted = error, True
        if interrupt is not None:  # set last, so that the caller does not use a loop that is being closed
            with suppress(InvalidStateError):
                self._awaited.set_exception(interrupt)
        self._ended.set()

    def _start(self, coroutine: Coroutine[Any, Any, T], result: Future[T], context: contextvars.Context) -> None:
        task = self._loop.create_task(coroutine, context=context)

        def set_result(done: asyncio.Task[T]) -> None:
            if self._is_interrupted:
                return
            with suppress(InvalidStateError):  # nobody waits for the result any more
                if done.cancelled():
                    result.set_exception(asyncio.CancelledError())
                elif (error := done.exception()) is not None:
                    result.set_exception(error)
                else:
                    result.set_result(done.result())
            self._ended.set()

        task.add_done_callback(set_result)
        result.add_done_callback(lambda _: self._loop.call_soon_threadsafe(task.cancel) if result.cancelled() else None)


def is_running() -> bool:
    """Whether an event loop is running in this thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
