"""Which points of a bench are less certain than they should be."""

from __future__ import annotations

import math

import pytest
from sweeps import Row, sweep_of

from pocket_lab.analysis.precision import Precision, figures_of, precision_of, remedy_of
from pocket_lab.view.findings.bench import precision_caveats


def counts(found: Precision) -> tuple[int, ...]:
    return tuple(len(points) for points in (found.first_run, found.without_interval, found.thin, found.imprecise))


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (Row("threads", 1, 1.0, rounds=0, status="budget"), (1, 0, 0, 0)),
        (Row("threads", 1, math.nan, rounds=0, status="budget"), (0, 1, 0, 0)),
        (Row("threads", 1, 1.0, rounds=5, status="budget"), (0, 1, 0, 0)),
        (Row("threads", 1, 1.0, rounds=8, status="budget"), (0, 0, 1, 1)),
        (Row("threads", 1, 1.0, rounds=8, status="cancelled"), (0, 0, 1, 0)),
        (Row("threads", 1, 1.0, rounds=30, status="budget"), (0, 0, 0, 1)),
        (Row("threads", 1, 1.0, rounds=30, status="done"), (0, 0, 0, 0)),
        (Row("threads", 1, 1.0, rounds=3, status="failed"), (0, 0, 0, 0)),
        (Row("threads", 1, math.nan, rounds=0, status="failed"), (0, 0, 0, 0)),
        (Row("threads", 1, 1.0, rounds=8, status="failed"), (0, 0, 0, 0)),
    ],
)
def test_a_point_is_counted_where_it_belongs(row: Row, expected: tuple[int, ...]) -> None:
    frame, _ = sweep_of(row, Row("threads", 2, 1.0), noise=0.05)
    found = precision_of(frame, requested=1e-6)
    assert counts(found) == expected
    assert found.points == 2
    for points in (found.first_run, found.without_interval, found.thin, found.imprecise):
        assert set(points) <= {row.point}


@pytest.mark.parametrize(
    ("statuses", "remedy"),
    [
        (["budget", "done"], "raise the budget"),
        (["budget", "cancelled", "failed"], "let the run end"),
        (["done"], "request a smaller precision"),
        (["failed"], ""),
        ([], ""),
    ],
)
def test_more_budget_is_the_remedy_only_where_the_budget_ended_a_point(statuses: list[str], remedy: str) -> None:
    assert remedy_of(statuses) == remedy


def test_what_a_stop_has_ended_is_not_the_fault_of_the_budget() -> None:
    for status, remedy in (("cancelled", "let the run end"), ("budget", "raise the budget")):
        few, done = Row("threads", 1, 1.0, rounds=5, status=status), Row("threads", 2, 1.0)
        for rows in ([few], [few, done], [Row("threads", 1, 1.0, rounds=0, status=status), done]):
            frame, _ = sweep_of(*rows)
            assert precision_of(frame).remedy == remedy
            (caveat,) = precision_caveats(precision_of(frame), None, 1)
            assert f": {remedy}" in caveat.message
            assert ("budget" in caveat.message) == (status == "budget")
    failed, _ = sweep_of(Row("threads", 1, math.nan, rounds=0, status="failed"))
    assert precision_of(failed).remedy == ""


def test_a_point_that_is_precise_when_the_budget_ends_is_not_imprecise() -> None:
    frame, _ = sweep_of(Row("threads", 1, 1.0, status="budget"), noise=0.01)
    assert counts(precision_of(frame, requested=0.05)) == (0, 0, 0, 0)
    assert counts(precision_of(frame, requested=0.0001)) == (0, 0, 0, 1)
    assert counts(precision_of(frame)) == (0, 0, 0, 1), "the requested precision is not known"


def test_the_figures_are_on_the_clock_of_each_point() -> None:
    frame, _ = sweep_of(Row("threads", 1, 1.0, busy=0.5), Row("threads", 2, 1.0, busy=0.5), noise=0)
    figures = figures_of(frame.assign(basis=["cpu", "wall"]))
    assert figures["value_s"].tolist() == pytest.approx([0.5, 1.0])
    assert figures["low_s"].tolist() == pytest.approx([0.5, 1.0])
    assert figures_of(frame.drop(columns="basis"))["value_s"].tolist() == pytest.approx([1.0, 1.0])
    noisy_wall = frame.assign(basis="cpu", wall_low_s=0.1, wall_high_s=9.0, status="budget")
    assert counts(precision_of(noisy_wall, requested=0.02)) == (0, 0, 0, 0)
