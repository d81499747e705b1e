"""What a process keeps from one task to the next."""

from __future__ import annotations

import os
import threading

import pytest

from pocket_lab.executors.registry import EXECUTORS, is_remote, open_pool
from pocket_lab.executors.worker_state import STATE, WorkerState


class Recorded:
    """Records when it is made and closed."""

    events: list[str]

    def __init__(self, name: str) -> None:
        self.name = name
        self.events.append(f"{name} made")

    def close(self) -> None:
        self.events.append(f"{self.name} closed")


class Counter:
    def __init__(self) -> None:
        self.count = 0


@pytest.fixture
def state() -> WorkerState:
    Recorded.events = []
    return WorkerState()


def test_an_object_is_created_once_and_found_by_its_type(state: WorkerState) -> None:
    assert state.get(Counter) is None
    counter = state.get_or_create(Counter, Counter)
    assert state.get_or_create(Counter, Counter) is counter is state.get(Counter)
    assert state.get(Recorded) is None


def test_an_object_is_closed_before_its_replacement_is_made(state: WorkerState) -> None:
    for name in ("first", "second"):
        assert state.replace(Recorded, lambda name=name: Recorded(name)).name == name  # type: ignore[misc]
    state.close(Recorded)
    state.close(Recorded)
    assert Recorded.events == ["first made", "first closed", "second made", "second closed"]
    assert state.get(Recorded) is None


def test_an_object_that_is_popped_is_its_callers_to_close(state: WorkerState) -> None:
    made = state.replace(Recorded, lambda: Recorded("only"))
    assert state.pop(Recorded) is made
    assert state.pop(Recorded) is None
    assert Recorded.events == ["only made"]


def test_an_object_whose_factory_fails_is_not_there(state: WorkerState) -> None:
    def fails() -> Recorded:
        raise LookupError("no")

    state.replace(Recorded, lambda: Recorded("first"))
    with pytest.raises(LookupError):
        state.replace(Recorded, fails)
    assert Recorded.events == ["first made", "first closed"]
    assert state.get(Recorded) is None


def test_threads_that_come_at_once_get_one_object(state: WorkerState) -> None:
    barrier, found = threading.Barrier(8), []

    def find() -> None:
        barrier.wait(10)
        found.append(state.get_or_create(Counter, Counter))

    threads = [threading.Thread(target=find) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(found) == 8
    assert len({id(counter) for counter in found}) == 1


def count_here() -> tuple[int, int]:
    counter = STATE.get_or_create(Counter, Counter)
    counter.count += 1
    return os.getpid(), counter.count


def test_each_worker_process_has_a_state_of_its_own_that_outlives_the_call() -> None:
    with open_pool("processes", 2) as pool:
        counts = [sorted(pool.in_worker_processes(count_here)) for _ in range(3)]
        assert [[count for _, count in found] for found in counts] == [[1, 1], [2, 2], [3, 3]]
        assert len({tuple(pid for pid, _ in found) for found in counts}) == 1
    assert STATE.get(Counter) is None


@pytest.mark.parametrize("executor", EXECUTORS)
def test_worker_processes_are_those_of_remote_pools(executor: str) -> None:
    with open_pool(executor, 2) as pool:
        found = pool.in_worker_processes(os.getpid)
        assert pool.is_remote == is_remote(executor) == (executor in ("processes", "cluster"))
        assert len(set(found)) == len(found) == (2 if pool.is_remote else 0)
        assert os.getpid() not in found


def test_a_name_that_is_no_executor_is_not_remote() -> None:
    assert not is_remote("own")
