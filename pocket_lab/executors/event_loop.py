"""An event loop for plain code, also in a thread in which an event loop is already running."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from queue import SimpleQueue
from types import FrameType, TracebackType
from typing import Any, Self, TypeVar

from pocket_lab.executors.faults.interrupt_gate import GATE
from pocket_lab.executors.faults.interrupts import INTERRUPTS

T = TypeVar("T")
_INTERRUPTS = (KeyboardInterrupt, SystemExit)
_OPEN: dict[int, Loop] = {}  # by identity


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
            with GATE:
                self._runner.get_loop()  # created now, since `tasks` is called from other threads
        _OPEN[id(self)] = self
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
        return self.call(lambda: coroutine)

    def call(self, function: Callable[..., Coroutine[Any, Any, T]], *arguments: Any) -> T:
        """As `run`, for a coroutine that the function makes: no interrupt comes between that and its begin."""
        if is_running() if self._helper is None else self._helper.is_here():
            with Loop() as other:
                return other.call(function, *arguments)
        if self._helper is None:
            return self._call_here(function, arguments)
        return self._helper.call(function, arguments)

    def _call_here(self, function: Callable[..., Coroutine[Any, Any, T]], arguments: tuple[Any, ...]) -> T:
        """As `asyncio.Runner.run`, except that Ctrl-C is never raised inside the loop, and never lost."""
        loop, stop = self._runner.get_loop(), _Stop()
        with GATE:
            stop.task = task = loop.create_task(function(*arguments), context=contextvars.copy_context())
            stop.take_over()
        try:
            return loop.run_until_complete(task)
        finally:
            stop.give_back()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        _OPEN.pop(id(self), None)
        if self._helper is None:
            self._runner.close()
        else:
            self._helper.close()


class _Stop:
    """The handler of Ctrl-C while a loop runs in the main thread: it cancels the task, and raises from the second time on."""

    def __init__(self) -> None:
        self.count = 0
        self.task: asyncio.Task[Any] | None = None
        self._before: Any = None

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        INTERRUPTS.note()
        if self.count > 1 or self.task is None:
            raise KeyboardInterrupt
        if not self.task.done():
            self.task.cancel()
            self.task.get_loop().call_soon_threadsafe(lambda: None)  # the loop may be asleep

    def take_over(self) -> None:
        """Inside the gate: handle Ctrl-C, unless a handler of the user's own does."""
        if GATE.raises_interrupts:
            self._before = GATE.replace_handler(self)

    def give_back(self) -> None:
        """Restore the handler of before; raises the interrupt that has come meanwhile."""
        if self._before is not None:
            with GATE:
                GATE.replace_handler(self._before)
            if self.count:
                INTERRUPTS.forget_outside()
                raise KeyboardInterrupt


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

    def call(self, function: Callable[..., Coroutine[Any, Any, T]], arguments: tuple[Any, ...]) -> T:
        if self.is_closed():
            raise RuntimeError("an interrupt has closed this loop")
        result: Future[T] = Future()
        arrived: SimpleQueue[None] = SimpleQueue()
        context = contextvars.copy_context()
        try:
            with GATE:
                self._awaited = result
                self._ended.clear()
                result.add_done_callback(lambda _: arrived.put(None))
                coroutine = function(*arguments)
                self._loop.call_soon_threadsafe(self._start, coroutine, result, context, context=context)
            arrived.get()
        except KeyboardInterrupt:  # it came to this thread, which waits
            with GATE:
                is_cancelled = result.cancel()
            if is_cancelled:
                self._ended.wait()
            raise
        return result.result()

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
        async def run() -> None:  # what the coroutine raises is its result: KeyboardInterrupt and SystemExit end the loop else
            with suppress(InvalidStateError):  # nobody waits for the result any more
                try:
                    value = await coroutine
                except BaseException as error:
                    if not self._is_interrupted:
                        result.set_exception(error)
                else:
                    result.set_result(value)

        def end(done: asyncio.Task[None]) -> None:
            if self._is_interrupted:
                return
            if done.cancelled():  # before it began
                coroutine.close()
            self._ended.set()

        task = self._loop.create_task(run(), context=context)
        task.add_done_callback(end)
        result.add_done_callback(lambda _: self._loop.call_soon_threadsafe(task.cancel) if result.cancelled() else None)


def open_tasks() -> Iterator[asyncio.Task[Any]]:
    """The tasks of all open loops of this process that have not ended; may be called from another thread."""
    for loop in list(_OPEN.values()):
        with suppress(RuntimeError):  # it is being closed
            yield from loop.tasks()


def is_running() -> bool:
    """Whether an event loop is running in this thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
