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
from pocket_lab.profile.cpu.instrument import _CpuInstrument, profile_cpu
from pocket_lab.profile.cpu.stack_sampler import StackTimes
from pocket_lab.profile.lazy_results import Marks
from pocket_lab.profile.node_code import NodeFinder, node_codes
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.point import Point


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


def test_a_node_with_few_samples_beside_one_with_many_is_in_doubt() -> None:
    instrument = _CpuInstrument(
        NodeFinder(node_codes(Graph(Node("parse", exec=parse) >> Node("total", exec=total)), "t")[0]), 0.001, Marks()
    )

    def stack(function: Any, samples: int) -> Any:
        code = function.__code__
        return (
            "main",
            ((code.co_qualname, code.co_filename, code.co_firstlineno),),
            StackTimes(samples / 1e3, samples / 1e3, samples),
        )

    instrument._stacks = [[stack(parse, 500), stack(total, 9)]]
    (caveat,) = [record for record in instrument.records(Point("t", None, 1, "serial", "run")) if isinstance(record, Caveat)]
    assert caveat.code == "few-samples"
    assert "fewer than 10 samples are inside total:" in caveat.message
    instrument._stacks = [[stack(parse, 500), stack(total, 10)]]
    assert not [record for record in instrument.records(Point("t", None, 1, "serial", "run")) if isinstance(record, Caveat)]
