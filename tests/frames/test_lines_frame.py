"""Shares of lines: those of the nodes add up to one, and helper functions are parts of them."""

from __future__ import annotations

import pytest

from pocket_lab.analysis.line_excess import LineExcess, line_excesses
from pocket_lab.frames.lines import lines_frame
from pocket_lab.frames.points import point_of
from pocket_lab.records.point import Point
from pocket_lab.records.sources import CALLERS, LineCost
from pocket_lab.view.findings.lines import share_caveats

POINT, LARGER = (Point("t", size, 1, "serial", "run") for size in (1, 2))


def test_the_time_of_a_helper_is_in_the_lines_that_call_it_and_does_not_add_to_the_whole() -> None:
    frame = lines_frame(
        [
            LineCost(POINT, "work", "f.py", 1, 1, 3.0),
            LineCost(POINT, "work", "f.py", 2, 1, 1.0),
            LineCost(POINT, "helper()", "f.py", 9, 5, 2.0),
        ]
    )
    assert list(frame["share"]) == pytest.approx([0.75, 0.25, 0.5])


def test_where_a_function_has_more_line_time_than_the_graphs_calls_shares_are_of_that() -> None:
    """A recursive function, threads in a node, and lines beyond an await: a share is a part of a whole, never above 1."""
    frame = lines_frame(
        [
            LineCost(POINT, "work", "f.py", 1, 1, 1.0, "work"),
            LineCost(POINT, "work", "f.py", 2, 1, 1.0, "work"),
            LineCost(POINT, "work", "f.py", 5, 4, 6.0, "work.<locals>.inner", "work"),
            LineCost(POINT, "work", "f.py", 6, 4, 2.0, "work.<locals>.inner", "work"),
            LineCost(POINT, "helper()", "f.py", 9, 5, 4.0, "helper", CALLERS),
            LineCost(LARGER, "work", "f.py", 1, 1, 2.0, "work"),
            LineCost(LARGER, "work", "f.py", 5, 4, 1.0, "work.<locals>.inner", "work"),
        ]
    )
    assert list(frame["share"]) == pytest.approx([1 / 8, 1 / 8, 6 / 8, 2 / 8, 4 / 8, 1.0, 0.5])
    (excess,) = line_excesses(frame)
    assert excess == LineExcess(point_of(frame.iloc[0]), "work", "work.<locals>.inner", 8.0, 2.0)
    (caveat,) = share_caveats([excess])
    assert caveat.code == "line-share"
    assert "the lines of inner add up to 8.00 s, those that the graph calls to 2.00 s" in caveat.message
    assert list(line_excesses(lines_frame([]))) == []
