"""Pictures and tables of memory: one point and many, short runs, many nodes."""

from __future__ import annotations

import matplotlib as mpl
import pytest

from pocket_lab.frames.memory import activity_frame, memory_frame, memory_lines_frame, runs_memory_frame, timeline_frame
from pocket_lab.records.memory import HeapPoint, LineMemory, NodeActivity, NodeMemory, RunMemory
from pocket_lab.records.point import Point
from pocket_lab.records.record import Record
from pocket_lab.view.plots.figure import INK, LabFigure, to_svg
from pocket_lab.view.plots.memory import memory_figure
from pocket_lab.view.text.memory_tables import memory_lines_table, memory_table

MIB = 2**20


def made(nodes: int, sizes: tuple[int, ...] = (10,), workers: tuple[int, ...] = (1,), moments: int = 50) -> list[Record]:
    records: list[Record] = []
    for size in sizes:
        for count in workers:
            point = Point("t", size, count, "threads", "run")
            peak = size * count * MIB
            records += [NodeMemory(point, f"n{n}", peak // (n + 1), peak, peak, 1, peak, 0, 0, peak, 1) for n in range(nodes)]
            records.append(RunMemory(point, peak, 1, peak, 0, 0, peak, 1, 0.0, 1.0))
            records += [HeapPoint(point, n / moments, n * peak // moments, 100 * MIB + n) for n in range(moments)]
            records += [NodeActivity(point, f"n{n}", n / nodes, (n + 1) / nodes) for n in range(nodes)]
    return records


def figure_of(records: list[Record]) -> LabFigure:
    return memory_figure(memory_frame(records), runs_memory_frame(records), timeline_frame(records), activity_frame(records))


@pytest.mark.parametrize(
    ("sizes", "workers", "panels"), [((10,), (1,), 3), ((10, 100), (1,), 4), ((10,), (1, 2), 4), ((10, 100), (1, 2), 4)]
)
def test_several_points_add_a_panel_of_their_peaks(sizes: tuple[int, ...], workers: tuple[int, ...], panels: int) -> None:
    figure = figure_of(made(3, sizes, workers))
    assert len(figure.axes) == panels
    if panels == 4:
        growth = figure.axes[3]
        assert growth.get_title(loc="left").startswith("Own peak over " + ("size" if len(sizes) > 1 else "workers"))
        assert len(growth.lines) == 3 * (len(workers) if len(sizes) > 1 else 1)
        assert [float(x) for x in growth.get_xticks()] == [float(x) for x in (sizes if len(sizes) > 1 else workers)]
        assert f"size {sizes[-1]}, threads x {workers[-1]}" in figure.axes[0].get_title(loc="left"), "the heaviest point"


def test_the_timeline_shows_the_heap_the_peak_and_the_rows_of_the_nodes() -> None:
    figure = figure_of(made(3))
    held, rows = figure.axes[1:3]
    assert held.lines[0].get_ydata().max() == 10 * MIB * 49 // 50  # type: ignore[union-attr]
    assert held.lines[1].get_ydata()[0] == 0  # type: ignore[index]
    assert held.lines[2].get_ydata()[0] == 10 * MIB  # type: ignore[index]
    assert [text.get_text() for text in rows.get_yticklabels()] == ["n0", "n1", "n2"]
    assert held.get_xlim() == rows.get_xlim()


def test_a_run_too_short_for_moments_says_so() -> None:
    figure = figure_of(made(2, moments=0))
    assert any("too short" in text.get_text() for text in figure.axes[1].texts)


def test_a_target_without_visits_has_no_rows() -> None:
    records = [record for record in made(1) if not isinstance(record, NodeActivity)]
    assert len(figure_of(records).axes) == 2


def test_many_nodes_are_cut_and_counted() -> None:
    figure = figure_of(made(40, (10, 100)))
    bars, _, rows, growth = figure.axes
    assert "(20 of 40 shown)" in bars.get_title(loc="left")
    assert "14 of 40 shown" in rows.get_xlabel()
    assert "(8 of 40 nodes)" in growth.get_title(loc="left")
    svg = to_svg(figure)
    assert INK not in svg
    assert mpl.rcParams["svg.fonttype"] == mpl.rcParamsDefault["svg.fonttype"]


def test_tables_name_the_points_only_where_they_differ() -> None:
    one, two = memory_table(memory_frame(made(2))), memory_table(memory_frame(made(2, (10, 100))))
    assert "size" not in one.headers
    assert two.headers[0] == "size"
    many = [NodeMemory(Point("t", 1, 2, "processes", "run"), "n", 9, 9, 9, 1, 9, 0, 0, 5, 3)]
    assert memory_table(memory_frame(many)).headers[-1] == "in one process"


def test_the_table_of_lines_shows_the_fifteen_largest() -> None:
    point = Point("t", 1, 1, "serial", "run")
    records: list[Record] = [LineMemory(point, "n", "f.py", line, 1, 1, line, 0, 0, 0) for line in range(1, 31)]
    table = memory_lines_table(memory_lines_frame(records))
    assert [row[2] for row in table.rows[:2]] == ["30", "29"]
    assert (len(table.rows), table.more) == (15, 15)
