"""A cluster that this process starts: it outlives its workers, not its scheduler, and leaves nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from clusters import SharedCluster

from pocket_lab.errors import Cancelled, MissingExtra, ProcessDied
from pocket_lab.executors.cluster import cluster as library
from pocket_lab.executors.cluster.own import OwnCluster
from pocket_lab.executors.cluster.pool import ClusterPool, own_cluster_pool

PARENT = """
import os, sys
from pocket_lab.executors.registry import open_pool

pool = open_pool("cluster", 2)
print(*pool.everywhere(os.getpid), pool.connected().scheduler_pid, flush=True)
os.kill(os.getpid(), 9)
"""


def lives(pid: int) -> bool:
    try:
        return Path("/proc", str(pid), "stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


def test_processes_of_a_cluster_do_not_outlive_a_parent_that_is_killed(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, check=False, env=environment)
    pids = [int(pid) for pid in done.stdout.split()]
    assert (done.returncode, len(pids)) == (-signal.SIGKILL, 3)
    end_s = time.monotonic() + 20
    while any(map(lives, pids)) and time.monotonic() < end_s:
        time.sleep(0.02)
    assert not [pid for pid in pids if lives(pid)]


def test_the_error_of_a_killed_worker_names_its_item_and_those_that_it_had_finished(cluster: SharedCluster) -> None:
    def work(item: int) -> int:
        if item == 9:
            os.kill(os.getpid(), signal.SIGKILL)
        return item

    outcomes = list(cluster.pool(1).imap_collect(work, range(12)))
    assert [outcome.value for outcome in outcomes if outcome.error is None] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11]
    error = outcomes[9].error
    assert isinstance(error, ProcessDied)
    assert error.item == 9
    assert "was ended by SIGKILL" in str(error)
    assert str(error).endswith("while it ran item 9, and had finished items 1 to 8, whose results are lost")


def test_workers_that_are_killed_from_outside_cost_no_item_and_none_comes_twice(cluster: SharedCluster) -> None:
    pool = cluster.pool(3)

    def work(item: int) -> int:
        time.sleep(0.01)
        return item

    for _ in range(3):
        outcomes = []
        for outcome in pool.imap_collect(work, range(60)):
            if outcome.index == 20:
                for slot in cluster.slots[:2]:
                    if slot.worker is not None:
                        os.kill(slot.worker.pid, signal.SIGKILL)
            outcomes.append(outcome)
        assert [outcome.index for outcome in outcomes] == list(range(60))
        assert all(outcome.value == outcome.index for outcome in outcomes if outcome.error is None)
        failed = [outcome for outcome in outcomes if outcome.error is not None]
        assert all(isinstance(outcome.error, ProcessDied) and outcome.error.item == outcome.index for outcome in failed)
        assert len(failed) <= 2


def test_a_scheduler_that_is_killed_is_process_died_and_the_next_call_has_a_new_one() -> None:
    with own_cluster_pool(1) as pool:
        pool.start()
        cluster: Any = pool.connected()
        pid = cluster.scheduler_pid
        with pytest.raises(ProcessDied, match="ended with the scheduler of its cluster, which was ended by SIGKILL"):
            list(pool.imap(lambda item: (os.kill(pid, signal.SIGKILL), time.sleep(60)), [1]))
        assert [outcome.get() for outcome in pool.imap(abs, [-1, -2])] == [1, 2]
        assert pool.connected() is not cluster


def test_a_cancel_kills_what_runs_at_once_and_the_next_call_has_new_workers(cluster: SharedCluster, tmp_path: Path) -> None:
    def hold(item: int) -> None:
        (tmp_path / str(item)).touch()
        time.sleep(60)

    def check() -> None:
        if len(list(tmp_path.iterdir())) == 2:
            raise Cancelled("now")

    pool = cluster.pool(2)
    begun_s = time.monotonic()
    with pytest.raises(Cancelled):
        list(pool.imap(hold, range(8), check=check))
    assert [outcome.get() for outcome in pool.imap(abs, range(-4, 0))] == [4, 3, 2, 1]
    assert time.monotonic() - begun_s < 50
    assert len(list(tmp_path.iterdir())) == 2


def test_a_function_goes_to_a_worker_once_however_many_chunks_and_calls(cluster: SharedCluster, tmp_path: Path) -> None:
    class Noted:
        def __init__(self, folder: str) -> None:
            self.folder = folder

        def __setstate__(self, state: dict[str, str]) -> None:
            self.__dict__ = state
            with open(f"{self.folder}/{os.getpid()}", "a") as notes:
                notes.write("x")

        def __call__(self, item: int) -> int:
            time.sleep(0.01)
            return item

    pool = cluster.pool(2)
    function = pool.prepare(Noted(str(tmp_path)))
    for workers in (1, 2, 2):
        assert [outcome.get() for outcome in pool.imap(function, range(60), workers)] == list(range(60))
    assert Counter(path.read_text() for path in tmp_path.iterdir()) == {"x": 2}


def test_large_functions_items_and_results_arrive_whole(cluster: SharedCluster) -> None:
    table = bytes(3 << 20)
    pool = cluster.pool(2)
    found = [outcome.get() for outcome in pool.imap(lambda item: (len(table), item), [bytes(2 << 20), bytes(5 << 20), b""])]
    assert [(size, len(item)) for size, item in found] == [(3 << 20, 2 << 20), (3 << 20, 5 << 20), (3 << 20, 0)]


def test_without_the_extra_the_error_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise MissingExtra("distributed (of Dask)", "cluster")

    monkeypatch.setattr(library, "import_distributed", missing)
    with pytest.raises(MissingExtra, match=r"distributed \(of Dask\) is not installed: pip install 'pocket-lab\[cluster\]'"):
        OwnCluster(1)
    with ClusterPool("cluster", 1, lambda: OwnCluster(1)) as pool, pytest.raises(MissingExtra):
        pool.start()
