"""The instrument of memory: its records for a bench, sums over processes, and what memray refuses."""

from __future__ import annotations

import gc
import sys
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import memray
import numpy as np
import pytest
from memray import Tracker

from pocket_lab.errors import UsageError
from pocket_lab.executors.registry import open_pool
from pocket_lab.executors.serial import SerialPool
from pocket_lab.graph.combinators import fan_out
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node, node
from pocket_lab.measure.job import Input, Job
from pocket_lab.measure.planning import plan_job
from pocket_lab.measure.sweep import parse_sweep
from pocket_lab.profile.memory.instrument import MemoryOptions, profile_memory, profile_peaks
from pocket_lab.profile.memory.memory_totals import SMALLER, MemoryTotals
from pocket_lab.profile.memory.moments import Moments
from pocket_lab.profile.memory.tracker import Tracking, tracked
from pocket_lab.profile.node_code import OUTSIDE
from pocket_lab.records.memory import HeapPoint, LineMemory, NodeMemory, RunMemory
from pocket_lab.records.point import Point
from pocket_lab.records.progress import Started
from pocket_lab.records.sources import Stack

MIB = 2**20
POINT = Point("t", 1, 1, "serial", "run")


@node
def grows(size: int) -> int:
    return len(bytearray(size * MIB))


def job_of(target: Any, scratch: Path, **options: Any) -> Job:
    return replace(plan_job(target, options.pop("input", Input.ABSENT), parse_sweep(**options)), scratch=str(scratch))


def test_a_bench_gets_the_run_and_its_nodes_by_point_and_nothing_of_a_failed_point(tmp_path: Path) -> None:
    def some(size: int) -> int:
        if size == 5:
            raise ValueError("five")
        return len(bytearray(size * MIB))

    records = list(profile_peaks(job_of(some, tmp_path, sizes="2,5,8")))
    assert {type(record) for record in records} == {RunMemory, NodeMemory}
    runs = [record for record in records if isinstance(record, RunMemory)]
    assert [run.point.size for run in runs] == [2, 8]
    for run in runs:
        nodes = {record.node: record for record in records if isinstance(record, NodeMemory) and record.point == run.point}
        assert set(nodes) == {"some", OUTSIDE}
        assert run.point.size is not None
        assert nodes["some"].peak_bytes == pytest.approx(run.point.size * MIB, rel=0.02)
        assert max(row.peak_bytes for row in nodes.values()) <= run.peak_bytes
        assert run.peak_bytes <= sum(row.peak_bytes for row in nodes.values())
        assert run.allocations == sum(row.allocations for row in nodes.values())


def test_every_point_is_announced_and_has_all_kinds_of_records(tmp_path: Path) -> None:
    kinds = [type(record) for record in profile_memory(job_of(Graph(grows), tmp_path, sizes="1,2"))]
    assert kinds.count(Started) == 2
    assert kinds.count(RunMemory) == 2
    assert {NodeMemory, LineMemory, Stack} <= set(kinds)
    assert not list(tmp_path.glob("*.worker-*"))


def test_options_reach_the_tracker(tmp_path: Path) -> None:
    def objects(size: int) -> int:
        return len([object() for _ in range(size)])

    options = MemoryOptions(Tracking(python_allocators=True))
    records = list(profile_memory(job_of(objects, tmp_path, size=5000), options))
    (row,) = [record for record in records if isinstance(record, NodeMemory) and record.node == "objects"]
    assert row.allocations >= 5000


def totals_of(own: int, stack_bytes: int, at_s: list[float], held: list[int]) -> MemoryTotals:
    nodes = np.array([[own, own, own, 1, own, 0, 0], [0] * 7])
    moments = Moments(np.array(at_s), np.array(held), np.array(held) + 100)
    lines = {("n", "f.py", 1): np.array([1, own, own, own, 0, 0])}
    stacks = {("n", (("f", "f.py", 1),)): np.array([stack_bytes, 1])}
    return MemoryTotals(("n", OUTSIDE), nodes, np.array([own, 0]), own, own, 1, lines, stacks, moments)


def test_processes_are_added_up_and_the_largest_is_reported_too() -> None:
    both = MemoryTotals.of([totals_of(10, 7, [1.0, 2.0], [5, 10]), totals_of(30, 20, [1.5, 3.0], [30, 0])])
    run, first, _ = both.totals(POINT, 0.0, 1.0)
    assert isinstance(run, RunMemory)
    assert isinstance(first, NodeMemory)
    assert (run.peak_bytes, run.process_peak_bytes, run.processes) == (40, 30, 2)
    assert (first.peak_bytes, first.process_peak_bytes, first.allocations) == (40, 30, 2)
    details = list(both.details(POINT, 1.0))
    (line,) = [record for record in details if isinstance(record, LineMemory)]
    (stack,) = [record for record in details if isinstance(record, Stack)]
    assert (line.allocated_bytes, stack.weight, stack.count) == (40, 27.0, 2)
    moments = [(record.at_s, record.heap_bytes, record.rss_bytes) for record in details if isinstance(record, HeapPoint)]
    assert moments == [(0.0, 5, 105 + 130), (0.5, 35, 235), (1.0, 40, 240), (2.0, 10, 210)]


def test_many_stacks_and_moments_are_cut_down_without_losing_bytes_or_the_highest_moment() -> None:
    many = totals_of(1, 1, np.linspace(0, 1, 5000).tolist(), [*range(2500), *range(2500, 0, -1)])
    many.stacks = {("n", (("f", "f.py", line),)): np.array([line, 1]) for line in range(1, 3001)}
    details = list(many.details(POINT, 0.0))
    stacks = [record for record in details if isinstance(record, Stack)]
    assert len(stacks) == 1001
    assert stacks[-1].frames == (SMALLER,)
    assert sum(stack.weight for stack in stacks) == 3000 * 3001 / 2
    moments = [record for record in details if isinstance(record, HeapPoint)]
    assert len(moments) == 500
    assert max(moment.heap_bytes for moment in moments) == 2500
    assert [moment.at_s for moment in moments] == sorted(moment.at_s for moment in moments)


def test_without_memray_there_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "memray", None)
    for task in (profile_memory, profile_peaks):
        with pytest.raises(UsageError, match=r"memray cannot be loaded here .* Linux and macOS"):
            list(task(job_of(Graph(grows), tmp_path, size=1)))


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_the_tracker_ends_however_the_run_ends(tmp_path: Path, error: type[BaseException]) -> None:
    def run() -> None:
        with tracked(tmp_path / "run.bin", Tracking(), SerialPool()):
            assert threading.getprofile() is not None
            raise error

    for _ in range(2):
        with pytest.raises(error):
            run()
        assert threading.getprofile() is None
        assert sys.getprofile() is None


def test_a_second_tracker_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    def second() -> None:
        with tracked(tmp_path / "second.bin", Tracking(), SerialPool()):
            pass

    with tracked(tmp_path / "first.bin", Tracking(), SerialPool()):
        with pytest.raises(UsageError, match="there can be one at a time"):
            second()
        assert threading.getprofile() is not None
    assert threading.getprofile() is None


def test_worker_processes_are_tracked_between_and_not_after(tmp_path: Path) -> None:
    with open_pool("processes", 2) as pool:
        with tracked(tmp_path / "run.bin", Tracking(), pool):
            assert all(pool.everywhere(_is_tracked))
        assert not any(pool.everywhere(_is_tracked))
        assert len(list(tmp_path.glob("run.worker-*.bin"))) == 2


def _is_tracked() -> bool:
    return threading.getprofile() is not None


def test_a_run_in_worker_processes_yields_what_all_of_them_did(tmp_path: Path) -> None:
    job = job_of(Graph(fan_out(grows)), tmp_path, size=3, workers=2, executor="processes", input=lambda size: [4] * size)
    (row,) = [record for record in profile_peaks(job) if isinstance(record, NodeMemory) and record.node == "grows"]
    assert row.allocated_bytes == pytest.approx(12 * MIB, rel=0.05)
    assert row.processes == 3


def block(_: int) -> bytearray:
    """What a generator of a node calls: it belongs to no node by its source."""
    return bytearray(MIB)


@node
def reads(size: int) -> Any:
    return map(block, range(size))


@node
def keeps(blocks: Any) -> int:
    return len([*blocks, bytearray(4 * MIB)])


NATIVE = Node("native", exec=partial(map, block))


@pytest.mark.parametrize("peaks", [False, True], ids=["memory", "bench"])
@pytest.mark.parametrize("source", [reads, NATIVE], ids=["python", "native"])
def test_what_a_generator_allocates_counts_for_the_node_that_returns_it(source: Node, peaks: bool, tmp_path: Path) -> None:
    options: dict[str, Any] = {"size": 16} if source is reads else {"input": range(16)}
    job = job_of(Graph(source >> keeps), tmp_path, **options)
    records = list(profile_peaks(job) if peaks else profile_memory(job))
    nodes = {record.node: record for record in records if isinstance(record, NodeMemory)}
    assert nodes[source.name].peak_bytes == pytest.approx(16 * MIB, rel=0.02)
    assert nodes["keeps"].peak_bytes == pytest.approx(4 * MIB, rel=0.02)
    assert nodes["keeps"].inclusive_peak_bytes == pytest.approx(20 * MIB, rel=0.02)
    stacks = [record for record in records if isinstance(record, Stack)]
    assert not any(file.startswith("<node:") for stack in stacks for _, file, _ in stack.frames)
    assert not any(record.file.startswith("<node:") for record in records if isinstance(record, LineMemory))


def test_what_a_native_node_allocates_is_its_own(tmp_path: Path) -> None:
    job = job_of(Graph(Node("native", exec=bytearray) >> Node("length", exec=len)), tmp_path, input=4 * MIB)
    records = list(profile_peaks(job))
    nodes = {record.node: record for record in records if isinstance(record, NodeMemory)}
    assert set(nodes) == {"native", "length", OUTSIDE}
    assert nodes["native"].peak_bytes == pytest.approx(4 * MIB, rel=0.01)
    assert nodes["length"].peak_bytes < 1000


@pytest.mark.parametrize("collects", [True, False])
def test_nothing_is_collected_while_a_tracker_starts_or_ends(
    collects: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []
    enter, leave = Tracker.__enter__, Tracker.__exit__

    class Watched(Tracker):
        def __enter__(self) -> Any:
            seen.append(gc.isenabled())
            return enter(self)

        def __exit__(self, *error: Any) -> None:
            seen.append(gc.isenabled())
            leave(self, *error)

    monkeypatch.setattr(memray, "Tracker", Watched)
    (gc.enable if collects else gc.disable)()
    try:
        with tracked(tmp_path / "run.bin", Tracking(), SerialPool()):
            assert gc.isenabled() is collects
        assert gc.isenabled() is collects
    finally:
        gc.enable()
    assert seen == [False, False]
