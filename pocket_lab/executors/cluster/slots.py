"""The slots of a cluster: each takes one task at a time to a worker process, or waits until there is one again."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from pocket_lab.executors.faults.deaths import Death


@dataclass(frozen=True, slots=True)
class Loss:
    """Why a worker is gone: `sentence` says what has happened to it, `death` how its process has ended, where that is known.

    Where the worker was ended on purpose nothing is to blame, and `is_wanted`. `cause` is one object for all workers that
    are gone for the same reason, where none of them has died by itself. It `is_shared` where the worker had several tasks,
    of which any may have killed it. It `may_go_on` with what it had where it may live, and cannot be reached.
    """

    sentence: str
    death: Death | None = None
    cause: object | None = None
    is_wanted: bool = False
    is_shared: bool = False
    may_go_on: bool = False


class WorkerLost(Exception):
    """The worker that had the task is gone."""

    def __init__(self, loss: Loss) -> None:
        super().__init__(loss.sentence)
        self.loss = loss


@dataclass(eq=False, slots=True)
class Worker:
    """A worker process of Dask: its address, its token as a member, and the functions that it has, by digest.

    `lost` has the Loss once the worker is gone. Of a worker on another machine, `machine` is its name, `clock_s` how far its
    clock is ahead of ours, and `clock_within_s` how far that may be wrong.
    """

    address: str
    token: str
    lost: asyncio.Future[Loss]
    pid: int = 0
    known: set[str] = field(default_factory=set)
    slots: int = 1
    machine: str = ""
    clock_s: float = 0.0
    clock_within_s: float = 0.0

    def lose(self, loss: Loss) -> None:
        """It is gone."""
        if not self.lost.done():
            self.lost.set_result(loss)


@dataclass(eq=False, slots=True)
class Slot:
    """One task at a time; `load` counts those that it has been given and has not answered."""

    index: int
    load: int = 0
    worker: Worker | None = None
    waiting: list[asyncio.Future[Any]] = field(default_factory=list)
    ended: Loss | None = None

    @property
    def is_manned(self) -> bool:
        """Whether it has a worker that lives."""
        return self.worker is not None and not self.worker.lost.done()

    async def get_worker(self) -> Worker:
        """The worker, once there is one; raises WorkerLost where there will be none."""
        while not self.is_manned:
            if self.ended is not None:
                raise WorkerLost(self.ended)
            waiter: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            self.waiting.append(waiter)
            await waiter
        assert self.worker is not None
        return self.worker

    def set_worker(self, worker: Worker) -> None:
        """The slot has a worker from now on."""
        self.worker = worker
        waiting, self.waiting = self.waiting, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)

    def end(self, loss: Loss) -> None:
        """Nobody will come any more: those who wait get the error, and those who come later."""
        self.ended = loss
        waiting, self.waiting = self.waiting, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_exception(WorkerLost(loss))
