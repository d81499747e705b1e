"""What a thread waits: of its own will, or in the run queue."""

from __future__ import annotations

import math
import sys
import threading
import time
from pathlib import Path

import pytest

from pocket_lab.executors import process_worker
from pocket_lab.executors.threads import ThreadPool
from pocket_lab.measure.timing.thread_waits import ThreadWaits, WorkerWaits, read_thread_waits


def spin(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def test_every_sleep_is_a_voluntary_switch() -> None:
    before = read_thread_waits()
    for _ in range(20):
        time.sleep(0.001)
    assert (read_thread_waits() - before).switches >= 20


def test_work_that_never_waits_hardly_switches() -> None:
    before = read_thread_waits()
    spin(0.2)
    assert (read_thread_waits() - before).switches <= 5


@pytest.mark.skipif(sys.platform != "linux", reason="macOS counts switches per process only")
def test_the_waits_of_other_threads_are_not_counted() -> None:
    other = threading.Thread(target=lambda: [time.sleep(0.001) for _ in range(100)])
    other.start()
    before = read_thread_waits()
    spin(0.1)
    counted = (read_thread_waits() - before).switches
    other.join()
    assert counted < 100


def test_time_in_the_queue_only_grows_and_is_at_most_the_time_that_passed() -> None:
    start, before = time.perf_counter(), read_thread_waits()
    spin(0.1)
    queued_s = (read_thread_waits() - before).queued_s
    assert math.isnan(queued_s) or 0 <= queued_s <= time.perf_counter() - start


def test_where_the_system_does_not_tell_the_queue_is_unknown_and_stays_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for text in (None, "", "no numbers here\n", "1\n"):
        place = tmp_path / "schedstat"
        if text is not None:
            place.write_text(text)
        monkeypatch.setattr(process_worker, "_THREAD", tmp_path)
        seen = read_thread_waits()
        assert math.isnan(seen.queued_s)
        assert seen.switches >= 0
        assert math.isnan((ThreadWaits(1.0, 2) + seen).queued_s)


def test_waits_add_up_and_differ() -> None:
    assert ThreadWaits(1.5, 3) + ThreadWaits(0.5, 4) == ThreadWaits(2.0, 7)
    assert ThreadWaits(1.5, 3) - ThreadWaits(0.5, 1) == ThreadWaits(1.0, 2)
    assert ThreadWaits() == ThreadWaits(0.0, 0)


@pytest.mark.parametrize(("workers", "queued_s"), [(1, 0.3), (2, 0.5)])
def test_the_queues_of_one_worker_and_of_the_thread_that_waits_for_it_are_not_added(
    workers: int, queued_s: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(**seconds: float) -> None:
        for thread, queued in seconds.items():
            (tmp_path / thread).mkdir(exist_ok=True)
            (tmp_path / thread / "schedstat").write_text(f"1 {round(queued * 1e9)} 1\n")

    monkeypatch.setattr(process_worker, "_TASKS", tmp_path)
    with ThreadPool(workers) as pool:
        waits = WorkerWaits(pool)
        write(caller=1.0, worker=2.0)
        waits.begin()
        write(caller=1.2, worker=2.3)
        assert waits.end().queued_s == pytest.approx(queued_s)
