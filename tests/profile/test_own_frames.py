"""No frame of this package is in a call tree, a table of lines or a place of a leak, on every executor."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import pocket_lab
from pocket_lab.executors.faults.frames import is_own
from pocket_lab.graph.combinators import fan_out
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node
from pocket_lab.measure.job import Job
from pocket_lab.measure.planning import plan_job
from pocket_lab.measure.sweep import parse_sweep
from pocket_lab.profile.cpu.instrument import profile_cpu
from pocket_lab.profile.leaks.instrument import find_leaks
from pocket_lab.profile.lines.instrument import profile_lines
from pocket_lab.profile.memory.instrument import profile_memory
from pocket_lab.records.leaks import Leftover, Retained
from pocket_lab.records.memory import LineMemory
from pocket_lab.records.record import Record
from pocket_lab.records.sources import LineCost, Stack

PACKAGE = str(Path(pocket_lab.__file__).parent)


class SlowToStart(threading.Thread):
    """A thread whose start works in the node's own thread, above frames that an instrument puts between."""

    def start(self) -> None:
        busy()
        super().start()
        time.sleep(0.01)

    def join(self, timeout: float | None = None) -> None:
        super().join(timeout)
        busy()


def busy() -> bytearray:
    end = time.thread_time() + 0.01
    while time.thread_time() < end:
        pass
    return bytearray(3 << 20)


def starts(value: int) -> int:
    kept = []
    for _ in range(4):
        thread = SlowToStart(target=lambda: kept.append(busy()))
        thread.start()
        thread.join()
    with ThreadPoolExecutor(2, initializer=busy) as pool:
        done = pool.submit(busy)
        done.add_done_callback(lambda future: kept.append(busy()))
        kept += [done.result(), *pool.map(lambda _: busy(), range(2))]
    lazily = (busy() for _ in range(2))
    return value + len(kept) + len(list(lazily))


def yields(value: int) -> Iterator[bytearray]:
    for _ in range(3):
        yield busy()


def consumes(values: Iterator[bytearray]) -> int:
    return len([busy() for _ in values])


async def awaits(value: int) -> int:
    kept = [busy()]
    asyncio.get_running_loop().call_soon(lambda: kept.append(busy()))
    kept.append(await asyncio.create_task(asyncio.to_thread(busy)))
    await asyncio.sleep(0.02)
    return value + len(kept)


def job_of(executor: str, scratch: Path) -> Job:
    is_async = executor == "asyncio"
    inner = (
        Graph(Node("awaits", exec=awaits))
        if is_async
        else Graph(Node("starts", exec=starts) >> Node("yields", exec=yields) >> Node("consumes", exec=consumes))
    )
    graph = Graph(fan_out(inner, name="each"))
    sweep = parse_sweep(size=2, workers=1 if executor == "serial" else 2, executor=executor)
    return replace(plan_job(graph, range, sweep), scratch=str(scratch))


def files_of(records: list[Record]) -> set[str]:
    found: set[str] = set()
    for record in records:
        if isinstance(record, Stack):
            found |= {file for _, file, _ in record.frames}
        elif isinstance(record, LineCost | LineMemory | Leftover | Retained):
            found.add(record.file)
    return found


@pytest.mark.parametrize("executor", ["serial", "threads", "processes", "asyncio"])
@pytest.mark.parametrize("profile", [profile_cpu, profile_memory, profile_lines, lambda job: find_leaks(job, 2)])
def test_no_frame_of_this_package_is_shown(profile: Callable[[Job], Any], executor: str, tmp_path: Path) -> None:
    records = list(profile(job_of(executor, tmp_path)))
    files = files_of(records)
    assert not [file for file in files if file.startswith((PACKAGE, "<node:"))]
    assert {record.status for record in records if hasattr(record, "status")} == {"done"}
    if any(isinstance(record, Stack) for record in records):
        assert __file__ in files, "what the nodes do is shown"


def test_the_example_is_code_of_a_user() -> None:
    assert is_own(f"{PACKAGE}/graph/graph.py")
    assert is_own("<node:each>")
    assert not is_own(f"{PACKAGE}/demo.py")
    assert not is_own(__file__)
