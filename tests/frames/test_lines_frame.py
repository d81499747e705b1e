"""Shares of lines: those of the nodes add up to one, and helper functions are parts of them."""

from __future__ import annotations

import pytest

from pocket_lab.frames.lines import lines_frame
from pocket_lab.records.point import Point
from pocket_lab.records.sources import LineCost

POINT = Point("t", 1, 1, "serial", "run")


def test_the_time_of_a_helper_is_in_the_lines_that_call_it_and_does_not_add_to_the_whole() -> None:
    frame = lines_frame(
        [
            LineCost(POINT, "work", "f.py", 1, 1, 3.0),
            LineCost(POINT, "work", "f.py", 2, 1, 1.0),
            LineCost(POINT, "helper()", "f.py", 9, 5, 2.0),
        ]
    )
    assert list(frame["share"]) == pytest.approx([0.75, 0.25, 0.5])
