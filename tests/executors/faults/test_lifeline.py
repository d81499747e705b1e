"""Worker processes end with the process that has opened their pool, however it ends."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pocket_lab.executors.faults.lifeline import Lifeline

HOLDER = """
import os, sys, time
from pocket_lab.executors.faults.lifeline import Lifeline
lifeline = Lifeline._inherited(int(sys.argv[1]))
lifeline.hold()
print("holds", flush=True)
time.sleep(60)
"""
MAPS = """
import os, pathlib, sys, time
from pocket_lab import Graph, Node
def work(item):
    pathlib.Path(sys.argv[1], str(os.getpid())).touch()
    {0}
Graph(Node("work", exec=work)).map([1, 2, 3], workers=2, executor="processes")
"""


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_what_holds_it_is_killed_where_it_closes_and_a_forked_child_does_not_keep_it_open() -> None:
    lifeline = Lifeline()
    holders = [
        subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(lifeline.reader)], pass_fds=[lifeline.reader], stdout=subprocess.PIPE
        )
        for _ in range(2)
    ]
    child = os.fork()
    if not child:
        time.sleep(60)
        os._exit(0)
    try:
        for holder in holders:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"holds\n"
        lifeline.close()
        assert [holder.wait(10) for holder in holders] == [-9, -9]
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
        for holder in holders:
            holder.kill()
            holder.communicate()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads process states from /proc")
@pytest.mark.parametrize("work", ["time.sleep(600)", "sum(range(10**12))"], ids=["asleep", "in a C call with the lock"])
def test_workers_of_a_map_do_not_outlive_a_parent_that_is_killed(tmp_path: Path, work: str) -> None:
    parent = subprocess.Popen([sys.executable, "-c", MAPS.format(work), str(tmp_path)])
    try:
        end = time.monotonic() + 30
        while len(workers := [int(file.name) for file in tmp_path.iterdir()]) < 2 and time.monotonic() < end:
            time.sleep(0.02)
        assert len(workers) == 2
        assert all(map(lives, workers))
    finally:
        parent.kill()
        parent.wait()
    end = time.monotonic() + 5
    while any(map(lives, workers)) and time.monotonic() < end:
        time.sleep(0.02)
    assert not any(map(lives, workers))
