"""A cluster that others have started: it is joined at an address, followed while it is used, and left as it was."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Any

from pocket_lab.errors import ProcessDied, UsageError
from pocket_lab.executors.cluster import address as scheduler
from pocket_lab.executors.cluster.cluster import Cluster
from pocket_lab.executors.cluster.environment import (
    Machine,
    by_value,
    compared_packages,
    look,
    read_clock,
    refuse_other_package,
    refuse_other_versions,
)
from pocket_lab.executors.cluster.slots import Loss, Slot, Worker, WorkerLost
from pocket_lab.executors.cluster.worker import end_session, join, stop_session

_WORKERS_S = 3.0  # for the workers to come
_REPLY_S = 2.0  # for what every worker answers at once
_BACK_S = 3.5  # for a connection that was cut to be there again
_FOLLOW_S = 1.0
_CLOCK_READINGS = 9
_GONE = "has left the cluster, or was killed"


class JoinedCluster(Cluster):
    """The slots of the workers at an address: one for each of their threads, the first of each worker before the second.

    What the scheduler knows is looked at whenever it says that a worker has come or gone, and each second as long as a slot
    has no worker, since what it says may be lost with a connection.
    """

    borrowed = True

    def __init__(self, address: str, size: int) -> None:
        super().__init__(address)
        self._following: asyncio.Task[None] | None = None
        self._unreachable: dict[str, int] = {}
        self._machines: dict[str, Machine] = {}
        self._refused: set[str] = set()
        self._subscribed: Any = None
        self._news = asyncio.Event()
        self._manned = asyncio.Condition()
        self._recovering = asyncio.Lock()
        try:
            self.loop.call(self._open(size))
        except BaseException:
            self.close()
            raise

    async def _open(self, size: int) -> None:
        await self._connect()
        workers = await self._wait_for_workers(size)
        await self._refuse_other_environments(workers)
        joined = {address: await self._joined(address, threads) for address, threads in workers.items()}
        for number in range(max(workers.values())):
            for address, threads in workers.items():
                if number < threads:
                    slot = Slot(len(self.slots))
                    slot.set_worker(joined[address])
                    self.slots.append(slot)
        if size > len(self.slots):
            raise UsageError(
                f"executor {self.name!r} has {_counted(len(self.slots))} (threads of its workers), and {size} workers were "
                f"requested: use at most {len(self.slots)}, or add workers to the cluster"
            )
        self._following = asyncio.create_task(self._follow())

    async def take(self) -> Slot:
        """As `Cluster.take`, of the slots that have a worker, as soon as there is one."""
        async with self._manned:
            await self._manned.wait_for(lambda: self.broken is not None or any(slot.is_manned for slot in self.slots))
        if self.broken is not None:
            raise WorkerLost(self.broken)
        slot = min((slot for slot in self.slots if slot.is_manned), key=lambda slot: slot.load)
        slot.load += 1
        return slot

    async def processes(self, size: int) -> list[Worker]:
        """As `Cluster.processes`; raises ProcessDied where workers have gone, and none has come instead within seconds."""
        first = self.slots[:size]
        try:
            async with asyncio.timeout(_WORKERS_S), self._manned:
                await self._manned.wait_for(lambda: self.broken is not None or all(slot.is_manned for slot in first))
        except TimeoutError:
            left = sum(slot.is_manned for slot in first)
            raise ProcessDied(
                f"executor {self.name!r} has lost workers: {_counted(left)} of {size} {'is' if left == 1 else 'are'} left, so "
                "start workers again or use fewer"
            ) from None
        return await super().processes(size)

    async def _connect(self) -> None:
        self.client = await scheduler.connect(self.name)
        self._subscribe()

    def _subscribe(self) -> None:
        """Hear of workers that come and go, once for each connection."""
        if self._subscribed is not self.client.scheduler_comm:
            self._subscribed = self.client.scheduler_comm
            self.client.subscribe_topic("all", self._on_event)
            self._news.set()

    async def _workers(self) -> dict[str, int]:
        """The threads of each worker that takes tasks, by address."""
        identity = await asyncio.wait_for(self.client.scheduler.identity(), _REPLY_S)
        known = identity["workers"].items()
        return {address: worker["nthreads"] for address, worker in known if worker.get("status", "running") == "running"}

    async def _wait_for_workers(self, size: int) -> dict[str, int]:
        """Those that there are after a moment, in which a nanny may just be starting one again."""
        end_s = time.monotonic() + _WORKERS_S
        while sum((workers := await self._workers()).values()) < size and time.monotonic() < end_s:
            await asyncio.sleep(0.1)
        if not workers:
            hint = f"start some, for example with `dask worker {self.name}`"
            raise UsageError(f"executor {self.name!r} has no workers: {hint}")
        return workers

    async def _refuse_other_environments(self, workers: dict[str, int]) -> None:
        versions = await asyncio.wait_for(self.client.get_versions(packages=compared_packages()), _REPLY_S)
        refuse_other_versions(self.name, versions)
        found = await asyncio.wait_for(self.client.run(by_value(look), workers=list(workers)), _REPLY_S)
        for address, (version, name, boot) in found.items():
            refuse_other_package(self.name, address, version)
            self._machines[address] = Machine(name, boot)

    async def _joined(self, address: str, threads: int) -> Worker:
        token = (await asyncio.wait_for(self.client.run(join, workers=[address]), _REPLY_S))[address]
        worker = Worker(address, token, asyncio.get_running_loop().create_future(), slots=threads)
        machine = self._machines.get(address)
        if machine is not None and machine.boot != this_machine():
            worker.machine = machine.name
            worker.clock_s, worker.clock_within_s = await self._clock_of(address)
        return worker

    async def _clock_of(self, address: str) -> tuple[float, float]:
        """How far the clock of the worker is ahead of ours, and how far that may be wrong: half the time of an answer."""
        readings = []
        for _ in range(_CLOCK_READINGS):
            sent_s = time.monotonic()
            there_s = (await self.client.run(by_value(read_clock), workers=[address]))[address]
            back_s = time.monotonic()
            readings.append((back_s - sent_s, there_s - (sent_s + back_s) / 2))
        took_s, ahead_s = min(readings)
        return ahead_s, took_s / 2

    def _on_event(self, event: Any) -> None:
        _, message = event
        address = message.get("worker") if isinstance(message, dict) else None
        if not isinstance(address, str):
            return
        if message.get("action") == "remove-worker":
            self._lose(address, _GONE)
        self._news.set()

    def _lose(self, address: str, sentence: str) -> None:
        slots = [slot for slot in self.slots if slot.worker is not None and slot.worker.address == address]
        loss = Loss(f"{sentence} (it was at {address})", is_shared=sum(slot.load for slot in slots) > 1)
        for slot in slots:
            if slot.worker is not None:
                slot.worker.lose(loss)

    async def _look(self) -> None:
        """Know the workers that the scheduler has now: those that are gone are lost, and new ones take the slots of others."""
        workers = await self._workers()
        for slot in self.slots:
            if slot.worker is not None and slot.is_manned and slot.worker.address not in workers:
                self._lose(slot.worker.address, _GONE)
        known = {slot.worker.address for slot in self.slots if slot.worker is not None and slot.is_manned}
        for address in [address for address in workers if address not in known | self._refused]:
            if not all(slot.is_manned for slot in self.slots):
                await self._welcome(address, workers[address])
        self._refused &= set(workers)

    async def _welcome(self, address: str, threads: int) -> None:
        """A new worker takes slots that have none, unless it has another environment."""
        try:
            await self._refuse_other_environments({address: threads})
        except UsageError:
            self._refused.add(address)
            return
        worker = await self._joined(address, threads)
        for slot in [slot for slot in self.slots if not slot.is_manned][:threads]:
            slot.set_worker(worker)
        async with self._manned:
            self._manned.notify_all()

    async def _follow(self) -> None:
        """Notice who comes and goes, a cable that was cut, a machine that is off, and that no worker is left."""
        manned_s = time.monotonic()
        while self.broken is None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), _FOLLOW_S)
            with suppress(Exception):  # the connection may be cut, and a worker be gone again: the next look will tell
                self._subscribe()
                if self._news.is_set() or not all(slot.is_manned for slot in self.slots):
                    self._news.clear()
                    await self._look()
            if any(slot.is_manned for slot in self.slots):
                manned_s = time.monotonic()
            elif time.monotonic() - manned_s > _BACK_S:
                await self._break("no worker is left")
            with suppress(Exception):  # as above
                await self._probe()

    async def _probe(self) -> None:
        """Connect to what has to answer: who is off the network says nothing, and is waited for no longer."""
        if not await self._answers(self.name) and self.client.scheduler_comm is not None:
            self.client.scheduler_comm.comm.abort()  # the client connects again
        busy = {slot.worker.address for slot in self.slots if slot.load and slot.is_manned and slot.worker}
        for address in busy:
            if not await self._answers(address):
                self._lose(address, "does not answer any more")

    async def _answers(self, address: str) -> bool:
        """Whether the address accepts a connection now, or did a moment ago."""
        failed = 0 if await scheduler.is_reachable(address) else self._unreachable.get(address, 0) + 1
        self._unreachable[address] = failed
        return failed < 2

    async def _break(self, sentence: str, may_go_on: bool = False) -> None:
        loss = Loss(f"cannot be reached any more at {self.name}: {sentence}", cause=object(), may_go_on=may_go_on)
        self.broken = loss
        for slot in self.slots:
            if slot.worker is not None:
                slot.worker.lose(loss)
            slot.end(loss)
        async with self._manned:
            self._manned.notify_all()

    async def recovers(self) -> bool:
        """Wait until a connection that was cut is there again, by this client or by another one, with the workers of then."""
        end_s = time.monotonic() + _BACK_S
        while time.monotonic() < end_s and self.broken is None:
            with suppress(Exception):  # it may be cut again
                async with self._recovering:
                    if self.client.status == "closed":
                        await self._connect()
                    if self.client.status == "running":
                        self._subscribe()
                        await self._look()
                        return True
            await asyncio.sleep(0.05)
        if self.broken is None:
            await self._break("the connection was cut", may_go_on=True)
        return False

    def stop_running(self) -> None:
        """Ask the workers to stop after the items that they run."""
        self.loop.begin(self._stop())

    async def _stop(self) -> None:
        busy = list({slot.worker.address for slot in self.slots if slot.load and slot.is_manned and slot.worker})
        if busy:
            with suppress(Exception):  # whoever does not hear it is gone
                await asyncio.wait_for(self.client.run(stop_session, self.session, workers=busy), _REPLY_S)

    async def _close(self) -> None:
        if self._following is not None:
            self._following.cancel()
        if self.client is None:
            return
        with suppress(Exception):  # the workers forget by themselves
            if self.slots and self.broken is None:
                await asyncio.wait_for(self.client.run(end_session, self.session), _FOLLOW_S)
        await self.close_client()


def _counted(slots: int) -> str:
    return f"{slots} slot{'' if slots == 1 else 's'}"


def this_machine() -> str:
    """What identifies the machine of this process."""
    return look()[2]


def rejoin(address: str, size: int) -> JoinedCluster:
    """The cluster again, after it was lost in a call; raises ProcessDied where it is not there."""
    try:
        return JoinedCluster(address, size)
    except UsageError as error:
        raise ProcessDied(str(error)) from error
