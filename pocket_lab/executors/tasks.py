"""Tasks of an event loop as workers: for functions that are async."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from itertools import count, repeat
from typing import Any

from pocket_lab.errors import UsageError
from pocket_lab.executors.event_loop import Loop
from pocket_lab.executors.outcome import Outcome
from pocket_lab.executors.pool import SerialPool

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

    def close(self) -> None:
        """Stop the loop, and what still runs on it."""
        loop, self.loop = self.loop, None
        if loop is not None:
            loop.__exit__(None, None, None)


async def imap_on_loop(
    function: Callable[[Any], Awaitable[Any]], items: Iterable[Any], workers: int
) -> AsyncGenerator[Outcome]:
    """Await the function on each item, at most `workers` at once; outcomes come in the order of the items.

    A task is called after the worker that it is one of: "pocket-lab-task_3", and inside of that "pocket-lab-task_3_0", or
    the same where it is the only one. Leaving it early cancels what is running, and waits for that.
    """
    if workers < 1:
        raise UsageError(f"asyncio: {workers} workers do no work, use at least 1")
    source = enumerate(items)
    arrived: asyncio.Queue[Outcome] = asyncio.Queue()
    running: dict[int, asyncio.Task[None]] = {}
    ready: dict[int, Outcome] = {}
    oldest = 0
    names = _names(workers)
    idle: list[str] = []

    async def attempt(index: int, item: Any, name: str) -> None:
        try:
            outcome = Outcome(index, await function(item))
        except BaseException as error:  # an interrupt or a cancellation is raised where the outcome is taken
            outcome = Outcome(index, None, error)
        idle.append(name)
        arrived.put_nowait(outcome)

    try:
        while True:
            while len(running) < workers and len(ready) < _AHEAD * workers and (taken := next(source, None)) is not None:
                index, item = taken
                name = idle.pop() if idle else next(names)
                running[index] = asyncio.create_task(attempt(index, item, name), name=name)
            if not running:
                return
            outcome = await arrived.get()
            del running[outcome.index]
            if outcome.error is not None and not isinstance(outcome.error, Exception):
                raise outcome.error  # an interrupt does not wait for its turn
            ready[outcome.index] = outcome
            while oldest in ready:
                yield ready.pop(oldest)
                oldest += 1
    finally:
        for task in running.values():
            task.cancel()
        await asyncio.gather(*running.values(), return_exceptions=True)


def worker_name() -> str | None:
    """The worker of a pool of tasks that is running now; None outside of those."""
    try:
        task = asyncio.current_task()
    except RuntimeError:  # there is no event loop here
        return None
    name = "" if task is None else task.get_name()
    return name if name.startswith(WORKER) else None


def _names(workers: int) -> Iterator[str]:
    """A name for each worker."""
    outer = worker_name()
    if outer is not None and workers == 1:
        return repeat(outer)
    return (f"{outer or WORKER}_{number}" for number in count())
