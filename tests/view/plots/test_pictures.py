"""Pictures of one point, of a thousand, and of names that want to break out."""

from __future__ import annotations

import io
import math
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
import matplotlib.image
import matplotlib.style
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text

from pocket_lab.analysis.compare.stored import CORRECTED, TOO_SHORT
from pocket_lab.analysis.scaling import add_speedup, log_throughputs
from pocket_lab.frames.bench import bench_frame
from pocket_lab.frames.lines import lines_frame
from pocket_lab.frames.memory import activity_frame, memory_frame, runs_memory_frame, timeline_frame
from pocket_lab.frames.samples import samples_frame
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.memory import HeapPoint, NodeActivity, NodeMemory, RunMemory
from pocket_lab.records.point import Point
from pocket_lab.records.progress import Closed, Planned
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Sample
from pocket_lab.records.sources import LineCost, Source
from pocket_lab.view.html.heat import heat_html
from pocket_lab.view.html.page import caveats, failures, fragment, page
from pocket_lab.view.plots.bench import bench_figure, plot_bench
from pocket_lab.view.plots.figure import INK, LIGHT, LabFigure, to_svg
from pocket_lab.view.plots.forest import comparison_figure, plot_comparison
from pocket_lab.view.plots.lines import lines_figure
from pocket_lab.view.plots.memory import memory_figure
from pocket_lab.view.text.bench_table import bench_table
from pocket_lab.view.text.comparison_table import comparison_table
from pocket_lab.view.text.table import shorten, shorten_apart

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
    samples = samples_frame(records)
    return add_speedup(bench_frame(records, samples), log_throughputs(samples)), samples


@pytest.mark.parametrize(
    ("sizes", "workers", "panels"),
    [([10, 100], [1, 2], 2), ([10, 100], [1], 1), ([10], [1, 2], 1), ([None], [1], 1), ([10], [1], 1), ([None], [1, 2], 1)],
)
def test_a_bench_draws_the_panels_that_it_has_data_for(sizes: list[int | None], workers: list[int], panels: int) -> None:
    figure = bench_figure(*frames(sweep(sizes, workers)))
    assert len(figure.axes) == panels
    assert all(ax.lines or ax.containers for ax in figure.axes)
    svg(to_svg(figure))


def test_points_without_an_interval_are_hollow_and_first_runs_are_not_drawn() -> None:
    thin = [Sample(Point("t", 100, 1, "threads", "run"), n, 1, 1.0, 1.0, 1) for n in range(3)]
    first: list[Record] = [Sample(Point("t", 1000, 1, "threads", "run"), 0, 1, 9.0, 9.0, 1)]
    (ax,) = bench_figure(*frames([*sweep([10], [1], "t"), *thin, *first])).axes
    hollow = [line for line in ax.lines if line.get_markerfacecolor() == "none"]
    assert [list(line.get_xdata()) for line in hollow] == [[100.0]]
    assert 1000.0 not in {x for line in ax.lines for x in line.get_xdata()}


def test_no_text_of_a_picture_is_black_which_nobody_sees_on_a_dark_page() -> None:
    failed: list[Record] = [Sample(Point("t", 1, 1, "serial", "run"), 1, 0, math.nan, math.nan, 0, error="no")]
    for records in (failed, sweep([10, 100], [1, 2])):
        figure = bench_figure(*frames(records))
        texts = [text for text in figure.findobj(Text) if text.get_text()]
        assert texts
        assert {text.get_color() for text in texts} == {INK}


def test_error_bars_of_the_speedup_are_its_interval_and_the_baseline_has_none() -> None:
    frame, samples = frames(sweep([10], [1, 2, 4]))
    low, high = frame.loc[frame["workers"] == 4, ["speedup_low", "speedup_high"]].iloc[0]
    (ax,) = bench_figure(frame.assign(speedup_low=frame["speedup_low"] - 0.1), samples).axes
    segments = [segment for bars in ax.collections for segment in bars.get_segments()]  # type: ignore[attr-defined]
    assert [segment[0][0] for segment in segments] == [2.0, 4.0]
    assert segments[1][:, 1].tolist() == pytest.approx([low - 0.1, high])


def test_the_error_bars_of_two_executors_stand_beside_each_other() -> None:
    frame, samples = frames(sweep([10], [1, 2, 4]))
    both = pd.concat([frame, frame.assign(executor="processes")], ignore_index=True)
    (ax,) = bench_figure(both, samples).axes
    segments = [segment for bars in ax.collections for segment in bars.get_segments()]  # type: ignore[attr-defined]
    threads, processes = sorted(segment[0][0] for segment in segments if abs(segment[0][0] - 2) < 0.5)
    assert threads < 2 < processes < 2.2


@pytest.mark.parametrize(("basis", "label"), [("cpu", "CPU time per run"), ("wall", "time per run")])
def test_the_axis_names_the_clock(basis: str, label: str) -> None:
    frame, samples = frames(sweep([10, 100], [1]))
    ax = bench_figure(frame.assign(basis=basis), samples).axes[0]
    assert ax.get_ylabel() == label


def test_a_series_partly_on_cpu_time_is_drawn_in_wall_time() -> None:
    frame, samples = frames(sweep([10, 100], [1, 2]))
    ax = bench_figure(frame.assign(basis=["cpu", "wall", "cpu", "wall"], cpu_s=99.0), samples).axes[0]
    assert ax.get_ylabel() == "time per run"
    legend = ax.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["threads x 1, CPU time", "threads x 2"]
    mixed = bench_figure(frame.assign(basis=["cpu", "wall", "wall", "wall"], cpu_s=99.0), samples).axes[0]
    assert max(y for line in mixed.lines for y in line.get_ydata()) < 1


def test_the_table_shows_intervals_first_runs_and_clocks() -> None:
    first: list[Record] = [Sample(Point("target", 1000, 1, "threads", "run"), 0, 1, 2.3, 2.3, 1)]
    frame, _ = frames([*sweep([10], [1, 2]), *first])
    table = bench_table(frame.assign(basis="wall"))
    rows = [dict(zip(table.headers, row, strict=True)) for row in table.rows]
    assert [row["speed-up"] for row in rows] == ["1x", "2.00x [2.00, 2.00]", "–"]
    assert [row["time"] for row in rows][1:] == ["5.20 ms", "first run 2.30 s"]
    assert "clock" not in rows[0]
    table = bench_table(frame.assign(basis=["cpu", "wall", "wall"]))
    rows = [dict(zip(table.headers, row, strict=True)) for row in table.rows]
    assert [row["clock"] for row in rows] == ["CPU", "wall", "–"]
    assert (rows[0]["time"], rows[0]["wall"], rows[1]["time"]) == ("10.0 ms", "10.4 ms", "5.20 ms")
    assert rows[0]["95 % interval"] == "10.0 … 10.0 ms"


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
    assert legend.get_title().get_text() == "8 of 20 shown, from least to most"


def parameters(labels: list[str], seconds: Callable[[int], float]) -> list[Record]:
    """Three sizes of each label; `seconds` by the number of the label."""
    points = [
        (number, Point("t", size, 1, "serial", "run", None, (("model", label),)))
        for number, label in enumerate(labels)
        for size in (10, 100, 1000)
    ]
    records: list[Record] = []
    for number, point in points:
        records += [Sample(point, r + 1, 1, seconds(number) * (1 + r / 1e4), seconds(number), 1) for r in range(8)]
    return [*records, *(Closed(point, "done") for _, point in points)]


def test_of_many_series_those_from_the_fastest_to_the_slowest_are_drawn_in_their_order() -> None:
    """The fastest is the last but one, the slowest the second: the first eight would show neither."""
    order = list(range(2, 32))
    order[1], order[-2] = 99, 1
    figure = bench_figure(*frames(parameters([f"v{number}" for number in order], lambda number: 0.001 * order[number])))
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]  # type: ignore[union-attr]
    drawn = [int(label.removeprefix("model v").partition(",")[0]) for label in labels]
    assert {1, 99} < set(drawn)
    assert drawn == [number for number in order if number in drawn]
    assert len(drawn) == 8


@pytest.mark.parametrize("count", [3, 8])
def test_long_labels_of_parameters_stay_apart_inside_the_picture(count: int) -> None:
    """The labels differ in their middle, which is what a cut leaves out."""
    text = "{{'layers': [64, 64, 32], 'ключ': {}, 'activation': 'relu', 'dropout': 0.5, 'значение': 1}}"
    labels = [text.format(number) for number in range(count)]
    figure = bench_figure(*frames(parameters(labels, lambda number: 0.001 * (number + 1))))
    figure.savefig(io.BytesIO(), format="png")
    sizes, values = figure.axes
    legend = sizes.get_legend()
    assert legend is not None
    shown = [text.get_text() for text in legend.get_texts()]
    assert len(set(shown)) == count
    assert max(map(len, shown)) <= 40
    assert [f"': {number}, " in text for number, text in enumerate(shown)] == [True] * count
    box = legend.get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= sizes.get_tightbbox().x1 + 1  # type: ignore[union-attr]
    assert figure.bbox.y0 <= box.y0 + 1
    ticks = [label.get_text() for label in values.get_xticklabels()]
    assert len(set(ticks)) == count
    assert max(map(len, ticks)) <= 16


def rows_of(points: list[Point]) -> tuple[pd.DataFrame, pd.DataFrame]:
    records: list[Record] = [Planned(tuple(points), 1.0)]
    for number, point in enumerate(points):
        records += [Sample(point, r + 1, 1, 1e-3 * (number + 1) * (1 + r / 1e4), 1e-3, 1) for r in range(7)]
    return frames([*records, *(Closed(point, "done") for point in points)])


def test_two_parameters_of_two_executors_are_two_panels_with_a_legend_of_eight_and_one_of_four() -> None:
    points = [
        Point("t", size, 2, executor, "run", None, (("cache", cache), ("chunk", chunk)))
        for cache in ("0", "1000")
        for chunk in ("1", "8", "64")
        for size in (10, 100, 1000)
        for executor in ("threads", "processes")
    ]
    frame, samples = rows_of(points)
    figure = bench_figure(frame, samples)
    figure.savefig(io.BytesIO(), format="png")
    assert [ax.get_xlabel() for ax in figure.axes] == ["size", "chunk"]
    by_size, by_chunk = (ax.get_legend() for ax in figure.axes)
    assert by_size is not None
    assert by_chunk is not None
    assert by_size.get_title().get_text() == "8 of 12 shown, from least to most"
    assert all(re.fullmatch(r"cache 1?0+, chunk \d+, (threads|processes) x 2", text.get_text()) for text in by_size.get_texts())
    assert [text.get_text() for text in by_chunk.get_texts()] == [
        f"cache {cache}, {executor} x 2" for cache in (0, 1000) for executor in ("threads", "processes")
    ]
    label = figure.axes[0].xaxis.label.get_window_extent()
    assert by_size.get_window_extent().y1 <= label.y0, "the legend is below the label of the axis"


def test_of_two_long_parameters_each_is_shortened() -> None:
    long = "a model with a very long name, version {} of those that were trained in spring"
    points = [
        Point("t", size, 1, "serial", "run", None, (("model", long.format(model)), ("loss", long.format(loss))))
        for model in range(4)
        for loss in range(2)
        for size in (10, 100)
    ]
    legend = bench_figure(*rows_of(points)).axes[0].get_legend()
    assert legend is not None
    shown = [text.get_text() for text in legend.get_texts()]
    assert len(set(shown)) == 8
    assert max(map(len, shown)) <= 40
    assert all(re.search(r"model .*[0-3].*loss .*[01]", text) for text in shown)


def test_ten_thousand_points_are_forty_rows_eight_lines_and_the_number_of_the_others() -> None:
    points = [
        Point("t", size, 1, "serial", "run", None, (("alpha", str(alpha)), ("beta", str(beta))))
        for alpha in range(100)
        for beta in range(10)
        for size in range(1, 11)
    ]
    records: list[Record] = [Sample(point, r, 1, 1e-3, 1e-3, 1) for point in points for r in (1, 2)]
    frame, samples = frames([*records, *(Closed(point, "done") for point in points)])
    table = bench_table(frame)
    assert (len(frame), len(table.rows), table.more) == (10_000, 40, 9_960)
    assert table.to_text().endswith("\n... 9960 more rows in .frame")
    by_size, by_alpha = bench_figure(frame, samples).axes
    titles = []
    for ax in (by_size, by_alpha):
        legend = ax.get_legend()
        assert legend is not None
        assert len(legend.get_texts()) == 8
        titles.append(legend.get_title().get_text())
    assert titles == ["8 of 1000 shown, from least to most", "8 of 10 shown, from least to most"]
    assert {line.get_linestyle() for line in by_alpha.lines} == {"None"}, "lines between a hundred values would fill it"


def test_labels_that_look_the_same_are_cut_where_they_begin_to_differ() -> None:
    ends = [f"{'x' * 30} {number} {'y' * 30}" for number in range(3)]
    assert shorten_apart(ends, 20) == [f"…{'x' * 5} {number} {'y' * 10}…" for number in range(3)]
    assert shorten_apart(["short", ends[0]], 20) == ["short", shorten(ends[0], 20)]
    assert shorten_apart([ends[0], ends[0]], 20) == [shorten(ends[0], 20)] * 2, "one name is one label"
    pairs = [f"{'x' * 30}{first}{'y' * 40}{second}{'z' * 30}" for first in "ab" for second in "cd"]
    assert len(set(shorten_apart(pairs, 20))) == 4
    assert max(map(len, shorten_apart(pairs, 20))) <= 20


def test_names_of_users_stay_text() -> None:
    frame, samples = frames(sweep([1, 2], [1], name=EVIL))
    point = Point("t", 1, 1, "serial", "run")
    held: list[Record] = [NodeMemory(point, EVIL, 1, 1, 1, 1, 1, 0, 0), RunMemory(point, 1, 1, 1, 0, 0, wall_s=1.0)]
    held += [HeapPoint(point, 0.5, 1, 1), NodeActivity(point, EVIL, 0.1, 0.9)]
    memory = memory_frame(held), runs_memory_frame(held), timeline_frame(held), activity_frame(held)
    cost = LineCost(Point("t", 1, 1, "serial", "run"), EVIL, "f", 1, 1, 1.0)
    lines = lines_frame([Source("f", 1, (f"x = {EVIL!r}\n",)), cost])
    parts = [
        bench_table(frame).to_html(),
        to_svg(bench_figure(frame, samples)),
        to_svg(memory_figure(*memory)),
        to_svg(lines_figure(lines)),
        heat_html(lines),
        caveats([Caveat("evil", EVIL)]),
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
    strengths = [float(s) for s in re.findall(r"rgba\(213,94,0,([\d.]+)\)", heat_html(lines_frame(costs)))]
    assert strengths == sorted(strengths)
    assert strengths[0] == 0.0
    assert strengths[2] == pytest.approx(0.55)


def test_long_names_lose_their_middle() -> None:
    assert shorten("short") == "short"
    assert len(shorten("x" * 500)) <= 48
    assert shorten("begin" + "x" * 100 + "end", 20).endswith("end")


def comparison(*rows: tuple[float, float, float, str], name: str = "new", size: int | None = 10) -> pd.DataFrame:
    """Rows of (ratio, low, high, verdict)."""
    keys = ("ratio", "ratio_low", "ratio_high", "verdict")
    place = {"target_a": "old", "target_b": name, "size": size, "workers": "1 | 4", "executor": "threads", "drive": "run"}
    rest = {"basis": "wall", "seconds_needed": float("nan"), "blocks": 10, "rounds": 80, "status": "done", "a_s": 0.01}
    made = [
        {**place, **dict(zip(keys, row, strict=True)), "cpu_ratio": 1.5, "wall_ratio": row[0], "b_s": 0.01 * row[0], **rest}
        for row in rows
    ]
    return pd.DataFrame(made)


NAN = float("nan")
SLOWER, FASTER, SAME = (1.3, 1.28, 1.32, "slower"), (0.5, 0.4, 0.6, "faster"), (1.0, 0.995, 1.005, "same")
UNTOLD, UNMEASURED = (3.0, NAN, NAN, "cannot tell"), (NAN, NAN, NAN, "cannot tell")


def intervals(figure: LabFigure) -> list[tuple[float, float]]:
    """The ends of the intervals that are drawn."""
    return [tuple(line.get_xdata()) for line in figure.axes[0].lines if len(set(line.get_ydata())) == 1 < len(line.get_xdata())]


def test_a_comparison_draws_each_interval_as_a_change_in_per_cent_with_its_verdict() -> None:
    figure = comparison_figure(comparison(SLOWER, FASTER, SAME, UNTOLD), 0.01)
    assert [pytest.approx(ends) for ends in intervals(figure)] == [(28.0, 32.0), (-60.0, -40.0), (-0.5, 0.5)]
    assert [text.get_text() for text in figure.axes[0].texts] == ["slower", "faster", "same", "cannot tell"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["size 10, threads x 1 | 4"] * 4
    low, high = figure.axes[0].get_xlim()
    assert low <= -60
    assert high >= 200
    svg(to_svg(figure))


@pytest.mark.parametrize("rows", [[UNMEASURED], [SAME], [(1e6, 1e5, 1e7, "slower")], [(1e-9, 1e-9, 2e-9, "faster")]])
def test_a_comparison_of_anything_is_drawn_with_the_margin_in_view(rows: list[tuple[float, float, float, str]]) -> None:
    for size in (None, 10**12):
        figure = comparison_figure(comparison(*rows, size=size), 0.1)
        low, high = figure.axes[0].get_xlim()
        assert low <= -10
        assert high >= 10
        svg(to_svg(figure))


def test_many_pairs_are_cut_in_table_and_picture_and_the_rest_is_named() -> None:
    frame = comparison(*[SLOWER] * 100)
    figure = comparison_figure(frame, 0.01)
    assert len(intervals(figure)) == 40
    assert "60 more in .frame" in figure.axes[0].get_xlabel()
    table = comparison_table(frame)
    assert (len(table.rows), table.more) == (40, 60)
    assert "60 more rows" in table.to_text()


def test_a_comparison_is_a_table_of_changes() -> None:
    table = comparison_table(comparison(SLOWER, UNMEASURED))
    rows = [dict(zip(table.headers, row, strict=True)) for row in table.rows]
    assert (rows[0]["old"], rows[0]["new"], rows[0]["change"]) == ("10.00 ms", "13.00 ms", "+30.0 %")
    assert rows[0]["99 % interval"] == "+28.0 % … +32.0 %"
    assert (rows[0]["verdict"], rows[0]["basis"], rows[0]["CPU"], rows[0]["wall"]) == ("slower", "wall", "+50.0 %", "+30.0 %")
    assert (rows[1]["change"], rows[1]["99 % interval"], rows[1]["verdict"]) == ("–", "–", "cannot tell")


def test_of_two_stored_runs_the_raw_changes_the_machine_and_what_was_corrected_are_side_by_side() -> None:
    reasons = [CORRECTED, TOO_SHORT]
    table = comparison_table(
        comparison(SLOWER, SLOWER).assign(machine_ratio=[1.2, NAN], reason=reasons),
        {"cpu_ratio": 1.5, "wall_ratio": 1.3, "ratio": 1.3},
    )
    rows = [dict(zip(table.headers, row, strict=True)) for row in table.rows]
    shown = ("change", "CPU raw", "wall raw", "machine", "corrected")
    assert [tuple(row[name] for name in shown) for row in rows] == [
        ("+30.0 %", "+50.0 %", "+30.0 %", "+20.0 %", "yes"),
        ("+30.0 %", "+50.0 %", "+30.0 %", "–", "no"),
        ("+30.0 %", "+50.0 %", "+30.0 %", "", ""),
    ]


@pytest.mark.parametrize("name", ["old", "size", "wall"])
def test_a_name_that_would_be_another_column_is_not_a_header(name: str) -> None:
    table = comparison_table(comparison(SLOWER, name=name))
    assert table.headers[3:5] == ("before", "after")
    assert len(set(table.headers)) == len(table.headers)


def test_names_of_compared_targets_stay_text() -> None:
    frame = comparison(SLOWER, name=EVIL)
    text = to_svg(comparison_figure(frame, 0.01))
    svg(text)
    assert "<script" not in text + comparison_table(frame).to_html()


def svg(text: str) -> Any:
    """The root element; fails where the text is not well-formed XML."""
    return ElementTree.fromstring(text)


LIGHT_TEXT = {"text.color": "white", "axes.labelcolor": "white", "xtick.color": "white", "ytick.color": "white"}
STYLES: list[Any] = ["dark_background", "grayscale", "fivethirtyeight", LIGHT_TEXT | {"savefig.facecolor": "black"}]


@pytest.mark.parametrize("chosen", STYLES, ids=lambda chosen: chosen if isinstance(chosen, str) else "light text")
def test_a_picture_of_ours_is_the_same_under_every_style_of_the_user(chosen: Any) -> None:
    data = frames(sweep([10, 100], [1, 2]))
    made: list[Callable[[], LabFigure]] = [
        lambda: bench_figure(*data),
        lambda: comparison_figure(comparison(SLOWER, FASTER, SAME), 0.01),
    ]
    for draw in made:
        plain, figure = draw(), draw()
        with matplotlib.style.context(chosen):
            styled = draw()
            shown, picture, saved = styled._repr_png_(), to_svg(styled), io.BytesIO()
            late = figure._repr_png_()
            styled.savefig(saved, format="png")
        assert shown == late == plain._repr_png_()
        assert without_ids(picture) == without_ids(to_svg(plain))
        corner = matplotlib.image.imread(io.BytesIO(saved.getvalue()))[0, 0]
        assert corner[:3].tolist() == [1, 1, 1]


def without_ids(picture: str) -> str:
    """An SVG without the random names of its parts."""
    return re.sub(r'(id="|#)\w+', "", picture)


@pytest.mark.parametrize("draw", ["bench", "comparison"])
def test_on_dark_axes_of_the_users_text_and_lines_are_light(draw: str) -> None:
    with matplotlib.style.context("dark_background"):
        ax = LabFigure().add_subplot()
        if draw == "bench":
            plot_bench(ax, *frames(sweep([10, 100], [1, 2])))
        else:
            plot_comparison(ax, comparison(SLOWER, FASTER), 0.01)
    assert {to_hex(text.get_color()) for text in ax.findobj(Text) if text.get_text()} == {LIGHT}
    assert {to_hex(spine.get_edgecolor()) for side, spine in ax.spines.items() if side in ("left", "bottom")} == {LIGHT}
    assert INK not in {line.get_color() for line in ax.lines}
    assert ax.get_facecolor() == (0, 0, 0, 1), "the user's own"
