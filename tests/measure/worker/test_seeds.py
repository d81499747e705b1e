"""Every point begins with the random numbers of the calling process, and worker processes have others."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from pocket_lab import bench, compare
from pocket_lab.lab.bench import Bench


def drawing() -> Callable[[int], None]:
    """A function that is sent itself, so that this module is not imported for it."""

    def draw(_: int) -> None:
        raise LookupError(f"{random.random()} {np.random.random()}")

    return draw


def drawn(result: Bench) -> list[list[float]]:
    return [[float(number) for number in text.rpartition(": ")[2].split()] for text in result.failures]


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    states = random.getstate(), np.random.get_state()
    random.seed(7)
    np.random.seed(7)
    yield
    random.setstate(states[0])
    np.random.set_state(states[1])


def test_every_point_begins_with_the_state_of_the_caller_which_stays_as_it_was() -> None:
    found = drawn(bench(drawing(), sizes="1,2,3", budget="20s"))
    assert found == [[random.random(), np.random.random()]] * 3


def test_worker_processes_have_other_numbers() -> None:
    (found,) = drawn(bench(drawing(), size=1, budget="20s", drive="map", executor="processes"))
    assert not set(found) & {random.random(), np.random.random()}


def test_both_sides_of_a_comparison_begin_alike_and_so_have_equal_results() -> None:
    def sample(n: int) -> list[float]:
        return [random.random() for _ in range(n)]

    def again(n: int) -> list[float]:
        return [random.random() for _ in range(n)]

    result = compare(sample, again, size=3, budget="0.5s")
    assert "unequal-results" not in {caveat.code for caveat in result.caveats}
