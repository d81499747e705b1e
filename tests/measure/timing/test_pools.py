"""A worker that is killed while the pools start costs no points."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest
from clusters import ForeignCluster

from pocket_lab.errors import ProcessDied
from pocket_lab.executors.processes import ProcessPool
from pocket_lab.executors.registry import open_pool
from pocket_lab.measure.job import Input
from pocket_lab.measure.planning import plan_job
from pocket_lab.measure.sampler import sample
from pocket_lab.measure.sweep import parse_sweep
from pocket_lab.measure.timing.pools import Pools
from pocket_lab.records.point import Point
from pocket_lab.records.progress import Closed, Failure
from pocket_lab.records.samples import Sample


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("deaths", [1, 2])
def test_the_points_of_every_executor_are_measured(deaths: int, monkeypatch: pytest.MonkeyPatch) -> None:
    starts: list[int] = []
    start = ProcessPool.start

    def start_with_a_kill(pool: ProcessPool) -> None:
        starts.append(1)
        if len(starts) <= deaths:
            pool.everywhere(die)
        start(pool)

    monkeypatch.setattr(ProcessPool, "start", start_with_a_kill)
    sweep = parse_sweep(sizes=2, executors="processes,threads", workers=1, drive="map", budget=3.0, precision=0.5)
    records = list(sample(plan_job(abs, Input.ABSENT, sweep)))
    assert [record for record in records if isinstance(record, Failure)] == []
    assert {record.point.executor for record in records if isinstance(record, Sample)} == {"processes", "threads"}
    assert len(starts) == 2


def test_workers_that_always_die_fail_their_own_points(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(pool: Any, *_: Any) -> Any:
        raise ProcessDied("a worker process died: as always")

    monkeypatch.setattr(ProcessPool, "start", refuse)
    monkeypatch.setattr(ProcessPool, "_submit", refuse)
    sweep = parse_sweep(sizes=2, executors="processes,threads", workers=1, drive="map", budget=0.5)
    records = list(sample(plan_job(abs, Input.ABSENT, sweep)))
    statuses = {record.point.executor: record.status for record in records if isinstance(record, Closed)}
    assert statuses["processes"] == "failed"
    assert statuses["threads"] in ("done", "budget")


def test_workers_that_others_have_started_with_other_settings_are_said_with_both_values(foreign: ForeignCluster) -> None:
    here = sys.getrecursionlimit()
    point = Point("abs", None, 2, foreign.address, "map", None)
    with open_pool(foreign.address, 2) as pool:
        pool.everywhere(partial(sys.setrecursionlimit, here + 345))
        try:
            with ExitStack() as stack:
                (caveat,) = Pools([point], stack).caveats()
        finally:
            pool.everywhere(partial(sys.setrecursionlimit, here))
    assert caveat.code == "other-settings"
    assert caveat.message.startswith(
        f"workers at {foreign.address} have settings of their own (recursion limit {here + 345} (here {here})), so"
    )
    with ExitStack() as stack:
        assert list(Pools([point], stack).caveats()) == []
