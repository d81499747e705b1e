"""Kills of cluster workers and schedulers, and cut connections: no item is lost or comes twice, and it goes on within 5 s.

pip install "pocket-lab[cluster]" && python tests/benchmarks/cluster_kills.py

A worker that is killed costs at most the item that it ran, whose error names it. Where a scheduler is killed, calls go on with
a new one. A connection to a scheduler that is cut is made again, and nothing runs twice.
Exits with 1 where a bar is missed, and prints what is left after each kill.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
from clusters import ForeignCluster, Relay

from pocket_lab.errors import ProcessDied
from pocket_lab.executors.cluster.own import OwnCluster
from pocket_lab.executors.cluster.pool import ClusterPool
from pocket_lab.executors.registry import open_pool

WORKER_KILLS, SCHEDULER_KILLS, CUTS = 30, 10, 10
ITEMS, NAP_S, WITHIN_S = 60, 0.01, 5.0


class Trial:
    """Calls on a pool, each disturbed once at a random moment."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self.problems: list[str] = []
        self.longest_s = 0.0
        self.errors: Counter[str] = Counter()

    def run(self, number: int, pool: ClusterPool, disturb: Callable[[], Any], may_run_twice: bool) -> None:
        """One call: every item has one result or one error that names it, and results go on coming within five seconds."""
        notes = Path(self._folder) / f"{number}-{random.random()}"
        moments: list[float] = []

        def work(item: int) -> int:
            with notes.open("a") as lines:
                lines.write(f"{item}\n")
            time.sleep(NAP_S)
            return item

        def disturbed() -> None:
            moments.append(time.monotonic())
            disturb()

        timer = threading.Timer(random.uniform(0.02, ITEMS * NAP_S / 2), disturbed)
        timer.start()
        outcomes = []
        try:
            for outcome in pool.imap_collect(work, range(ITEMS)):
                outcomes.append(outcome)
                moments.append(time.monotonic())
        except ProcessDied as died:
            outcomes = []
            self.errors[f"the call: {str(died)[:70]}"] += 1
        timer.join()
        for _ in range(3):
            try:
                assert [outcome.get() for outcome in pool.imap(abs, range(4))] == [0, 1, 2, 3]
                break
            except ProcessDied:
                continue
        else:
            self.problems.append(f"{number}: the next calls fail")
        moments.append(time.monotonic())
        self.longest_s = max(self.longest_s, *(later - earlier for earlier, later in pairwise(sorted(moments))))
        if not outcomes:
            return
        if [outcome.index for outcome in outcomes] != list(range(ITEMS)):
            self.problems.append(f"{number}: items are lost, or come twice")
        failed = [outcome for outcome in outcomes if outcome.error is not None]
        self.errors["items with an error"] += len(failed)
        self.problems += [f"{number}: {o.error!r}" for o in failed if getattr(o.error, "item", None) != o.index]
        self.problems += [f"{number}: a wrong result" for o in outcomes if o.error is None and o.value != o.index]
        runs = Counter(int(line) for line in notes.read_text().split())
        again = sorted(item for item, times in runs.items() if times > 1)
        self.errors["items that ran again"] += len(again)
        if again and not may_run_twice:
            self.problems.append(f"{number}: ran twice without a death: {again}")

    def report(self, what: str, kills: int) -> bool:
        """Print it; whether all is well."""
        self.problems += [f"it takes {self.longest_s:.1f} s to go on"] if self.longest_s > WITHIN_S else []
        print(
            f"{kills} {what}: goes on within {self.longest_s:.2f} s; {dict(self.errors)}; problems: {self.problems or 'none'}"
        )
        return not self.problems


def left_over() -> str:
    """Child processes and threads of this process."""
    task = Path("/proc/self/task", str(os.getpid()), "children")
    children = [pid for pid in task.read_text().split() if "resource_tracker" not in Path("/proc", pid, "cmdline").read_text()]
    threads = [thread.name for thread in threading.enumerate() if thread.name.startswith("pocket-lab")]
    return f"left: processes {children or 'none'}, threads {threads or 'none'}"


def own(pool: ClusterPool) -> OwnCluster:
    """The cluster that the pool has started."""
    cluster = pool.connected()
    assert isinstance(cluster, OwnCluster)
    return cluster


def main() -> int:
    """All three."""
    met = True
    with TemporaryDirectory() as folder:
        with open_pool("cluster", 2) as pool:
            assert isinstance(pool, ClusterPool)
            pool.start()
            trial = Trial(folder)
            for number in range(WORKER_KILLS):
                pids = [slot.worker.pid for slot in own(pool).slots if slot.worker is not None]
                trial.run(number, pool, lambda pids=pids: os.kill(random.choice(pids), signal.SIGKILL), may_run_twice=True)
            met &= trial.report("kills of a worker", WORKER_KILLS)
            trial = Trial(folder)
            for number in range(SCHEDULER_KILLS):
                cluster = own(pool)
                trial.run(number, pool, lambda pid=cluster.scheduler_pid: os.kill(pid, signal.SIGKILL), may_run_twice=True)
            met &= trial.report("kills of the scheduler", SCHEDULER_KILLS)
        print(left_over())
        with (
            ForeignCluster(2, 1) as foreign,
            Relay(int(foreign.address.rpartition(":")[2])) as relay,
            open_pool(relay.address, 2) as pool,
        ):
            assert isinstance(pool, ClusterPool)
            pool.start()
            trial = Trial(folder)
            for number in range(CUTS):
                trial.run(number, pool, relay.cut, may_run_twice=False)
            met &= trial.report("cut connections", CUTS)
        print(left_over())
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
