"""The stack sampler against known times of threads and tasks; it leaves nothing behind."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from typing import Any

import pytest

from pocket_lab.executors.event_loop import Loop
from pocket_lab.profile.cpu.stack_sampler import AWAITING, StackSampler, start_in_worker, stop_in_worker, thread_cpu_s


def spin(seconds: float) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def rest(seconds: float) -> None:
    time.sleep(seconds)


def times_under(sampler: StackSampler, function: str) -> Any:
    """Wall and CPU seconds of all stacks with this function."""
    found = [times for _, frames, times in sampler.stop() if any(name == function for name, _, _ in frames)]
    return sum(times.wall_s for times in found), sum(times.cpu_s for times in found)


def test_a_sleeping_call_has_wall_time_and_no_cpu_time() -> None:
    sampler = StackSampler(0.001)
    sampler.start()
    rest(0.3)
    wall_s, cpu_s = times_under(sampler, "rest")
    assert wall_s == pytest.approx(0.3, abs=0.05)
    assert cpu_s < 0.02


def test_a_busy_call_has_both_and_the_cpu_time_is_that_of_its_thread() -> None:
    sampler = StackSampler(0.001)
    sampler.start()
    before = time.thread_time()
    spin(0.3)
    used_s = time.thread_time() - before
    wall_s, cpu_s = times_under(sampler, "spin")
    assert wall_s == pytest.approx(0.3, abs=0.06)
    assert cpu_s == pytest.approx(used_s, abs=0.06)


def test_a_call_in_c_that_holds_the_lock_is_its_callers_time() -> None:
    values = list(range(3_000_000, 0, -1)) * 2

    def sorts() -> None:
        for _ in range(3):
            sorted(values)

    def does_nothing() -> None:
        pass

    sampler = StackSampler(0.001)
    sampler.start()
    begun = time.perf_counter()
    for _ in range(2):
        sorts()
        does_nothing()
    took_s = time.perf_counter() - begun
    found = {frames[-1][0].rsplit(".", 1)[-1]: times.wall_s for _, frames, times in sampler.stop() if __file__ in str(frames)}
    assert found.get("sorts", 0.0) > 0.8 * took_s
    assert found.get("does_nothing", 0.0) < 0.1 * took_s


def test_short_work_between_sleeps_is_seen_as_work() -> None:
    before_s = sys.getswitchinterval()
    sampler = StackSampler(0.001)
    sampler.start()
    assert sys.getswitchinterval() < 0.0002
    for _ in range(300):
        spin(0.0008)
        rest(0.004)
    stacks = sampler.stop()
    assert sys.getswitchinterval() == before_s
    samples = {
        name: sum(times.samples for _, frames, times in stacks if frames and frames[-1][0] == name) for name in ("spin", "rest")
    }
    # a sixth of them where a core is free; with the usual interval the lock comes when the spinning ends, and there are none
    assert 0 < samples["spin"] < samples["rest"] / 2


def test_other_threads_are_seen_with_their_own_cpu_time() -> None:
    sampler = StackSampler(0.001)
    sampler.start()
    thread = threading.Thread(target=rest, args=(0.2,))
    thread.start()
    spin(0.2)
    thread.join()
    stacks = sampler.stop()
    resting = [(kind, times) for kind, frames, times in stacks if any(name == "rest" for name, _, _ in frames)]
    assert {kind for kind, _ in resting} == {"other"}
    assert sum(times.wall_s for _, times in resting) == pytest.approx(0.2, abs=0.06)
    assert sum(times.cpu_s for _, times in resting) < 0.02


def test_suspended_tasks_are_seen_where_they_wait() -> None:
    async def inner() -> None:
        await asyncio.sleep(0.3)

    async def outer() -> None:
        await inner()

    async def both() -> None:
        await asyncio.gather(outer(), outer())

    with Loop() as loop:
        sampler = StackSampler(0.001)
        sampler.start()
        loop.run(both())
        stacks = sampler.stop()
    waiting = {
        tuple(name.rsplit(".", 1)[-1] for name, _, _ in frames): times for kind, frames, times in stacks if kind == "task"
    }
    assert waiting["outer", "inner", "sleep", AWAITING[0]].wall_s == pytest.approx(0.6, abs=0.1)


def test_what_it_sets_is_set_back_and_a_second_start_starts_from_zero() -> None:
    before = sys.getswitchinterval()
    for _ in range(2):
        start_in_worker(0.001)
        assert sys.getswitchinterval() < 0.001
        rest(0.05)
        stacks = stop_in_worker()
        assert sum(times.wall_s for kind, _, times in stacks if kind == "main") < 0.2
        assert sys.getswitchinterval() == before
    assert stop_in_worker() == []


@pytest.mark.skipif(sys.platform != "linux", reason="the clock of another thread is read on Linux only")
def test_the_clock_of_a_thread_by_its_native_id() -> None:
    spin(0.02)
    assert thread_cpu_s(threading.get_native_id()) == pytest.approx(time.thread_time(), abs=0.005)
    assert thread_cpu_s(None) != thread_cpu_s(None)
    ended = threading.Thread(target=spin, args=(0.001,))
    ended.start()
    native = ended.native_id
    ended.join()
    time.sleep(0.05)
    assert thread_cpu_s(native) is None
