"""What goes on when a run has ended is named, by every profile; what has nothing to do is not."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from pocket_lab import cpu, lines, memory, trace
from pocket_lab.executors.pool import Pool
from pocket_lab.executors.serial import SerialPool
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node
from pocket_lab.profile.left_work import LeftWork
from pocket_lab.records.point import Point

TASKS: list[asyncio.Task[None]] = []
POINT = Point("t", 1, 1, "serial", "run")


def leave(n: int) -> int:
    """A thread and a task of the target's own go on for long; a second thread has ended, and a pool has nothing to do."""

    def later() -> None:
        time.sleep(60.0)

    async def late() -> None:
        await asyncio.sleep(60.0)

    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        threading.Thread(target=later, name="mine", daemon=True).start()
        threading.Thread(target=time.sleep, args=(60.0,), name="in C", daemon=True).start()
        ended = threading.Thread(target=len, args=("",))
        ended.start()
        ended.join()
    else:
        TASKS.append(loop.create_task(late()))
    return n


async def leave_a_task(n: int) -> int:
    return leave(n)


@pytest.mark.parametrize("verb", [cpu, lines, memory, trace], ids=lambda verb: verb.__name__)
def test_every_profile_names_what_goes_on(verb: Callable[..., Any]) -> None:
    found = [caveat for caveat in verb(Graph(Node("leave", leave)), size=1).caveats if caveat.code == "work-left"]
    (message,) = [caveat.message for caveat in found]
    assert message.startswith("size 1, serial x 1: 2 threads of the target had not ended when its run did, and what they do")
    assert sorted(message.rpartition(": ")[2].split(", ")) == ["in C", "mine"]


def test_tasks_on_the_loop_of_a_pool_and_threads_in_worker_processes_count() -> None:
    target = Graph(Node("leave", leave_a_task))
    (found,) = [caveat for caveat in cpu(target, size=1, executor="asyncio").caveats if caveat.code == "work-left"]
    assert found.message.startswith("size 1, asyncio x 1: 1 task of the target had not ended when its run did")
    assert found.message.endswith(": leave.<locals>.late")
    options: dict[str, Any] = {"size": 1, "input": lambda n: range(n), "drive": "map", "executor": "processes"}
    (found,) = [caveat for caveat in cpu(leave, **options).caveats if caveat.code == "work-left"]
    assert sorted(found.message.rpartition(" in no figure: ")[2].split(", ")) == ["in C", "mine"]


def left(function: Callable[[], object], pool: Pool | None = None) -> list[str]:
    work = LeftWork(pool or SerialPool())
    function()
    work.look()
    return [caveat.message.rpartition(": ")[2] for caveat in work.caveats(POINT)]


def test_what_was_there_before_what_has_ended_and_idle_threads_do_not_count() -> None:
    stop, begun = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        stop.wait(20)

    earlier = threading.Thread(target=wait, name="earlier")
    earlier.start()
    begun.wait(20)
    begun.clear()
    try:
        assert left(lambda: None) == []
        with ThreadPoolExecutor(2, "idle") as pool:
            assert left(lambda: pool.submit(time.sleep, 0.0).result()) == [], "its threads wait for work"
            assert left(lambda: (pool.submit(wait), begun.wait(20))) == ["idle_0"], "a thread that was idle before"
            stop.set()
    finally:
        stop.set()
        earlier.join()


def test_more_than_five_are_counted() -> None:
    stop = threading.Event()
    threads = [threading.Thread(target=lambda: stop.wait(20), name=f"t{number}") for number in range(8)]

    def start() -> None:
        for thread in threads:
            thread.start()

    work = LeftWork(SerialPool())
    try:
        start()
        work.look()
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    (caveat,) = work.caveats(POINT)
    assert "8 threads of the target" in caveat.message
    assert caveat.message.endswith(" and 3 more")
