"""The processes of an own cluster: a scheduler, and workers of one thread."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from multiprocessing.connection import Connection
from typing import Any

from pocket_lab.executors.cluster.cluster import SHORT_LOGS
from pocket_lab.executors.cluster.worker import join
from pocket_lab.executors.faults.deaths import CUT_OFF
from pocket_lab.executors.faults.interrupt_gate import ignore_interrupts
from pocket_lab.executors.faults.lifeline import Lifeline
from pocket_lab.executors.faults.work_board import WorkBoard
from pocket_lab.executors.process_worker import start_worker
from pocket_lab.executors.world.settings import Settings

_HOST = "127.0.0.1"
_LEFT_OUT = ("spans", "stealing")  # of the scheduler: those of its statistics that grow with every call, and what moves tasks
_CONFIG = {
    "logging": {"distributed": "critical"},
    "distributed.worker.profile.enabled": False,  # it would sample the stacks of what is measured
    "distributed.scheduler.work-stealing": False,
    "distributed.scheduler.worker-ttl": None,  # a worker may hold the interpreter lock for as long as it likes
    "distributed.admin.tick.interval": "500ms",
    "distributed.admin.system-monitor.interval": "5s",
    "distributed.admin.system-monitor.log-length": 2,
    **SHORT_LOGS,
}


def serve_scheduler(lifeline: Lifeline, board: WorkBoard, settings: Settings, folder: str, ready: Connection) -> None:
    """A scheduler, which sends its address."""
    ignore_interrupts()
    lifeline.hold()
    _configure()

    async def serve() -> None:
        from distributed import Scheduler
        from distributed.scheduler import DEFAULT_EXTENSIONS

        extensions = {name: kind for name, kind in DEFAULT_EXTENSIONS.items() if name not in _LEFT_OUT}
        options = {"dashboard": False, "dashboard_address": f"{_HOST}:0", "extensions": extensions}
        scheduler = await Scheduler(host=_HOST, port=0, allowed_failures=0, **options)
        ready.send(scheduler.address)
        ready.close()
        await scheduler.finished()

    _run(serve())


def serve_worker(lifeline: Lifeline, board: WorkBoard, settings: Settings, folder: str, ready: Connection) -> None:
    """A worker of one thread, which receives the address of the scheduler, and sends its own and its token."""
    start_worker(lifeline, board, settings)
    _configure()

    async def serve() -> None:
        from distributed import Worker

        worker = await Worker(
            ready.recv(),
            host=_HOST,
            nthreads=1,
            memory_limit=0,
            extensions={},
            local_directory=folder,
            dashboard=False,
            dashboard_address=f"{_HOST}:0",
        )
        ready.send((worker.address, join()))
        ready.close()
        await worker.finished()

    _run(serve())


def _configure() -> None:
    import dask.config

    dask.config.set(_CONFIG)


def _run(serving: Coroutine[Any, Any, None]) -> None:
    """Serve until the other side is gone, then end at once: a task may be under way in another thread."""
    asyncio.run(serving)
    os._exit(CUT_OFF)
