"""A client of a scheduler of Dask, and the slots of its workers."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from pocket_lab.errors import MissingExtra
from pocket_lab.executors.cluster.loop import LoopThread
from pocket_lab.executors.cluster.slots import Loss, Slot, Worker, WorkerLost
from pocket_lab.executors.faults.interrupt_gate import GATE

_SENT_APART = 1 << 20  # bytes; larger ones go to the worker without the scheduler
_CLOSE_S = 1.0
_MOST_ATTEMPTS = 5  # to request one answer
_GRACE_S = 5.0  # for the news of a worker's end to come after the error of its task
SHORT_LOGS = {"distributed.admin.low-level-log-length": 1}  # those of messages grow, and would count as leaks of what runs


class Cluster(ABC):
    """The slots of a cluster, of which `loop` runs the client; `broken` says why nothing can be sent any more.

    It is `borrowed` where others start its workers, and may start none instead of one that is gone.
    `session` and `numbers` name what is sent: no two tasks of a scheduler have the same name.
    """

    borrowed = False

    def __init__(self, name: str) -> None:
        import_distributed()
        _QUIET.begin()
        self.name = name
        self.session = os.urandom(8).hex()
        self.loop = LoopThread()
        self.slots: list[Slot] = []
        self.broken: Loss | None = None
        self.client: Any = None
        self.numbers = itertools.count(1)
        self._channels = itertools.count()
        self._free_channels: list[int] = []

    async def take(self) -> Slot:
        """The slot with the fewest tasks, which has one more from now on; raises WorkerLost where none will have a worker."""
        slot = min(self.slots, key=lambda slot: slot.load)
        slot.load += 1
        return slot

    @contextmanager
    def channel(self) -> Iterator[int]:
        """A number that no other chunk under way has."""
        channel = self._free_channels.pop() if self._free_channels else next(self._channels)
        try:
            yield channel
        finally:
            self._free_channels.append(channel)

    async def processes(self, size: int) -> list[Worker]:
        """The worker process of each of the first slots, each once; waits for those that are being started."""
        workers = [await slot.get_worker() for slot in self.slots[:size]]
        return list(dict.fromkeys(workers))

    async def call(self, worker: Worker, function: Callable[..., Any], *arguments: Any) -> Any:
        """The result of the function on the worker; raises WorkerLost where that is gone before."""
        if self.broken is not None:
            raise WorkerLost(self.broken)
        key = f"pocket-lab-{self.session}-{next(self.numbers)}"
        answer = asyncio.ensure_future(self._answer(key, worker, function, arguments))
        try:
            await asyncio.wait({answer, worker.lost}, return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                raise WorkerLost(worker.lost.result())
            return answer.result()
        finally:
            answer.cancel()

    async def _answer(self, key: str, worker: Worker, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        """Request again where a connection broke, and the worker lives: it runs nothing twice."""
        for attempt in range(_MOST_ATTEMPTS):
            try:
                return await self._requested(f"{key}-{attempt}", worker, function, arguments)
            except (asyncio.CancelledError, WorkerLost):
                raise
            except Exception as error:  # Dask says in many ways that a worker or a connection is gone
                failed = error
                if await self.recovers() and not worker.lost.done():
                    continue
                done, _ = await asyncio.wait({worker.lost}, timeout=_GRACE_S)
                if done:
                    raise WorkerLost(worker.lost.result()) from error
                raise
        raise failed

    async def _requested(self, key: str, worker: Worker, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        future = None
        try:
            sent = [await self._sent(worker, argument) for argument in arguments]
            future = self.client.submit(
                function, *sent, key=key, workers=[worker.address], allow_other_workers=False, pure=False, retries=0
            )
            return await future
        finally:
            if future is not None:
                future.release()

    async def recovers(self) -> bool:
        """After an error of Dask: whether the connection is there again, and the task may be sent once more."""
        return False

    async def _sent(self, worker: Worker, argument: Any) -> Any:
        if isinstance(argument, bytes) and len(argument) > _SENT_APART:
            return await self.client.scatter(argument, workers=[worker.address], direct=True, hash=False)
        return argument

    def close(self) -> None:
        """End what was started, and the client."""
        with GATE:
            if self.loop.is_closed:
                return
            try:
                self.loop.call(self._close())
            finally:
                self.loop.close()
                _QUIET.end()

    async def close_client(self) -> None:
        """Close the client, which would otherwise try for half a minute to reach a scheduler that is gone."""
        if self.client is not None:
            with suppress(Exception):  # it has nothing to say any more
                await asyncio.wait_for(self.client._close(fast=True), _CLOSE_S)

    @abstractmethod
    async def _close(self) -> None: ...

    @abstractmethod
    def stop_running(self) -> None:
        """Stop the tasks of this session: at once where the workers are ours, otherwise after the items that they run."""


def import_distributed() -> Any:
    """The library; raises MissingExtra where it is not installed."""
    try:
        import distributed
    except ImportError as error:
        raise MissingExtra("distributed (of Dask)", "cluster") from error
    return distributed


class _Quiet:
    """Keeps what Dask logs about connections from the user's terminal while clusters are open: what matters is raised."""

    _names = ("distributed", "distributed.client")

    def __init__(self) -> None:
        self._open = 0
        self._before: list[int] = []

    def begin(self) -> None:
        """One more cluster is open."""
        if not self._open:
            self._before = [logging.getLogger(name).level for name in self._names]
            for name in self._names:
                logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        self._open += 1

    def end(self) -> None:
        """One fewer is."""
        self._open -= 1
        if not self._open:
            for name, level in zip(self._names, self._before, strict=True):
                logging.getLogger(name).setLevel(level)


_QUIET = _Quiet()
