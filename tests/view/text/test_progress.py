"""Progress: the state folded from records, and its face in a terminal."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from pocket_lab.records.point import Point
from pocket_lab.records.progress import Closed, Heartbeat, Planned, Started
from pocket_lab.records.samples import Sample
from pocket_lab.view.text import progress, terminal
from pocket_lab.view.text.progress import ProgressState
from pocket_lab.view.text.table import TextTable
from pocket_lab.view.text.terminal import TerminalProgress, print_table

POINTS = tuple(Point("t", size, 2, "threads", "run") for size in (10, 20))


class Clock:
    """A clock that is told the time."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    fake = Clock()
    monkeypatch.setattr(progress, "monotonic", fake)
    return fake


def test_the_fraction_is_by_points_or_by_time_whichever_is_further(clock: Clock) -> None:
    state = ProgressState()
    assert state.fraction == 0.0
    state.add(Planned(POINTS, 10.0))
    clock.now_s += 2.0
    assert state.fraction == 0.2
    state.add(Closed(POINTS[0], "done"))
    assert state.fraction == 0.5
    clock.now_s += 60.0
    assert state.fraction == 1.0
    assert state.headline == "1/2 points, 62 of 10 s"


def test_the_time_of_a_search_for_points_is_part_of_the_whole(clock: Clock) -> None:
    """A budget of 10 s, of which the search takes 4: the sweep has 6 left, and ends at ten."""
    state = ProgressState()
    state.add(Planned((), 10.0))
    clock.now_s += 4.0
    assert state.fraction == 0.4
    assert state.headline == "looking for points, 4 of 10 s"
    assert state.estimate == "what the budget holds"
    assert state.summary == "looked for points for 4.0 s"
    state.add(Planned(POINTS, 6.0))
    assert state.fraction == 0.4
    assert state.headline == "0/2 points, 4 of 10 s"
    clock.now_s += 3.0
    assert state.fraction == 0.7


def test_the_sides_of_a_comparison_are_counted_as_pairs(clock: Clock) -> None:
    pairs = tuple(Point(side, size, 1, "serial", "run") for size in (10, 20) for side in ("a", "b"))
    state = ProgressState()
    state.add(Planned(pairs, 10.0))
    state.add(Closed(pairs[0], "failed"))
    state.add(Closed(pairs[1], "failed"))
    assert state.headline == "1/2 pairs, 0 of 10 s"
    state.add(Sample(pairs[2], 1, 1, 1.0, 1.0, 1))
    assert state.summary == "2 pairs, 1 of them failed, 1 samples in 0.0 s"


def test_the_estimate_names_the_newest_point_with_its_median_so_far(clock: Clock) -> None:
    state = ProgressState()
    assert "starting" in state.estimate
    state.add(Planned(POINTS, 10.0))
    state.add(Started(POINTS[0]))
    assert state.estimate == "size 10, threads x 2: warming up"
    for number, run_s in enumerate([9.0, 0.9, 1.0, 1.1, 1.0, 0.95, 1.05]):
        state.add(Sample(POINTS[1], number, 2, 2 * run_s, 0.0, 2))
    assert state.estimate == "size 20, threads x 2: 1.00 s ± 10 %"
    assert state.summary.startswith("2 points, 7 samples")


@pytest.mark.parametrize(
    ("statuses", "samples", "summary"),
    [
        (["failed", "failed"], 0, "2 points failed in 3.0 s"),
        (["done", "failed"], 4, "2 points, 1 of them failed, 4 samples in 3.0 s"),
        (["done", "done"], 0, "2 points profiled in 3.0 s"),
        (["done", "failed"], 0, "1 of 2 points finished in 3.0 s"),
        ([], 0, "0 of 2 points finished in 3.0 s"),
    ],
)
def test_the_line_that_remains_says_what_happened(clock: Clock, statuses: list[Any], samples: int, summary: str) -> None:
    state = ProgressState()
    state.add(Planned(POINTS, 10.0))
    for number in range(samples):
        state.add(Sample(POINTS[0], number + 1, 1, 1.0, 1.0, 1))
    for point, status in zip(POINTS, statuses, strict=False):
        state.add(Closed(point, status))
    clock.now_s += 3.0
    assert state.summary == summary


def test_without_a_terminal_progress_is_plain_lines(clock: Clock) -> None:
    out = io.StringIO()
    with TerminalProgress(Console(file=out, width=100)) as watch:
        watch(Planned(POINTS, 10.0))
        watch(Started(POINTS[0]))
        for _ in range(3):
            clock.now_s += terminal._LINE_EVERY_S
            watch(Heartbeat(0.0))
    lines = out.getvalue().splitlines()
    assert len(lines) == 4
    assert lines[0].startswith(" 50%  0/2 points, 5 of 10 s")
    assert "\x1b" not in out.getvalue()


def test_in_a_terminal_it_is_a_bar_that_goes_away(clock: Clock) -> None:
    out = io.StringIO()
    with TerminalProgress(Console(file=out, force_terminal=True, width=100)) as watch:
        watch(Planned(POINTS, 10.0))
        clock.now_s += 3.0
        watch(Heartbeat(0.0))
    assert "0/2 points, 3 of 10 s" in out.getvalue()
    assert "━" in out.getvalue()


def test_points_that_had_not_begun_are_neither_finished_nor_measured(clock: Clock) -> None:
    state = ProgressState()
    state.add(Planned(POINTS, 10.0))
    state.add(Started(POINTS[0]))
    state.add(Sample(POINTS[0], 1, 1, 1.0, 1.0, 1))
    for point in POINTS:
        state.add(Closed(point, "budget"))
    assert state.headline == "1/2 points, 0 of 10 s"
    assert state.fraction == 1.0
    assert state.summary == "1 of 2 points, 1 samples in 0.0 s"


def terminal_lines(table: TextTable, width: int) -> list[str]:
    out = io.StringIO()
    print_table(Console(file=out, force_terminal=True, width=width, color_system=None), table, "title")
    return out.getvalue().splitlines()


WIDE = ("size", "executor", "workers", "time", "95 % interval", "clock", "per s", "speed-up", "rounds", "status")


@pytest.mark.parametrize("width", [60, 80, 100, 120])
@pytest.mark.parametrize("rows", [1, 2])
def test_no_column_of_a_table_is_cut_in_a_narrow_terminal(width: int, rows: int) -> None:
    row = ("100", "processes", "1", "12.30 ms", "12.1 ms … 12.9 ms", "wall", "81.3", "1.80x [1.71, 1.88]", "120", "budget")
    other = ("200", "processes", "1", "22.30 ms", "22.1 ms … 22.9 ms", "wall", "41.3", "1.20x [1.11, 1.28]", "121", "done")
    lines = terminal_lines(TextTable(WIDE, (row, other)[:rows], frozenset({"executor", "clock", "status"})), width)
    text = "\n".join(lines)
    assert max(map(len, lines)) <= width
    assert "…" not in text.replace(" … ", " ")
    for header, cell in zip(WIDE, row, strict=True):
        assert header in text
        assert cell in text
    head = next(line for line in lines if "time" in line)
    if rows == 2 and width == 100:
        assert head.split()[:4] == ["size", "workers", "time", "95"], "as many as necessary of those with one value go first"
        assert "In every row: executor processes" in text
    if width == 120:
        assert head.split() == " ".join(WIDE).split(), "all of it fits"


def test_the_source_of_lines_wraps_and_stays(clock: Clock) -> None:
    lines = terminal_lines(
        TextTable(("node", "time", "source"), (("work", "1.0 s", "x = " + "y + " * 19),), frozenset({"node", "source"})), 60
    )
    assert sum("y +" in line for line in lines) > 1
    assert max(map(len, lines)) <= 60


def test_a_table_fits_eighty_columns_and_markup_stays_text() -> None:
    out = io.StringIO()
    table = TextTable(("name", "value"), (("[bold]x[/bold]", "1"),), frozenset({"name"}))
    print_table(Console(file=out, force_terminal=True, width=80), table, "title")
    assert "[bold]x[/bold]" in out.getvalue()
    out = io.StringIO()
    print_table(Console(file=out), table, "title")
    assert "[bold]x[/bold]      1" in out.getvalue()
