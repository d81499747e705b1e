"""The processes that a target starts: their number, by node, and their CPU time."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from pocket_lab.executors.registry import open_pool
from pocket_lab.executors.serial import SerialPool
from pocket_lab.graph.runtime.markers import marked
from pocket_lab.measure.own_processes.child_processes import NONE, OF_FIRST_RUNS, counted_children
from pocket_lab.measure.paired.paired_job import PairedJob
from pocket_lab.measure.paired.sampler import sample_pairs
from pocket_lab.measure.planning import plan_job
from pocket_lab.measure.sampler import sample
from pocket_lab.measure.sweep import parse_sweep
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.point import Point

POINT = Point("t", 1, 1, "serial", "run")
BUSY = "import time\nwhile time.process_time() < 0.1: pass"


def by_subprocess() -> None:
    subprocess.run([sys.executable, "-c", BUSY], check=True)


def by_popen() -> None:
    with subprocess.Popen([sys.executable, "-c", BUSY], close_fds=False):
        pass


def by_fork() -> None:
    if pid := os.fork():
        os.waitpid(pid, 0)
        return
    exec(BUSY)
    os._exit(0)


def by_spawn() -> None:
    os.waitpid(os.posix_spawn(sys.executable, [sys.executable, "-c", BUSY], os.environ), 0)


def by_system() -> None:
    os.system(f"{sys.executable} -c '{BUSY}'")


def busy() -> None:
    exec(BUSY)


def by_process() -> None:
    process = multiprocessing.get_context("fork").Process(target=busy)
    process.start()
    process.join()


@pytest.mark.parametrize("start", [by_subprocess, by_popen, by_fork, by_spawn, by_system, by_process])
def test_each_way_counts_once_for_its_node_with_its_cpu_time(start: Callable[[], None]) -> None:
    before = os.fork, os.posix_spawn, os.system, subprocess.Popen.__init__
    with counted_children(SerialPool()) as found:
        marked(start, "n")()
    ((by_node, cpu_s),) = found.rows
    assert by_node == Counter(n=1)
    assert cpu_s >= 0.09
    assert (os.fork, os.posix_spawn, os.system, subprocess.Popen.__init__) == before


def start_one(_: Any) -> None:
    marked(by_subprocess, "n")()


def test_worker_processes_are_asked_too_and_none_of_ours_counts() -> None:
    with open_pool("processes", 2) as pool:
        with counted_children(pool) as found:
            assert [outcome.get() for outcome in pool.imap(start_one, range(3))] == [None] * 3
        (caveat,) = found.caveats(POINT, "memory")
        with counted_children(pool) as found:
            pass
        assert not list(found.caveats(POINT, "memory"))
    assert caveat.code == "own-processes"
    assert '3 processes were started (3 by node "n") and not followed: their memory is in no figure' in caveat.message


def test_one_process_of_a_target_whose_nodes_are_not_known() -> None:
    with counted_children(SerialPool(), NONE) as found:
        by_subprocess()
    (caveat,) = found.caveats(POINT, "time")
    assert "1 process was started (1 by the target) and not followed: its time is in no figure; it used " in caveat.message


def starts(_: int) -> None:
    by_subprocess()


def test_a_bench_and_a_comparison_say_that_their_cpu_times_lack_them() -> None:
    sweep = parse_sweep(budget="0.5s")
    records = list(sample(plan_job(starts, 1, sweep)))
    (caveat,) = [record for record in records if isinstance(record, Caveat) and record.code == "own-processes"]
    assert f"(1 by the target) and not followed: its {OF_FIRST_RUNS} is in no figure" in caveat.message
    a, b = plan_job(starts, 1, sweep, "a"), plan_job(abs, 1, sweep, "b")
    pairs = list(sample_pairs(PairedJob(a, b, 0.01, sweep.budget_s, check_equal=False)))
    (caveat,) = [record for record in pairs if isinstance(record, Caveat) and record.code == "own-processes"]
    assert caveat.point == a.points[0]
