"""What the workers of a point did in its batches, on real work that spins, sleeps, or has helpers of its own."""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Callable

import pytest

from pocket_lab.executors.pool import Pool
from pocket_lab.executors.registry import open_pool
from pocket_lab.graph.context import INLINE
from pocket_lab.measure.timing.batch import Runs
from pocket_lab.measure.timing.thread_waits import ThreadWaits, WorkerWaits
from pocket_lab.measure.timing.waits_tally import WaitsTally
from pocket_lab.records.point import Point

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux reports the time in the run queue")


def spin(_: object = None) -> None:
    end = time.thread_time() + 0.01
    while time.thread_time() < end:
        pass


def sleep(_: object = None) -> None:
    time.sleep(0.01)


def half(_: object = None) -> None:
    spin()
    sleep()


def spin_in_helpers(_: object = None) -> None:
    helpers = [threading.Thread(target=spin) for _ in range(2)]
    for helper in helpers:
        helper.start()
    for helper in helpers:
        helper.join()


def tally_of(function: Callable[[object], None], executor: str = "serial", batches: int = 10) -> WaitsTally:
    def measure(pool: Pool) -> WaitsTally:
        tally = WaitsTally(Point("t", 1, 1, executor, "run"), pool)
        runs = Runs(lambda: [one.get() for one in pool.imap(function, [1], 1)] if pool is not INLINE else function(1), (), pool)
        for _ in range(batches):
            tally.begin()
            tally.end(runs.time(1))
        return tally

    if executor == "serial":
        return measure(INLINE)
    with open_pool(executor, 1) as pool:
        pool.start()
        return measure(pool)


@pytest.mark.parametrize("executor", ["serial", "threads", "processes"])
def test_a_worker_that_spins_is_cpu_bound_and_one_that_sleeps_is_not(executor: str) -> None:
    assert not tally_of(sleep, executor).is_cpu_bound
    assert not tally_of(half, executor).is_cpu_bound
    busy = tally_of(spin, executor, batches=20).take()
    assert busy.queued_s >= 0
    running_s = busy.cpu_s + busy.queued_s
    assert running_s > 0.8 * busy.wall_s, "also where other processes have the cores"


def test_a_thread_that_spins_is_cpu_bound() -> None:
    assert tally_of(spin).is_cpu_bound


def test_where_threads_of_its_own_work_the_queue_is_unknown() -> None:
    tally = tally_of(spin_in_helpers)
    assert not tally.is_cpu_bound
    waits = tally.take()
    assert waits.queued_s != waits.queued_s


def test_a_single_batch_beside_another_thread_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    queued_s = iter([0.0, math.nan, *[0.0] * 18])
    monkeypatch.setattr(WorkerWaits, "end", lambda self: ThreadWaits(next(queued_s), 0))
    tally = tally_of(spin, batches=20)
    waits = tally.take()
    assert waits.batches == 19
    assert waits.queued_s == 0.0


def test_each_record_has_what_came_since_the_last_one() -> None:
    tally = WaitsTally(Point("t", 1, 1, "serial", "run"), INLINE)
    runs = Runs(spin, (1,), INLINE)
    records = []
    for _ in range(40):
        tally.begin()
        tally.end(runs.time(1))
        if tally.is_due:
            records.append(tally.take())
    records.append(tally.take())
    assert sum(record.batches for record in records) == 40
    assert len(records) <= 6
    assert sum(record.cpu_s for record in records) == pytest.approx(0.4, rel=0.3)
