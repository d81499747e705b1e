"""Records of a duel as frames: rounds with both sides, and what became of each pair."""

from __future__ import annotations

import math

import pytest

from pocket_lab.frames.pairs import pairs_frame, sides_frame
from pocket_lab.records.point import Point
from pocket_lab.records.progress import Closed, Planned
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Block, Sample, Waits


def point(target: str, size: int | None = 1, workers: int = 1, executor: str = "serial") -> Point:
    return Point(target, size, workers, executor, "run")


def timed(place: Point, number: int, wall_s: float, loops: int = 2) -> Sample:
    return Sample(place, number, loops, wall_s, wall_s / 2, loops)


def test_a_round_is_a_row_with_seconds_a_run_of_both_sides_and_its_block() -> None:
    a, b = point("old"), point("new")
    records: list[Record] = [Planned((a, b), 1.0), Block(1), timed(b, 1, 6.0, loops=3), timed(a, 1, 8.0)]
    records += [Block(2), timed(a, 2, 2.0), timed(b, 2, 9.0, loops=3)]
    frame = pairs_frame(records)
    assert list(frame["block"]) == [1, 2]
    assert list(frame["wall_a_s"]) == [4.0, 1.0]
    assert list(frame["wall_b_s"]) == [2.0, 3.0]
    assert list(frame["cpu_b_s"]) == [1.0, 1.5]
    assert list(frame["spent_s"]) == [14.0, 11.0]
    assert set(zip(frame["target_a"], frame["target_b"], strict=True)) == {("old", "new")}


def test_a_round_with_one_side_is_no_row() -> None:
    a, b = point("a"), point("b")
    lost = Sample(b, 2, 0, math.nan, math.nan, 0, error="ValueError: no")
    frame = pairs_frame([Planned((a, b), 1.0), Block(1), timed(a, 1, 1.0), timed(b, 1, 1.0), timed(a, 2, 1.0), lost])
    assert list(frame["round"]) == [1]


def test_where_sides_differ_both_are_named() -> None:
    a, b = point("a"), point("b", workers=4, executor="threads")
    (row,) = sides_frame([Planned((a, b), 1.0)]).to_dict("records")
    assert (row["workers"], row["executor"], row["drive"], row["size"]) == ("1 | 4", "serial | threads", "run", 1)


def test_points_without_a_size_stay_without_one() -> None:
    a, b = point("a", None), point("b", None)
    records = [Planned((a, b), 1.0), Block(1), timed(a, 1, 1.0), timed(b, 1, 1.0)]
    assert pairs_frame(records)["size"].isna().all()
    assert sides_frame(records)["size"].isna().all()


def test_pairs_keep_their_order_and_their_rounds() -> None:
    places = [point(side, size) for size in (5, 1) for side in "ab"]
    records: list[Record] = [Planned(tuple(places), 1.0), Block(1)]
    records += [timed(place, 1, float(place.size or 0)) for place in reversed(places)]
    assert list(sides_frame(records)["size"]) == [5, 1]
    frame = pairs_frame(records).set_index("pair")
    assert frame["wall_a_s"].to_dict() == {0: 2.5, 1: 0.5}


def test_waits_are_the_share_in_which_a_side_neither_ran_nor_stood_in_the_queue() -> None:
    a, b = point("a"), point("b")
    records = [Planned((a, b), 1.0), Waits(a, 10, 2.0, 1.0, 0.5, 5), Waits(b, 0, 0.0, 0.0, 0.0, 0)]
    (row,) = sides_frame(records).to_dict("records")
    assert row["waits_a"] == pytest.approx(0.25)
    assert row["switches_a"] == 0.5
    assert math.isnan(row["waits_b"])
    assert math.isnan(row["switches_b"])


@pytest.mark.parametrize(
    ("closed", "status"),
    [
        ({"a": "done", "b": "done"}, "done"),
        ({"a": "budget", "b": "budget"}, "budget"),
        ({}, "cancelled"),
        ({"a": "failed"}, "failed"),
        pytest.param({"b": "failed"}, "failed"),
    ],
)
def test_a_pair_is_what_became_of_its_worse_side(closed: dict[str, str], status: str) -> None:
    sides = {name: point(name) for name in "ab"}
    records: list[Record] = [Planned(tuple(sides.values()), 1.0)]
    records += [Closed(sides[name], how) for name, how in closed.items()]  # type: ignore[arg-type]
    assert sides_frame(records)["status"].item() == status


def test_no_records_are_no_rows() -> None:
    assert pairs_frame([]).empty
    assert sides_frame([]).empty
