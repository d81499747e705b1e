"""Monitor as a user sees it."""

from __future__ import annotations

import gc
import math
import re
import time
import weakref
from itertools import pairwise

import matplotlib.figure
import pandas as pd
import pytest

from pocket_lab import Graph, Node, NodeError, UsageError, fan_out, node
from pocket_lab.lab.monitor import Monitor
from pocket_lab.view.plots.traffic import traffic_figure


@node
def split(n: int) -> list[int]:
    return list(range(n))


@node
def work(item: int) -> int:
    time.sleep(0.002)
    return item


@node
def check(items: list[int]) -> list[int]:
    if not items:
        raise ValueError("nothing")
    return items


def watched() -> tuple[Monitor, Graph]:
    monitor = Monitor()
    graph = monitor.watch(Graph(split >> fan_out(work) >> check, name="numbers"))
    for size in (1, 2, 3):
        graph.run(size)
    with pytest.raises(NodeError):
        graph.run(0)
    return monitor, graph


def test_the_frame_has_a_row_per_node() -> None:
    monitor, graph = watched()
    frame = monitor.frame
    assert list(frame.columns) == [
        *["node", "executions", "errors", "error_rate", "p50_s", "p95_s", "p99_s", "mean_s", "last_at", "throughput_per_s"],
        *["window_s", "graph"],
    ]
    rows = frame.set_index(["graph", "node"])
    assert rows["executions"].to_dict() == {
        ("numbers", "split"): 4,
        ("numbers", "work"): 4,
        ("numbers", "check"): 4,
        ("work", "work"): 6,
    }
    assert rows["errors"].to_list() == [0, 0, 1, 0]
    assert rows.loc[("numbers", "check"), "error_rate"] == 0.25
    item = rows.loc[("work", "work")]
    assert item["p50_s"] >= 0.002
    assert frame[["p95_s", "p99_s"]].isna().all(axis=None), "no percentile of six visits"
    for _ in range(32):
        graph.run(3)
    item = monitor.frame.set_index(["graph", "node"]).loc[("work", "work")]
    assert item["executions"] == 102
    assert 0.002 <= item["p50_s"] <= item["p95_s"] <= item["p99_s"]
    check_s = monitor.frame.set_index("node").loc["check", ["p95_s", "p99_s"]]
    assert list(check_s.isna()) == [False, True]
    assert 0 < item["window_s"] < 60
    assert item["mean_s"] >= 0.002
    assert math.isnan(item["throughput_per_s"]), "less than a second of a minute has passed"
    assert (pd.Timestamp.now("UTC") - frame["last_at"]).abs().max() < pd.Timedelta("10s")


def test_it_shows_itself_as_text_html_and_picture_also_when_nothing_came_yet() -> None:
    for monitor, window in ((watched()[0], r"throughput over [\d.]+ m?s, since the monitor began"), (Monitor(), "over 60 s")):
        bundle = monitor._repr_mimebundle_()
        assert re.search(window, bundle["text/plain"])
        assert "<svg" in bundle["text/html"]
        assert "<table" in bundle["text/html"]
        assert isinstance(monitor.plot(), matplotlib.figure.Figure)
    assert "graph" in monitor.frame.columns
    assert repr(watched()[0]) == "<Monitor of 4 nodes, 18 visits>"
    assert "graph" in watched()[0].table.headers
    figure = matplotlib.figure.Figure()
    assert watched()[0].plot(ax=figure.add_subplot()) is figure


def test_a_reading_stays_as_it_was_and_a_reset_begins_anew() -> None:
    monitor, graph = watched()
    before = monitor.read()
    graph.run(5)
    assert before.frame["executions"].sum() == 18
    assert monitor.frame["executions"].sum() == 26
    monitor.reset()
    assert len(monitor.frame) == 0


def test_watching_twice_counts_once_and_unwatching_gives_the_graph_back() -> None:
    monitor = Monitor()
    graph = Graph(split)
    seen = monitor.watch(graph)
    assert monitor.watch(seen) is seen
    assert seen.store is graph.store
    assert monitor.unwatch(seen) is graph
    with pytest.raises(UsageError, match="watch"):
        monitor.unwatch(graph)
    assert monitor.watch(work).run(1) == 1
    assert monitor.frame["node"].to_list() == ["work"]


def test_what_cannot_be_watched_is_one_sentence() -> None:
    with pytest.raises(UsageError, match="give a Graph or a Node"):
        Monitor().watch(len)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="window"):
        Monitor(window=0)
    with pytest.raises(UsageError, match="duration"):
        Monitor(window="soon")


def test_nobody_keeps_a_monitor_alive() -> None:
    monitor, graph = watched()
    gone = weakref.ref(monitor)
    del monitor, graph
    gc.collect()
    assert gone() is None


def test_the_picture_shows_the_busiest_nodes_and_says_what_it_leaves_out() -> None:
    monitor = Monitor(window="1s")
    graph = monitor.watch(Graph.from_edges(list(pairwise(NODES))))
    graph.run(1)
    time.sleep(0.05)
    reading = monitor.read()
    left, right = traffic_figure(reading.frame, reading.recent).axes
    assert "20 of 25 shown" in left.get_title(loc="left")
    assert "8 of 25 shown" in right.get_title(loc="left")
    assert len(left.get_yticks()) == 20


NODES = [Node(f"n{number}", exec=lambda value: value) for number in range(25)]
