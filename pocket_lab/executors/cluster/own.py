"""A cluster of this process: a scheduler and a worker process for each slot, which end with it."""

from __future__ import annotations

import asyncio
import atexit
import os
import shutil
import signal
import tempfile
from contextlib import suppress
from multiprocessing import Pipe
from typing import Any

from pocket_lab.errors import ProcessDied
from pocket_lab.executors.cluster.cluster import SHORT_LOGS, Cluster
from pocket_lab.executors.cluster.processes import serve_scheduler, serve_worker
from pocket_lab.executors.cluster.slots import Loss, Slot, Worker
from pocket_lab.executors.faults.deaths import Death, describe_exit
from pocket_lab.executors.faults.interrupt_gate import Uninterrupted
from pocket_lab.executors.faults.lifeline import Lifeline
from pocket_lab.executors.faults.work_board import WorkBoard
from pocket_lab.executors.remote.options import environment_of_options
from pocket_lab.executors.world.settings import Settings

_MOST_FAILED_STARTS = 3
_START_S = 60.0


class OwnCluster(Cluster):
    """So many slots; a worker that ends is replaced, and the end of the scheduler is that of the cluster."""

    def __init__(self, size: int) -> None:
        super().__init__("cluster")
        self.slots = [Slot(index) for index in range(size)]
        self.board = WorkBoard()
        self._lifeline = Lifeline()
        self._settings = Settings.here()
        self._folder = tempfile.mkdtemp(prefix="pocket-lab-cluster-")
        self._address: asyncio.Future[str] | None = None
        self.address = ""
        self._is_closing = False
        self.scheduler_pid = 0
        self._processes: dict[int, Any] = {}
        self._serving: list[asyncio.Task[None]] = []
        self._wanted: set[int] = set()  # pids that this process has ended
        atexit.register(self.close)
        try:
            self.loop.call(self._open())
        except BaseException:
            self.close()
            raise

    async def _open(self) -> None:
        import dask.config
        from distributed import Client

        self._address = asyncio.get_running_loop().create_future()
        self._serving += [asyncio.create_task(self._serve(slot)) for slot in self.slots]
        scheduler, self.address = await self._start(serve_scheduler, "scheduler")
        self.scheduler_pid = scheduler.pid
        self._address.set_result(self.address)
        self._serving.append(asyncio.create_task(self._follow_scheduler(scheduler)))
        with dask.config.set(SHORT_LOGS):
            self.client = await Client(self.address, asynchronous=True, set_as_default=False, direct_to_workers=True)
        await asyncio.gather(*(slot.get_worker() for slot in self.slots))

    async def _start(self, target: Any, name: str) -> tuple[Any, Any]:
        """A process, and what it says once it is ready; raises ProcessDied where it ends before that.

        It begins while the scheduler does, whose address it gets once there is one.
        """
        from loky.backend.context import get_context

        here, there = Pipe()
        options = environment_of_options()
        begin = (self._lifeline, self.board, self._settings, self._folder, there)
        process = get_context("loky").Process(target=target, args=begin, name=f"pocket-lab-{name}", env=options)
        try:
            with Uninterrupted():
                process.start()
            self._processes[process.pid] = process
            there.close()
            if target is serve_worker and self._address is not None:
                here.send(await self._address)
            await asyncio.wait_for(_readable(here.fileno()), _START_S)
            return process, here.recv()
        except (OSError, EOFError, TimeoutError) as error:
            await self._ended(process)
            raise ProcessDied(f"the {name} of the cluster did not start: it {describe_exit(process.exitcode)}") from error
        finally:
            here.close()
            there.close()

    async def _serve(self, slot: Slot) -> None:
        """Keep a worker in the slot."""
        failed, last = 0, None
        while not self._is_closing and failed < _MOST_FAILED_STARTS:
            try:
                process, (address, token) = await self._start(serve_worker, f"worker-{slot.index}")
            except ProcessDied as died:
                failed += 1
                last = Loss(str(died), cause=died)
                continue
            failed = 0
            last = None
            worker = Worker(address, token, asyncio.get_running_loop().create_future(), process.pid)
            slot.set_worker(worker)
            await self._ended(process)
            if not worker.lost.done():
                worker.lose(self._loss_of(process))
        if last is not None:
            slot.end(last)

    def _loss_of(self, process: Any) -> Loss:
        chunk, item = self.board.work_of(process.pid) or (None, None)
        death = Death(process.exitcode, chunk, item)
        return Loss(describe_exit(process.exitcode), death, is_wanted=process.pid in self._wanted)

    async def _follow_scheduler(self, process: Any) -> None:
        await self._ended(process)
        cause = object()
        self.broken = Loss(f"ended with the scheduler of its cluster, which {describe_exit(process.exitcode)}", cause=cause)
        for slot in self.slots:
            if slot.worker is not None:
                chunk, item = self.board.work_of(slot.worker.pid) or (None, None)
                slot.worker.lose(Loss(self.broken.sentence, Death(process.exitcode, chunk, item), cause=cause))
            slot.end(self.broken)
        self._kill()

    async def _ended(self, process: Any) -> None:
        """Wait for the end of a process."""
        with suppress(OSError):  # another thread may have let go of it
            await _readable(process.sentinel)
        process.join()
        self._processes.pop(process.pid, None)

    def stop_running(self) -> None:
        """Kill the workers that have a task; others are started instead."""
        self.loop.begin(self._stop_running()).result()

    async def _stop_running(self) -> None:
        for slot in self.slots:
            if slot.load and slot.worker is not None and not slot.worker.lost.done():
                self._end(slot.worker.pid)

    def _end(self, pid: int) -> None:
        self._wanted.add(pid)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def _kill(self) -> None:
        """End all processes, and start none."""
        self._is_closing = True
        for pid in list(self._processes):
            self._end(pid)

    async def _close(self) -> None:
        self._kill()
        await self.close_client()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    def close(self) -> None:
        """Kill the processes, running tasks included."""
        atexit.unregister(self.close)
        if self.loop.is_closed:
            return
        try:
            super().close()
        finally:
            for process in list(self._processes.values()):
                process.join()
            self._lifeline.close()
            self.board.close()
            shutil.rmtree(self._folder, ignore_errors=True)


async def _readable(descriptor: int) -> None:
    """Wait until the descriptor can be read, or is at its end."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_reader(descriptor, _set, ready)
    try:
        await ready
    finally:
        loop.remove_reader(descriptor)


def _set(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
