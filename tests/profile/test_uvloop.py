"""Tasks and callbacks on uvloop, whose handles are not those of asyncio, count for the node that starts them."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import uvloop

from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node
from pocket_lab.graph.runtime.markers import marked, marker_above
from pocket_lab.measure.planning import plan_job
from pocket_lab.measure.sweep import parse_sweep
from pocket_lab.profile.cpu.instrument import profile_cpu
from pocket_lab.profile.inheritance import Inheritance
from pocket_lab.profile.memory.instrument import profile_memory
from pocket_lab.records.memory import NodeMemory
from pocket_lab.records.sources import Stack

MIB = 1 << 20


async def by_task(function: Any) -> Any:
    async def child() -> Any:
        await asyncio.sleep(0)
        return function()

    return await asyncio.create_task(child())


async def by_call(function: Any, name: str, *delay: float) -> Any:
    loop = asyncio.get_running_loop()
    answer = loop.create_future()
    getattr(loop, name)(*delay, lambda value: answer.set_result((function(), value)), 7)
    found, value = await answer
    assert value == 7
    return found


async def everything(function: Any) -> list[Any]:
    loop = asyncio.get_running_loop()
    found = [await by_task(function), await by_call(function, "call_soon"), await by_call(function, "call_soon_threadsafe")]
    found += [await by_call(function, "call_later", 0.001), await by_call(function, "call_at", loop.time() + 0.001)]
    return [*found, await asyncio.to_thread(function)]


@pytest.fixture(autouse=True, scope="module")
def _begun() -> None:
    """The first loop opens a pipe that uvloop keeps."""
    uvloop.run(asyncio.sleep(0))


def test_each_way_to_give_a_callback_has_the_marker_of_its_node() -> None:
    before = vars(uvloop.Loop).get("call_soon")
    inheritance = Inheritance().start()
    try:
        assert uvloop.run(marked(everything, "n")(marker_above)) == ["n"] * 6
        assert uvloop.run(everything(marker_above)) == [None] * 6
    finally:
        inheritance.close()
    assert vars(uvloop.Loop).get("call_soon") is before
    assert uvloop.run(everything(marker_above)) == [None] * 6


def test_a_task_has_the_marker_of_a_visit_no_longer_when_that_has_ended() -> None:
    async def visits() -> list[Any]:
        return [await marked(everything, "n")(marker_above), marker_above()]

    inheritance = Inheritance().start()
    try:
        assert uvloop.run(visits()) == [["n"] * 6, None]
    finally:
        inheritance.close()


def busy() -> bytearray:
    kept, end = bytearray(5 * MIB), time.thread_time() + 0.05
    while time.thread_time() < end:
        pass
    return kept


async def starts(value: int) -> int:
    await asyncio.gather(by_task(busy), by_task(busy))
    return value


def after(value: int) -> int:
    return len(busy()) + value


@pytest.mark.filterwarnings("ignore:.*event_loop_policy:DeprecationWarning")
def test_bytes_and_cpu_seconds_of_nodes_on_uvloop_are_exact(tmp_path: Path) -> None:
    graph = Graph(Node("starts", exec=starts) >> Node("after", exec=after))
    job = replace(plan_job(graph, 0, parse_sweep()), scratch=str(tmp_path))
    policy = asyncio.get_event_loop_policy()
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    try:
        records = [*profile_memory(job), *profile_cpu(job)]
    finally:
        asyncio.set_event_loop_policy(policy)
    sizes = {one.node: one.allocated_bytes / MIB for one in records if isinstance(one, NodeMemory)}
    assert sizes["starts"] == pytest.approx(10, abs=0.5)
    assert sizes["after"] == pytest.approx(5, abs=0.5)
    seconds = dict.fromkeys(sizes, 0.0)
    for one in records:
        if isinstance(one, Stack) and one.unit == "cpu_s":
            seconds[one.node] += one.weight
    assert seconds["starts"] == pytest.approx(0.1, abs=0.01)
    assert seconds["after"] == pytest.approx(0.05, abs=0.01)
