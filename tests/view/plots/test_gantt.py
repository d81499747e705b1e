"""The picture of a trace: of one span, of ten thousand, of many workers, of names that want to break out."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from matplotlib.axes import Axes

from pocket_lab.frames.spans import spans_frame, traced_nodes_frame
from pocket_lab.records.point import Point
from pocket_lab.records.record import Record
from pocket_lab.records.spans import Span, Traced
from pocket_lab.view.plots.figure import INK, to_svg
from pocket_lab.view.plots.gantt import gantt_figure, node_colors
from pocket_lab.view.text.nodes_table import nodes_table

POINT = Point("t", 4, 2, "threads", "run")
EVIL = "<script>alert('x')</script>&$\\frac{1}{2}$" + "long" * 40


def span(id: int, start_s: float, end_s: float, **fields: Any) -> Span:
    told = Span(POINT, 0, id, None, "n", "exec", "default", start_s, end_s, "MainThread", None, 1, "ok")
    return replace(told, **fields)


def fan_out(items: int, workers: int, names: tuple[str, ...] = ("read", "count")) -> list[Record]:
    records: list[Record] = [Traced(POINT, items + 1.0, items, 0.0, 0.0), span(0, 0.0, items / workers + 1, node="each")]
    for item in range(items):
        start_s, where = item // workers + 0.5, {"parent": 0, "item": item, "worker": f"pocket-lab-worker_{item % workers}"}
        records.append(span(len(records) - 1, 0.0, start_s, node=names[0], phase="queue", action="", **where))
        for number, name in enumerate(names):
            part = 0.9 / len(names)
            records.append(span(len(records) - 1, start_s + number * part, start_s + (number + 1) * part, node=name, **where))
    return records


def picture(records: list[Record], path: int = 3) -> tuple[str, Axes]:
    spans = spans_frame(records)
    figure = gantt_figure(spans, spans[spans["phase"] != "queue"].tail(path), "the title")
    svg = to_svg(figure)
    ElementTree.fromstring(svg)
    assert "script>" not in svg
    return svg, figure.axes[0]


def labels(ax: Axes) -> list[str]:
    return [label.get_text() for label in ax.get_yticklabels()]


def test_a_row_for_each_worker_in_order_and_one_for_waiting_items() -> None:
    svg, ax = picture(fan_out(24, 11))
    assert labels(ax) == ["MainThread", *(f"worker {number}" for number in range(11)), "waiting (up to 24)"]
    for text in ("the title", "critical path", "each", "read", "count"):
        assert text in svg
    assert INK not in svg


def test_one_span_has_no_row_for_waits() -> None:
    _, ax = picture([Traced(POINT, 1.0, 1, 0.0, 0.0), span(0, 0.0, 1.0)], path=0)
    assert labels(ax) == ["MainThread"]
    assert "critical path" not in [text.get_text() for text in ax.get_legend().get_texts()]


def test_many_spans_are_a_small_picture_that_says_what_it_shows() -> None:
    few, _ = picture(fan_out(100, 2))
    many, ax = picture(fan_out(10_000, 4, ("a", "b", "c", "d")), path=2000)
    assert "40,000 spans: the share of each node in each interval" in ax.get_title(loc="left")
    assert len(few) < 100_000
    assert len(many) < 600_000


def test_many_workers_and_nodes_are_cut_and_that_is_said() -> None:
    names = tuple(f"node {number}" for number in range(40))
    _, ax = picture(fan_out(100, 100, names))
    assert len(labels(ax)) == 24 + 1
    assert "(24 of 101 workers shown)" in ax.get_title(loc="left")
    assert "and 25 more nodes" in [text.get_text() for text in ax.get_legend().get_texts()]


def test_names_that_want_to_break_out_stay_names() -> None:
    picture([Traced(POINT, 1.0, 1, 0.0, 0.0), span(0, 0.0, 1.0, node=EVIL, worker=EVIL)])


def test_the_first_eight_nodes_have_colours_of_their_own_and_the_next_ones_lighter() -> None:
    frame = pd.DataFrame({"node": [f"n{number}" for number in range(16)]})
    colors = node_colors(frame)
    assert len(set(colors.values())) == 16
    assert colors == node_colors(frame)
    assert all(sum(colors[f"n{number + 8}"]) > sum(colors[f"n{number}"]) for number in range(8))


@pytest.mark.parametrize("retried", [False, True])
def test_the_table_has_the_columns_that_say_something(retried: bool) -> None:
    records = fan_out(3, 1)
    if retried:
        records.append(span(99, 8.0, 9.0, phase="retry", action="", outcome="failed", node="read"))
    frame = traced_nodes_frame(records)
    frame.insert(8, "slack_s", 0.0)
    table = nodes_table(frame)
    assert table.headers == ("node", "calls", "time", "share", *(("exec", "retry") if retried else ()), "queue (sum)", "slack")
    assert [row[0] for row in table.rows] == ["each", "read", "count"]
