"""The memory of async nodes, whose tasks go on with the next nodes in the step in which they end."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pocket_lab.graph.combinators import fan_out
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node
from pocket_lab.measure.planning import plan_job
from pocket_lab.measure.sweep import parse_sweep
from pocket_lab.profile.memory.instrument import profile_peaks
from pocket_lab.records.memory import NodeMemory

MIB = 1 << 20
KEPT: list[bytearray] = []


def keep() -> None:
    KEPT[:] = [bytearray(MIB)]


async def by_to_thread(value: Any) -> Any:
    await asyncio.to_thread(keep)
    return value


async def by_executor(value: Any) -> Any:
    with ThreadPoolExecutor(1) as pool:
        await asyncio.get_running_loop().run_in_executor(pool, keep)
    return value


async def by_call_soon(value: Any) -> Any:
    loop = asyncio.get_running_loop()
    kept = loop.create_future()
    loop.call_soon(lambda: kept.set_result(keep()))
    await kept
    return value


async def by_done_callback(value: Any) -> Any:
    loop = asyncio.get_running_loop()
    slept, kept = loop.create_future(), loop.create_future()
    slept.add_done_callback(lambda _: kept.set_result(keep()))
    loop.call_later(0.001, slept.set_result, None)
    await kept
    return value


async def by_timer(value: Any) -> Any:
    loop = asyncio.get_running_loop()
    kept = loop.create_future()

    def fire() -> None:
        keep()
        loop.call_soon_threadsafe(kept.set_result, None)

    threading.Timer(0.001, fire).start()
    await kept
    return value


async def by_task(value: Any) -> Any:
    async def child() -> None:
        await asyncio.sleep(0)
        keep()

    await asyncio.create_task(child())
    return value


WAYS = tuple(
    Node(way.__name__, exec=way) for way in (by_to_thread, by_executor, by_call_soon, by_done_callback, by_timer, by_task)
)


def hold(value: Any) -> int:
    return len(bytearray(8 * MIB))


def called(value: Any) -> int:
    return len(bytearray(4 * MIB))


async def calls(value: Any) -> Any:
    async def child() -> None:
        await asyncio.to_thread(keep)
        called(value)

    await asyncio.create_task(child())
    return value


def peaks(graph: Graph, given: Any, scratch: Path, executor: str) -> dict[str, NodeMemory]:
    job = replace(plan_job(graph, given, parse_sweep(executor=executor)), scratch=str(scratch))
    return {record.node: record for record in profile_peaks(job) if isinstance(record, NodeMemory)}


@pytest.mark.parametrize(
    ("executor", "is_fan_out"), [("asyncio", False), ("asyncio", True), ("serial", False), ("serial", True)]
)
def test_the_inclusive_peak_of_a_node_that_has_ended_is_its_own(executor: str, is_fan_out: bool, tmp_path: Path) -> None:
    chain: Any = WAYS[0]
    for way in WAYS[1:]:
        chain = chain >> way
    chain = chain >> Node("hold", exec=hold)
    nodes = (
        peaks(Graph(fan_out(Graph(chain))), [0], tmp_path, executor)
        if is_fan_out
        else peaks(Graph(chain), 0, tmp_path, executor)
    )
    assert nodes["hold"].inclusive_peak_bytes == pytest.approx(8 * MIB, rel=0.01)
    for way in WAYS:
        assert nodes[way.name].peak_bytes == pytest.approx(MIB, rel=0.2), way.name
        assert nodes[way.name].inclusive_peak_bytes == nodes[way.name].peak_bytes, way.name


def test_what_a_task_of_a_node_calls_after_an_await_is_still_in_its_inclusive_peak(tmp_path: Path) -> None:
    nodes = peaks(
        Graph(Node("calls", exec=calls) >> Node("called", exec=called) >> Node("hold", exec=hold)), 0, tmp_path, "asyncio"
    )
    assert nodes["calls"].peak_bytes == pytest.approx(MIB, rel=0.2)
    assert nodes["calls"].inclusive_peak_bytes == pytest.approx(5 * MIB, rel=0.05)
    assert nodes["called"].peak_bytes == pytest.approx(4 * MIB, rel=0.05)
