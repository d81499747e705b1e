"""Samples inside a generator count for the node that returned it, also in code that belongs to no node."""

from __future__ import annotations

from typing import Any

import pytest

from pocket_lab.frames.calls import times_frame
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node
from pocket_lab.measure.job import Input
from pocket_lab.measure.planning import plan_job
from pocket_lab.measure.sweep import parse_sweep
from pocket_lab.profile.cpu.instrument import profile_cpu


def parse(number: int) -> int:
    for _ in range(3_000):
        pass
    return number


def read(count: int) -> Any:
    return map(parse, range(count))


def total(numbers: Any) -> int:
    return sum(numbers)


@pytest.mark.parametrize(("executor", "drive"), [("serial", "run"), ("threads", "map"), ("processes", "map")])
def test_the_node_that_returns_a_generator_has_its_samples(executor: str, drive: str) -> None:
    graph = Graph(Node("read", exec=read) >> Node("total", exec=total))
    given = Input.ABSENT if drive == "run" else lambda size: [size] * 2
    job = plan_job(graph, given, parse_sweep(size=8_000, executor=executor, workers=1, drive=drive), None)
    frame = times_frame(profile_cpu(job))
    seconds = frame[frame["depth"] == 0].set_index("node")["total_s"]
    assert seconds["read"] > 9 * seconds.get("total", 0.0)
    calls = frame[(frame["node"] == "read") & (frame["depth"] > 0)]
    assert calls["function"].iloc[0] == "parse"
    assert not frame["file"].str.startswith("<node:").any()
