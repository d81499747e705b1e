"""Several points of one profile: named in tables, and the heaviest one in the picture."""

from __future__ import annotations

import pandas as pd
import pytest
from markupsafe import Markup

from pocket_lab.frames.calls import times_frame
from pocket_lab.frames.lines import lines_frame
from pocket_lab.frames.memory import memory_lines_frame
from pocket_lab.frames.points import at_point, point_of
from pocket_lab.records.memory import LineMemory
from pocket_lab.records.point import Point, describe
from pocket_lab.records.sources import LineCost, Stack
from pocket_lab.view.html.point_sections import for_each_point
from pocket_lab.view.plots.calls import calls_figure
from pocket_lab.view.plots.lines import lines_figure
from pocket_lab.view.points import heaviest
from pocket_lab.view.text.calls_table import calls_table
from pocket_lab.view.text.lines_table import lines_table
from pocket_lab.view.text.memory_tables import memory_lines_table

SMALL, LARGE, SIZELESS = (Point("graph", size, 2, "threads", "run") for size in (10, 2000, None))


def lines(*costs: tuple[Point, float]) -> pd.DataFrame:
    return lines_frame([LineCost(point, "work", "cell", 3, 1, time_s) for point, time_s in costs])


def calls(*costs: tuple[Point, float]) -> pd.DataFrame:
    return times_frame([Stack(point, "work", (("f", "file.py", 1),), time_s, "s") for point, time_s in costs])


def test_tables_name_what_the_points_differ_in_and_nothing_else() -> None:
    several, one = [(SMALL, 1.0), (LARGE, 3.0)], [(SMALL, 1.0)]
    assert lines_table(lines(*several)).headers == ("size", "node", "file", "line", "hits", "time", "share", "source")
    assert [row[0] for row in lines_table(lines(*several)).rows] == ["2000", "10"]
    assert lines_table(lines(*one)).headers[0] == "node"
    assert calls_table(calls(*several)).headers == ("size", "node", "function", "own time", "own CPU", "share", "where")
    assert [row[5] for row in calls_table(calls(*several)).rows] == ["100 %", "100 %"], "a share is of its own point"
    assert calls_table(calls(*one)).headers[0] == "node"


@pytest.mark.parametrize("last", [LARGE, SIZELESS])
def test_a_picture_is_of_the_point_that_takes_most_and_says_so(last: Point) -> None:
    costs = [(SMALL, 1.0), (SMALL, 1.0), (last, 3.0)]
    location = heaviest(lines(*costs), "time_s")
    assert at_point(lines(*costs), location)["time_s"].tolist() == [3.0]
    for figure in (lines_figure(lines(*costs)), calls_figure(calls(*costs))):
        (ax,) = figure.axes
        assert len(ax.patches) == 1
        assert ax.get_title(loc="left").endswith(describe(point_of(location)))
    assert "threads" not in lines_figure(lines((last, 1.0))).axes[0].get_title(loc="left")


def test_a_frame_without_rows_has_no_heaviest_point() -> None:
    empty = lines()
    assert heaviest(empty, "time_s") == {}
    assert at_point(empty, {}).empty
    assert for_each_point(empty, lambda rows: Markup(len(rows))) == "0"
    assert not lines_figure(empty).axes[0].patches
    assert not calls_figure(calls()).axes[0].patches


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"size": 2000.0, "workers": 2.0, "executor": "threads", "drive": "run"}, "size 2000, threads x 2"),
        ({"size": pd.NA, "workers": 1, "executor": "serial", "drive": "map"}, "serial x 1, map"),
        ({"size": 10, "workers": "1 | 4", "executor": "threads", "drive": "run"}, "size 10, threads x 1 | 4"),
        (
            {"size": float("nan"), "workers": 2, "executor": "threads", "drive": "load", "rate": 50.0},
            "threads x 2, load at 50 requests a second",
        ),
    ],
    ids=["sized", "no size", "sides that differ", "rate"],
)
def test_a_row_of_a_frame_is_a_point_and_the_point_says_itself(row: dict[str, object], words: str) -> None:
    assert describe(point_of(row)) == words


def test_files_of_one_name_are_told_apart_and_wall_and_cpu_seconds_are_both_shown() -> None:
    """Lines of two files, with the same number, are rows that differ."""
    costs = [LineCost(SMALL, "work", file, 3, 1, 1.0) for file in ("/x/a/util.py", "/x/b/util.py", "cell")]
    names = [row[1] for row in lines_table(lines_frame(costs)).rows]
    assert names == ["a/util.py", "b/util.py", "cell"]
    memory = [LineMemory(SMALL, "work", file, 3, 1, 8, 8, 8, 0, 0) for file in ("/x/a/util.py", "/x/b/util.py")]
    table = memory_lines_table(memory_lines_frame(memory))
    assert table.headers[1:3] == ("file", "line")
    assert [row[1] for row in table.rows] == ["a/util.py", "b/util.py"]
    stacks = [Stack(SMALL, "work", (("f", f"/x/{folder}/util.py", 1),), 2.0, "s") for folder in "ab"]
    stacks += [Stack(SMALL, "work", (("f", "/x/a/util.py", 1),), 0.5, "cpu_s")]
    rows = calls_table(times_frame(stacks)).rows
    assert {row[5]: (row[2], row[3]) for row in rows} == {"a/util.py:1": ("2.00 s", "500 ms"), "b/util.py:1": ("2.00 s", "0 s")}
    assert calls_table(calls((SMALL, 1.0))).rows[0][3] == "–", "no CPU time is known"
