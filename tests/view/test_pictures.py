"""Pictures of one point, of a thousand, and of names that want to break out."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from typing import Any

import matplotlib as mpl
import pandas as pd
import pytest

from pocket_lab.analysis.scaling import add_speedup
from pocket_lab.frames import bench_frame, lines_frame, memory_frame, samples_frame
from pocket_lab.records import Closed, LineCost, NodeMemory, Planned, Point, Record, Sample
from pocket_lab.view.bars import lines_figure, memory_figure
from pocket_lab.view.figure import INK, to_svg
from pocket_lab.view.heat import heat_html
from pocket_lab.view.page import caveats, failures, fragment, page
from pocket_lab.view.plot import bench_figure
from pocket_lab.view.table import bench_table, shorten

EVIL = "<script>alert('x')</script>&$\\frac{1}{2}$" + "long" * 40


def sweep(sizes: list[int | None], workers: list[int], name: str = "target") -> list[Record]:
    points = [Point(name, size, count, "threads", "run") for size in sizes for count in workers]
    records: list[Record] = [Planned(tuple(points), 1.0)]
    for point in points:
        run_s = 1e-3 * (point.size or 1) / point.workers
        records += [Sample(point, n, 1, run_s * (1 + n / 100), run_s, 1) for n in range(8)]
        records.append(Closed(point, "done"))
    return records


def frames(records: list[Record]) -> tuple[pd.DataFrame, pd.DataFrame]:
    return add_speedup(bench_frame(records)), samples_frame(records)


@pytest.mark.parametrize(
    ("sizes", "workers", "panels"),
    [([10, 100], [1, 2], 2), ([10, 100], [1], 1), ([10], [1, 2], 1), ([None], [1], 1), ([10], [1], 1), ([None], [1, 2], 1)],
)
def test_a_bench_draws_the_panels_that_it_has_data_for(sizes: list[int | None], workers: list[int], panels: int) -> None:
    figure = bench_figure(*frames(sweep(sizes, workers)))
    assert len(figure.axes) == panels
    assert all(ax.lines or ax.containers for ax in figure.axes)
    svg(to_svg(figure))


def test_points_that_all_failed_still_draw() -> None:
    point = Point("t", 1, 1, "serial", "run")
    failed = [Sample(point, 0, 0, float("nan"), float("nan"), 0, "ValueError: x"), Closed(point, "failed")]
    assert "no samples" in to_svg(bench_figure(*frames(failed)))


def test_a_thousand_points_stay_readable() -> None:
    frame, samples = frames(sweep(list(range(1, 51)), list(range(1, 21))))
    assert len(frame) == 1000
    table = bench_table(frame)
    assert len(table.rows) == 40
    assert table.more == 960
    assert "960 more rows" in table.to_text()
    assert "960 more rows" in table.to_html()
    legend = bench_figure(frame, samples).axes[0].get_legend()
    assert legend is not None
    assert len(legend.get_texts()) == 8
    assert "8 of 20" in legend.get_title().get_text()


def test_names_of_users_stay_text() -> None:
    frame, samples = frames(sweep([1, 2], [1], name=EVIL))
    memory = memory_frame([NodeMemory(Point("t", 1, 1, "serial", "run"), EVIL, 1, 1, 1, 1, 1, 0, 0)])
    lines = lines_frame([LineCost(Point("t", 1, 1, "serial", "run"), EVIL, "f", 1, 1, 1.0)], {"f": [f"x = {EVIL!r}\n"]})
    parts = [
        bench_table(frame).to_html(),
        to_svg(bench_figure(frame, samples)),
        to_svg(memory_figure(memory)),
        to_svg(lines_figure(lines)),
        heat_html(lines),
        caveats([EVIL]),
        failures([EVIL]),
    ]
    assert "<script" not in page(EVIL, fragment(EVIL, parts))
    for part in parts:
        if part.startswith("<svg"):
            svg(part)


def test_the_svg_takes_the_colour_of_the_page_and_nothing_from_the_network() -> None:
    text = to_svg(bench_figure(*frames(sweep([1, 2], [1, 2]))))
    root = svg(text)
    assert INK not in text
    assert "currentColor" in text
    assert "viewBox" in root.attrib
    assert "width" not in root.attrib
    assert not re.findall(r"(?:href|src)=\"http", text)


def test_no_global_state_of_matplotlib_changes() -> None:
    before = dict(mpl.rcParams)
    figure = bench_figure(*frames(sweep([1, 2], [1, 2])))
    to_svg(figure)
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert dict(mpl.rcParams) == before
    import matplotlib.pyplot as plt

    assert plt.get_fignums() == []


def test_heat_is_stronger_for_dearer_lines() -> None:
    point = Point("t", 1, 1, "serial", "run")
    costs = [LineCost(point, "n", "f", line, 1, time) for line, time in ((1, 0.0), (2, 1.0), (3, 9.0))]
    strengths = [float(s) for s in re.findall(r"rgba\(213,94,0,([\d.]+)\)", heat_html(lines_frame(costs, {})))]
    assert strengths == sorted(strengths)
    assert strengths[0] == 0.0
    assert strengths[2] == pytest.approx(0.55)


def test_long_names_lose_their_middle() -> None:
    assert shorten("short") == "short"
    assert len(shorten("x" * 500)) <= 48
    assert shorten("begin" + "x" * 100 + "end", 20).endswith("end")


def svg(text: str) -> Any:
    """The root element; fails where the text is not well-formed XML."""
    return ElementTree.fromstring(text)
