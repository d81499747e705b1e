"""Whatever a target raises closes its own point; only a real interrupt ends the sweep."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from pocket_lab.errors import TargetAborted
from pocket_lab.executors.faults.interrupts import INTERRUPTS
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node
from pocket_lab.lab.bench import bench
from pocket_lab.lab.cpu import cpu
from pocket_lab.measure.job import Input, Job
from pocket_lab.measure.paired.paired_job import PairedJob
from pocket_lab.measure.paired.sampler import sample_pairs
from pocket_lab.measure.planning import plan_job
from pocket_lab.measure.sampler import sample
from pocket_lab.measure.supervisor import measure
from pocket_lab.measure.sweep import parse_sweep
from pocket_lab.profile.cpu.instrument import profile_cpu
from pocket_lab.profile.lines.instrument import profile_lines
from pocket_lab.profile.memory.instrument import profile_memory
from pocket_lab.profile.trace.instrument import profile_spans
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.progress import Closed, Failure
from pocket_lab.records.record import Record

Task = Callable[[Any], Iterator[Record]]


class OfTheirOwn(BaseException):
    """A class of the user's."""


class Silent(Exception):
    """Answers to no name."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)


class ExitsAsText(Exception):
    def __str__(self) -> str:
        raise SystemExit(3)


KINDS = [KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError, OfTheirOwn, pytest.skip.Exception]
EACH_KIND = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


def raising(kind: type[BaseException]) -> Callable[[int], int]:
    def target(size: int) -> int:
        if size == 2:
            raise kind("of the target")
        return size

    return target


def job_of(target: Any, **options: Any) -> Job:
    return plan_job(target, Input.ABSENT, parse_sweep(**{"sizes": "1,2,3", "budget": 4.0, "precision": 0.5, **options}))


def failed_sizes(records: list[Record]) -> set[int | None]:
    statuses = {record.point.size: record.status for record in records if isinstance(record, Closed)}
    assert set(statuses) == {1, 2, 3}
    return {size for size, status in statuses.items() if status == "failed"}


@EACH_KIND
@pytest.mark.parametrize("executor", ["serial", "threads", "asyncio"])
def test_it_closes_the_point_of_a_sweep_on_every_executor(kind: type[BaseException], executor: str) -> None:
    function = raising(kind)

    async def later(size: int) -> int:
        await asyncio.sleep(0)
        return function(size)

    target = Graph(Node("each", exec=later if executor == "asyncio" else function))
    job = plan_job(
        target,
        lambda size: [size] * 3,
        parse_sweep(sizes="1,2,3", budget=4.0, precision=0.5, executors=executor, workers=1, drive="map"),
    )
    records = list(sample(job))
    assert failed_sizes(records) == {2}
    (failure,) = [record for record in records if isinstance(record, Failure)]
    assert failure.chain[0][1].startswith(f"{kind.__name__}: of the target")


@pytest.mark.parametrize("kind", [Silent, ExitsAsText])
@pytest.mark.parametrize("is_graph", [True, False])
def test_an_error_whose_class_cannot_be_asked_closes_its_point(kind: type[BaseException], is_graph: bool) -> None:
    function = raising(kind)
    records = list(sample(job_of(Graph(Node("each", exec=function)) if is_graph else function)))
    assert failed_sizes(records) == {2}
    (failure,) = [record for record in records if isinstance(record, Failure)]
    assert failure.chain[-1][1].startswith(f"{kind.__name__}: ")


def test_it_closes_the_point_where_a_worker_process_raises_it() -> None:
    records = list(sample(job_of(raising(OfTheirOwn), drive="map", executors="processes", budget=60.0, precision=0.9)))
    assert failed_sizes(records) == {3}, "its items are 0, 1 and 2"
    job = plan_job(raising(OfTheirOwn), lambda size: [size], parse_sweep(sizes="1,2,3", budget=6.0, precision=0.5, drive="map"))
    assert failed_sizes(list(sample(job))) == {2}


@EACH_KIND
@pytest.mark.parametrize("executor", ["serial", "threads", "asyncio"])
def test_under_load_it_is_one_failed_request(kind: type[BaseException], executor: str) -> None:
    function = raising(kind)

    async def later(size: int) -> int:
        return function(size)

    target = Graph(Node("each", exec=later if executor == "asyncio" else function))
    records = list(sample(job_of(target, drive="load", executors=executor, workers=1, budget=1.0)))
    assert failed_sizes(records) == set()
    (caveat,) = [record for record in records if isinstance(record, Caveat) and record.code == "load-errors"]
    assert f"the first with {kind.__name__}: of the target" in caveat.message


@EACH_KIND
def test_it_closes_the_pair_of_a_comparison(kind: type[BaseException]) -> None:
    paired = PairedJob(job_of(abs), job_of(raising(kind)), 0.5, 1.0)
    assert failed_sizes(list(sample_pairs(paired))) == {2}


@pytest.mark.parametrize("kind", [KeyboardInterrupt, OfTheirOwn])
@pytest.mark.parametrize("task", [profile_cpu, profile_lines, profile_spans, profile_memory], ids=lambda task: task.__name__)
def test_it_closes_the_point_of_a_profile(kind: type[BaseException], task: Task, tmp_path: Any) -> None:
    assert failed_sizes(list(task(replace(job_of(raising(kind)), scratch=str(tmp_path))))) == {2}


@EACH_KIND
def test_it_closes_the_point_where_the_input_raises_it(kind: type[BaseException]) -> None:
    job = plan_job(abs, raising(kind), parse_sweep(sizes="1,2,3", budget=4.0, precision=0.5))
    assert failed_sizes(list(sample(job))) == {2}


def test_closing_the_stream_is_no_error_of_the_target() -> None:
    for task in (sample, profile_cpu):
        records = task(job_of(raising(OfTheirOwn)))
        kept = [next(records) for _ in range(4)]
        records.close()  # type: ignore[attr-defined]
        assert not [record for record in kept if isinstance(record, Failure)]


def test_a_real_interrupt_ends_a_sweep_in_place_also_where_the_target_gets_it() -> None:
    def target(size: int) -> int:
        if size == 2:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.1)
        return size

    seen: list[Record] = []
    with pytest.raises(KeyboardInterrupt):
        seen.extend(measure(job_of(target, isolation="kernel"), sample))
    assert not [record for record in seen if isinstance(record, Failure)]


def test_a_task_that_is_cancelled_from_outside_is_no_failed_request() -> None:
    async def main() -> None:
        async def work() -> None:
            try:
                await asyncio.sleep(20)
            except BaseException as error:
                INTERRUPTS.pass_on(error)

        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def test_what_would_end_this_program_is_the_cause_of_an_error_of_ours() -> None:
    def target() -> None:
        raise SystemExit(0)

    result = bench(target, budget=0.3)
    assert isinstance(result.error, TargetAborted)
    assert repr(result.error.__cause__) == "SystemExit(0)"
    assert str(result.error) == "the target ended its run with SystemExit: 0"
    with pytest.raises(TargetAborted):
        cpu(target)
