"""The pass with spans after a sweep, and what it says where there is no time for it."""

from __future__ import annotations

from time import perf_counter
from types import SimpleNamespace
from typing import Any

import pytest

from pocket_lab.executors.serial import SerialPool
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node
from pocket_lab.measure.job import Input
from pocket_lab.measure.planning import plan_job
from pocket_lab.measure.sweep import parse_sweep
from pocket_lab.profile.trace.bench_nodes import trace_nodes
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.spans import NodeTime


@pytest.mark.parametrize(
    ("left_s", "traced", "message"), [(60.0, 2, ""), (1.0, 1, "1 of 2 points"), (-1.0, 0, "2 of 2 points")]
)
def test_points_for_which_there_is_no_time_have_a_caveat(left_s: float, traced: int, message: str) -> None:
    job = plan_job(Graph(Node("n", exec=abs)), Input.ABSENT, parse_sweep(sizes="1,2"), None)
    samplers: list[Any] = [
        SimpleNamespace(job=job, point=point, run_s=run_s, value=point.size, pool=SerialPool())
        for point, run_s in zip(job.points, (0.001, 5.0), strict=True)
    ]
    records = list(trace_nodes(job, samplers, perf_counter() + left_s))
    times = [record for record in records if isinstance(record, NodeTime)]
    assert len({record.point for record in times}) == traced
    assert len(times) == 12 * traced, "a run in each pass"
    caveats = [record for record in records if isinstance(record, Caveat)]
    assert [caveat.code for caveat in caveats] == ["nodes-budget"] * bool(message)
    assert all(message in caveat.message for caveat in caveats)
