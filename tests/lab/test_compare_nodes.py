"""compare of two graphs: the nodes that a change comes from, in runs of both in alternation."""

from __future__ import annotations

import time

import pytest

from pocket_lab import Graph, compare, fan_out, node
from pocket_lab.lab.compare import Comparison
from pocket_lab.records.spans import NodeTime


@node
def read(n: int) -> int:
    time.sleep(0.001)
    return n


@node
def score(n: int) -> int:
    time.sleep(0.002)
    return n


@node
def rank(n: int) -> int:
    time.sleep(0.008)
    return n


@node(name="score")
def slow_score(n: int) -> int:
    time.sleep(0.016)
    return n


@node
def quick_score(n: int) -> int:
    time.sleep(0.0005)
    return n


@node(name="rank")
def quick_rank(n: int) -> int:
    time.sleep(0.001)
    return n


@pytest.fixture
def graph() -> Graph:
    return Graph(read >> score >> rank)


def differences_s(result: Comparison) -> dict[str, float]:
    """By how much the median of each node differs, which a busy machine moves less than what a node alone takes."""
    return {row["node"]: row["b_s"] - row["a_s"] for row in result.nodes.to_dict("records")}


def test_nodes_that_were_made_slower_and_faster_differ_and_the_others_do_not(graph: Graph) -> None:
    result = compare(graph, graph.replace("score", slow_score).replace("rank", quick_rank), size=1, budget=7)
    found = differences_s(result)
    assert list(found) == ["read", "score", "rank"]
    assert found["score"] > 0.007
    assert found["rank"] < -0.003
    assert abs(found["read"]) < 0.007
    assert (result.nodes["rounds"] >= 5).all()
    assert any("node the change comes from" in text or "comes from `score`" in text for text in result.findings)
    assert "score" in result.to_html().split("</svg>")[1], "its table of nodes"
    assert max(record.wall_s for record in result.records if isinstance(record, NodeTime)) < 1.0, "of a single run"
    assert set(result.nodes["size"]) == {1}
    assert result.samples["round"].max() > 10, "the nodes do not take the time of the verdict"


def test_a_node_that_replaces_one_of_another_name_is_compared_with_it_also_inside_a_fan_out() -> None:
    graph = Graph(fan_out(Graph(read >> score)))
    other = Graph(fan_out(Graph(read >> quick_score)))
    result = compare(graph, other, size=1, input=lambda size: [1, 2], workers=2, executor="threads", budget=7)
    frame = result.nodes.set_index("node")
    row = frame.loc["score → quick_score"]
    assert row["a_s"] > 0
    assert row["b_s"] > 0
    assert {"score", "quick_score"}.isdisjoint(frame.index)
    assert result.nodes["rounds"].min() >= 5


def test_there_are_no_nodes_where_a_side_is_a_function_or_the_time_is_too_short(graph: Graph) -> None:
    assert compare(graph, lambda n: time.sleep(0.001), size=1, budget=0.5, check_equal=False).nodes.empty
    assert compare(graph, graph, size=1, budget=0.1).nodes.empty
