"""The time that a measurement may take, with a clock of the test's own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pocket_lab.measure.worker import budget as module
from pocket_lab.measure.worker.budget import Budget
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.progress import Heartbeat, Output
from pocket_lab.records.record import Record

SOMETHING = Caveat("code", "message")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(module, "monotonic", lambda: now[0])
    return now


def told(clock: list[float], *steps: tuple[float, Record]) -> Iterator[Record]:
    """Each record, so many seconds after the one before."""
    for wait_s, record in steps:
        clock[0] += wait_s
        yield record


def test_the_start_of_each_process_is_outside_the_clock(clock: list[float]) -> None:
    budget = Budget(10.0)
    for left_s in (7.0, 4.0):
        steps = [
            (5.0, Heartbeat(5.0)),
            (1.0, Output("stdout", "imported")),
            (2.0, SOMETHING),
            (1.0, SOMETHING),
            (2.0, SOMETHING),
        ]
        assert len(list(budget.spent_on(told(clock, *steps)))) == 5
        assert budget.left_s == pytest.approx(left_s)


def test_a_process_that_dies_has_spent_what_it_took(clock: list[float]) -> None:
    def dies() -> Iterator[Record]:
        yield from told(clock, (3.0, SOMETHING), (2.0, Heartbeat(5.0)))
        clock[0] += 1.0
        raise RuntimeError("died")

    budget = Budget(10.0)
    with pytest.raises(RuntimeError, match="died"):
        list(budget.spent_on(dies()))
    assert budget.left_s == pytest.approx(7.0)


def test_one_that_told_nothing_has_spent_nothing(clock: list[float]) -> None:
    budget = Budget(10.0)
    list(budget.spent_on(told(clock, (60.0, Heartbeat(60.0)))))
    assert budget.left_s == 10.0
