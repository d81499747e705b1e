"""The executor "asyncio": tasks of an event loop as workers, for async functions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from itertools import count, repeat
from typing import Any

from pocket_lab.errors import UsageError
from pocket_lab.executors.event_loop import Loop
from pocket_lab.executors.faults.forks import FORKS
from pocket_lab.executors.outcome import Outcome
from pocket_lab.executors.pool import T
from pocket_lab.executors.serial import SerialPool

WORKER = "pocket-lab-task"
_AHEAD = 16


class TaskPool(SerialPool):
    """An event loop that lives as long as the pool, with at most `size` items in flight; a plain function runs in place."""

    name = "asyncio"

    def __init__(self, size: int) -> None:
        if size < 1:
            raise UsageError(f"{self.name}: {size} workers make no pool, use at least 1")
        self.size = size
        self.loop = Loop().__enter__()

    def everywhere(self, function: Callable[[], T]) -> list[T]:
        """Call the function in the thread of the loop, if that is not the caller's."""
        if self.loop is None or not self.loop.is_elsewhere:
            return []

        async def call() -> T:
            return function()

        return [self.loop.run(call())]

    def close(self) -> None:
        """Cancel the tasks that are still running, and close the loop."""
        loop, self.loop = self.loop, None
        if loop is not None:
            loop.__exit__(None, None, None)


async def imap_on_loop(
    function: Callable[[Any], Awaitable[Any]], items: Iterable[Any], workers: int
) -> AsyncGenerator[Outcome]:
    """Await the function on each item, at most `workers` at once; outcomes come in the order of the items.

    A task has the name of its worker: "pocket-lab-task_3", and "pocket-lab-task_3_0" for a worker of a call inside it, or
    the same name if that call has one worker. Closing the iterator early cancels running tasks and waits for them.
    """
    if workers < 1:
        raise UsageError(f"asyncio: {workers} workers do no work, use at least 1")
    source = enumerate(items)
    finished: asyncio.Queue[Outcome] = asyncio.Queue()
    running: dict[int, asyncio.Task[None]] = {}
    ready: dict[int, Outcome] = {}
    oldest = 0
    names = _names(workers)
    idle: list[str] = []

    async def attempt(index: int, item: Any, name: str) -> None:
        forks = FORKS.count
        try:
            outcome = Outcome(index, await function(item))
        except BaseException as error:  # an interrupt or a cancellation is raised by the loop below
            outcome = Outcome(index, None, error)
        if FORKS.count != forks:
            FORKS.end_child(outcome.error)
        idle.append(name)
        finished.put_nowait(outcome)

    try:
        while True:
            while len(running) < workers and len(ready) < _AHEAD * workers and (taken := next(source, None)) is not None:
                index, item = taken
                name = idle.pop() if idle else next(names)
                running[index] = asyncio.create_task(attempt(index, item, name), name=name)
            if not running:
                return
            outcome = await finished.get()
            del running[outcome.index]
            if outcome.ends_call:
                outcome.get()  # an interrupt does not wait for the outcomes of earlier items
            ready[outcome.index] = outcome
            while oldest in ready:
                yield ready.pop(oldest)
                oldest += 1
    finally:
        for task in running.values():
            task.cancel()
        await asyncio.gather(*running.values(), return_exceptions=True)


def worker_name() -> str | None:
    """The name of the worker whose task is running; None outside a task of `imap_on_loop`."""
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no event loop is running in this thread
        return None
    name = "" if task is None else task.get_name()
    return name if name.startswith(WORKER) else None


def _names(workers: int) -> Iterator[str]:
    """A name for each worker."""
    outer = worker_name()
    if outer is not None and workers == 1:
        return repeat(outer)
    return (f"{outer or WORKER}_{number}" for number in count())
