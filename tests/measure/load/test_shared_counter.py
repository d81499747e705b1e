"""Each number is given out once: to objects, threads and processes that share nothing but a file."""

from __future__ import annotations

import os
import pickle
import tempfile
import threading
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pocket_lab.executors.registry import open_pool
from pocket_lab.measure.load.shared_counter import SharedCounter


@pytest.fixture
def path(tmp_path: Path) -> str:
    file = tmp_path / "numbers"
    file.touch()
    return str(file)


def opened(path: str) -> int:
    """How many descriptors of this process stand for the file."""
    return sum(os.readlink(entry) == path for entry in _links())


def _links() -> Iterator[str]:
    for number in os.listdir("/proc/self/fd"):
        if os.path.islink(f"/proc/self/fd/{number}"):
            yield f"/proc/self/fd/{number}"


@given(st.lists(st.integers(0, 3), max_size=40))
def test_whoever_asks_gets_the_next_number(askers: list[int]) -> None:
    with tempfile.NamedTemporaryFile() as file:
        first = SharedCounter(file.name)
        holders = [first, SharedCounter(file.name), pickle.loads(pickle.dumps(first)), first]
        assert [next(holders[asker]) for asker in askers] == list(range(len(askers)))


def test_threads_share_out_the_numbers(path: str) -> None:
    taken: list[list[int]] = [[], [], []]
    shared = SharedCounter(path)

    def take(place: int) -> None:
        taken[place] += islice(shared if place else SharedCounter(path), 200)

    threads = [threading.Thread(target=take, args=(place,)) for place in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(number for part in taken for number in part) == list(range(600))
    assert all(part == sorted(part) for part in taken)


def test_processes_share_out_the_numbers(path: str) -> None:
    def take(numbers: SharedCounter) -> list[int]:
        return list(islice(numbers, 300))

    with open_pool("processes", 2) as pool:
        parts = [outcome.get() for outcome in pool.imap(take, [SharedCounter(path)] * 4, 2)]
    assert sorted(number for part in parts for number in part) == list(range(1200))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="reads descriptors from /proc")
def test_the_file_is_open_from_the_first_number_until_its_holder_is_gone(path: str) -> None:
    numbers = SharedCounter(path)
    assert opened(path) == 0
    assert next(numbers) == 0
    assert next(numbers) == 1
    assert opened(path) == 1
    del numbers
    assert opened(path) == 0
    assert next(SharedCounter(path)) == 2, "the count stands in the file"
