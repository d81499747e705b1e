"""The reference workloads: three times a round, for at most their share of the time."""

from __future__ import annotations

import statistics
import time

from pocket_lab.measure.timing.references import SHARE, References
from pocket_lab.records.samples import Reference


def test_a_round_has_the_cpu_seconds_of_three_workloads() -> None:
    (first,) = References().visit(7)
    assert isinstance(first, Reference)
    assert first.round == 7
    assert first.at_s >= 0
    for seconds in (first.memory_s, first.integers_s, first.matrix_s):
        assert 1e-5 < seconds < 0.1


def test_they_take_no_more_than_their_share_of_the_time() -> None:
    begun, found = time.perf_counter(), []
    references = References()
    number = 0
    while time.perf_counter() - begun < 0.5 or (len(found) < 3 and time.perf_counter() - begun < 10):
        number += 1
        found += references.visit(number)
    spent_s = sum(one.memory_s + one.integers_s + one.matrix_s for one in found)
    longest_s = max(one.memory_s + one.integers_s + one.matrix_s for one in found)
    assert len(found) >= 3
    assert spent_s <= SHARE * (time.perf_counter() - begun) + longest_s
    assert [one.at_s for one in found] == sorted(one.at_s for one in found)


def test_the_same_work_takes_about_the_same_time() -> None:
    references = References()
    rounds: list[Reference] = []
    end = time.monotonic() + 20  # how many rounds there are in a second depends on the machine
    while len(rounds) < 12 and time.monotonic() < end:
        rounds += references.visit(len(rounds))
        time.sleep(0.02)
    integers = [one.integers_s for one in rounds]
    assert len(rounds) == 12
    assert statistics.median(integers) < 3 * min(integers)
