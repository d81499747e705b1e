"""What the sampler has found becomes stacks of nodes, and of reasons where it belongs to none."""

from __future__ import annotations

import asyncio

import pytest

from pocket_lab.frames.calls import own_times, times_frame
from pocket_lab.graph.combinators import fan_out
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node
from pocket_lab.measure.job import Input
from pocket_lab.measure.planning import plan_job
from pocket_lab.measure.sweep import parse_sweep
from pocket_lab.profile.cpu.instrument import _CpuInstrument, profile_cpu
from pocket_lab.profile.cpu.stack_sampler import UNSEEN, WORKER, StackTimes
from pocket_lab.profile.lazy_results import Marks
from pocket_lab.profile.node_code import OUTSIDE, NodeFinder
from pocket_lab.records.point import Point
from pocket_lab.records.sources import Stack
from pocket_lab.units import format_duration
from pocket_lab.view.html.flame import flame_html
from pocket_lab.view.text.calls_table import calls_table

POINT = Point("t", 1, 1, "serial", "run")


async def waits(item: int) -> int:
    """An async node that uses no processor."""
    await asyncio.sleep(0.3)
    return item


def both(item: int) -> list[int]:
    """Two items of a fan-out."""
    return [item, item]


@pytest.mark.parametrize("executor", ["serial", "threads", "processes", "asyncio"])
def test_the_waits_of_an_async_node_are_seen_on_every_executor(executor: str) -> None:
    target = Graph(Node("waits", exec=waits) >> Node("both", exec=both) >> fan_out(Node("item", exec=waits)))
    job = plan_job(target, Input.ABSENT, parse_sweep(size=1, executor=executor, workers=1), None)
    frame = times_frame(profile_cpu(job))
    nodes = frame[frame["depth"] == 0].set_index("node")
    assert nodes.loc["waits", "total_s"] == pytest.approx(0.3, rel=0.3)
    assert nodes.loc["item", "total_s"] == pytest.approx(0.6, rel=0.3)
    assert nodes.loc[["waits", "item"], "cpu_s"].sum() < 0.1


def test_cpu_seconds_that_fell_in_no_sample_have_a_frame_in_every_table_and_picture() -> None:
    """The sampler returns them as a stack without frames where they are few."""
    instrument = _CpuInstrument(NodeFinder([]), 0.001, Marks())
    instrument._stacks = [[(WORKER, (), StackTimes(0.0, 0.02, 1)), (UNSEEN, ((UNSEEN, "", 0),), StackTimes(0.0, 0.3, 1))]]
    stacks = [record for record in instrument.records(POINT) if isinstance(record, Stack)]
    found = {(stack.node, stack.frames[0][0], stack.unit): stack.weight for stack in stacks}
    few, many = "[runtime, start-up]", "[threads that C code starts, or too short for a sample]"
    assert found == {(OUTSIDE, name, unit): s for name, s in ((few, 0.02), (many, 0.3)) for unit in ("s", "cpu_s")}
    frame = times_frame(stacks)
    assert list(frame["function"]) == [OUTSIDE, many, few]
    assert list(frame["cpu_s"].round(3)) == [0.32, 0.3, 0.02]
    assert set(own_times(frame)["function"]) == {few, many}
    for shown in (str(calls_table(frame)), str(flame_html(frame, "total_s", format_duration, "t"))):
        assert few in shown
        assert "[threads that C" in shown
