"""The time that a measurement may take, with a clock of the test's own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pocket_lab.measure.worker import budget as module
from pocket_lab.measure.worker.budget import Budget, BudgetEnded, deadline_of
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.point import Point
from pocket_lab.records.progress import Heartbeat, Output, Started
from pocket_lab.records.record import Record

SOMETHING = Caveat("code", "message")
BEGUN = Started(Point("t", 1, 1, "serial", "run"))


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


def test_the_start_of_a_process_counts(clock: list[float]) -> None:
    budget = Budget(10.0)
    steps = [(5.0, Heartbeat(5.0)), (1.0, Output("stdout", "imported")), (2.0, BEGUN), (1.0, SOMETHING)]
    assert len(list(budget.watch(told(clock, *steps)))) == 4
    assert budget.left_s == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("budget_s", "steps", "seen"),
    [
        (10.0, [(1.0, BEGUN), (9.4, Heartbeat(10.4)), (0.2, Heartbeat(10.6)), (0.1, SOMETHING)], 2),
        (10.0, [(60.0, Heartbeat(60.0)), (1.0, BEGUN), (5.4, Heartbeat(66.4)), (0.2, Heartbeat(66.6))], 3),
        (0.3, [(1.0, BEGUN), (1.2, Heartbeat(2.2)), (0.2, Heartbeat(2.4))], 2),
    ],
    ids=["after-the-end", "slow-start", "short-budget"],
)
def test_a_run_in_flight_long_after_the_end_is_stopped(
    clock: list[float], budget_s: float, steps: list[tuple[float, Record]], seen: int
) -> None:
    records: list[Record] = []
    with pytest.raises(BudgetEnded):
        records.extend(Budget(budget_s).watch(told(clock, *steps)))
    assert len(records) == seen


def test_records_that_still_come_are_kept_and_a_start_is_not_stopped(clock: list[float]) -> None:
    steps = [(1.0, BEGUN), (12.0, SOMETHING), (1.0, SOMETHING)]
    assert len(list(Budget(10.0).watch(told(clock, *steps)))) == 3
    assert len(list(Budget(10.0).watch(told(clock, (1.0, SOMETHING), (90.0, Heartbeat(91.0)))))) == 2


def test_the_rest_of_a_budget_ends_with_it_also_while_a_process_starts(clock: list[float]) -> None:
    with pytest.raises(BudgetEnded):
        list(Budget(10.0, is_strict=True).watch(told(clock, (9.9, Heartbeat(9.9)), (0.2, Heartbeat(10.1)))))


@pytest.mark.parametrize(("begun_s", "left_s"), [(None, 10.0), (0.0, 10.0), (-4.0, 6.0), (-9.0, 5.0)])
def test_the_deadline_counts_from_the_begin_but_leaves_half(
    monkeypatch: pytest.MonkeyPatch, begun_s: float | None, left_s: float
) -> None:
    monkeypatch.setattr(module, "monotonic", lambda: 100.0)
    monkeypatch.setattr(module, "perf_counter", lambda: 7.0)
    assert deadline_of(10.0, None if begun_s is None else 100.0 + begun_s) == pytest.approx(7.0 + left_s)
