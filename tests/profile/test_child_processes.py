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
from pocket_lab.profile.child_processes import children_caveats, counted_children
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
    ((by_node, cpu_s),) = found
    assert by_node == Counter(n=1)
    assert cpu_s >= 0.09
    assert (os.fork, os.posix_spawn, os.system, subprocess.Popen.__init__) == before


def start_one(_: Any) -> None:
    marked(by_subprocess, "n")()


def test_worker_processes_are_asked_too_and_none_of_ours_counts() -> None:
    with open_pool("processes", 2) as pool:
        with counted_children(pool) as found:
            assert [outcome.get() for outcome in pool.imap(start_one, range(3))] == [None] * 3
        (caveat,) = children_caveats(POINT, found, "their memory")
        with counted_children(pool) as found:
            pass
        assert not list(children_caveats(POINT, found, "their memory"))
    assert caveat.code == "own-processes"
    assert '3 processes were started (3 by node "n") and not followed: their memory is in no figure' in caveat.message


def test_where_no_marker_names_the_node_none_is_named() -> None:
    with counted_children(SerialPool()) as found:
        os.system("true")
    (caveat,) = children_caveats(POINT, found, "what they do", marks_nodes=False)
    assert "1 process was started by the target and not followed: what they do is in no figure" in caveat.message
