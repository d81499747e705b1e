"""The drawing of a graph: well-formed, offline, with every name and action as text."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pocket_lab.graph.combinators import fan_out
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node, Retry

SVG = "{http://www.w3.org/2000/svg}"
A, B, C = (Node(name, exec=abs) for name in "abc")
NASTY = ["<b>&\"'", "]]><script>alert(1)</script>", "n" * 500, "ünï 漢字 🙂", "a b\tc", "&amp;", "-->", "{x}%s"]


def svg_of(graph: Graph) -> ET.Element:
    html = graph._repr_html_()
    assert not re.search(r"https?://", html.replace('xmlns="http://www.w3.org/2000/svg"', ""))
    assert not re.search(r"<script|<image|<use|@import|url\((?!#)", html)
    (svg,) = ET.fromstring(html)
    assert svg.tag == f"{SVG}svg"
    return svg


def texts(svg: ET.Element, tag: str) -> list[str]:
    return ["".join(element.itertext()) if tag == "title" else element.text or "" for element in svg.iter(f"{SVG}{tag}")]


def labels(svg: ET.Element) -> list[str]:
    """What is written next to routes, in full."""
    return [text.findtext(f"{SVG}title", "") for text in svg.iter(f"{SVG}text") if text.find(f"{SVG}title") is not None]


def numbers(svg: ET.Element) -> list[float]:
    values = [value for element in svg.iter() for name, value in element.items() if name in ("x", "y", "d", "width", "height")]
    return [float(number) for value in values for number in re.findall(r"-?\d+\.?\d*(?:e-?\d+)?|nan|inf", value)]


def test_a_chain_has_a_box_for_each_node_a_line_for_each_route_and_no_label() -> None:
    svg = svg_of(Graph(A >> B >> C, name="chain"))
    assert texts(svg, "title") == ["chain", "a", "b", "c"]
    assert len(list(svg.iter(f"{SVG}rect"))) == 3
    assert len([path for path in svg.iter(f"{SVG}path") if path.get("marker-end")]) == 2
    assert labels(svg) == []
    assert "default" not in ET.tostring(svg, encoding="unicode")


def test_actions_are_labels_and_loops_are_dashed() -> None:
    svg = svg_of(Graph(A - "go" >> B, B - "back" >> A, B - "again" >> B, B >> C))
    assert sorted(labels(svg)) == ["again", "back", "go"]
    assert len([path for path in svg.iter(f"{SVG}path") if path.get("stroke-dasharray")]) == 2


def test_named_routes_out_of_an_inner_graph_are_drawn_with_its_nodes() -> None:
    inner = Graph(A >> B, A - "retry" >> A, name="inner")
    svg = svg_of(Graph(inner - "bad" >> C, inner >> Node("end")))
    assert sorted(labels(svg)) == ["bad"]
    assert "inner: graph: a, b" in texts(svg, "title")
    assert len([path for path in svg.iter(f"{SVG}path") if path.get("marker-end")]) == 2


def test_the_first_node_has_the_heavy_line() -> None:
    svg = svg_of(Graph(B >> A, A - "x" >> B))
    heavy = [
        group.findtext(f"{SVG}title")
        for group in svg.iter(f"{SVG}g")
        for rect in group.iter(f"{SVG}rect")
        if rect.get("stroke-width") == "2.2"
    ]
    assert heavy == ["b"]


@pytest.mark.parametrize("name", NASTY)
def test_names_and_actions_of_any_characters_appear_escaped(name: str) -> None:
    svg = svg_of(Graph(Node(name, exec=abs) - name >> B, name=name))
    assert texts(svg, "title")[0] == name
    assert name in texts(svg, "title")
    assert labels(svg) == [name]


@pytest.mark.parametrize("name", ["a\x00b", "a\x1bb", "a\x0bb", "\ufffe"])
def test_characters_that_xml_has_not_do_not_break_the_drawing(name: str) -> None:
    svg_of(Graph(Node(name, exec=abs) - name >> B))


def test_a_very_long_name_is_cut_in_its_box_and_whole_in_its_title() -> None:
    long = "n" * 500
    svg = svg_of(Graph(Node(long, exec=abs) - long >> B))
    shown = [text.text for text in svg.iter(f"{SVG}text")]
    assert f"{'n' * 33}…" in shown
    assert float(svg.get("width", "nan")) < 1500


def test_the_small_print_tells_of_retries_timeouts_async_and_what_is_inside() -> None:
    async def later(value: int) -> int:
        return value

    nodes = [
        Node("patient", exec=abs, retry=Retry(2), timeout="5s"),
        Node("later", exec=later),
        fan_out(Graph(A >> B), name="each"),
        Graph(B >> C, name="inner").as_node(),
    ]
    svg = svg_of(Graph(nodes[0] >> nodes[1] >> nodes[2] >> nodes[3]))
    assert texts(svg, "title")[1:] == [
        "patient: 2 retries, timeout 5s",
        "later: async",
        "each: each item: a, b",
        "inner: graph: b, c",
    ]
    assert len(list(svg.iter(f"{SVG}rect"))) == 6


def test_two_drawings_on_one_page_do_not_share_their_arrows() -> None:
    graph = Graph(A >> B)
    markers = {marker.get("id") for _ in range(2) for marker in svg_of(graph).iter(f"{SVG}marker")}
    assert len(markers) == 2


@st.composite
def drawn_graphs(draw: st.DrawFn) -> Graph:
    printable = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), min_size=1, max_size=60)
    names = draw(st.lists(printable, min_size=1, max_size=30, unique=True))
    nodes = [Node(name, exec=abs) for name in names]
    routes: dict[tuple[int, str], int] = {}
    for number in range(1, len(nodes)):
        routes[draw(st.integers(0, number - 1)), f"to {number}"] = number
    place = st.integers(0, len(nodes) - 1)
    routes |= draw(st.dictionaries(st.tuples(place, st.just("default") | printable), place, max_size=20))
    return Graph(nodes[0], *(nodes[source] - action >> nodes[target] for (source, action), target in routes.items()))


@settings(max_examples=60)
@given(drawn_graphs())
def test_any_graph_is_drawn_with_every_name_and_action_inside_its_frame(graph: Graph) -> None:
    svg = svg_of(graph)
    assert sorted(texts(svg, "title")[0:1]) == [graph.name]
    titles = texts(svg, "title")
    assert [name for name in graph.nodes if name not in titles] == []
    assert sorted(labels(svg)) == sorted(edge.action for edge in graph.edges if edge.action != "default")
    left, top, width, height = map(float, (svg.get("viewBox") or "").split())
    for rect in svg.iter(f"{SVG}rect"):
        x, y, wide, high = (float(rect.get(name, "nan")) for name in ("x", "y", "width", "height"))
        assert left <= x
        assert top <= y
        assert x + wide <= left + width + 1
        assert y + high <= top + height + 1
    assert all(-1e6 < number < 1e6 for number in numbers(svg))


def test_a_drawing_survives_being_replaced_and_observed() -> None:
    graph = Graph(A - "x" >> B)
    for other in (graph.replace("b", C), graph.observed()):
        assert labels(svg_of(other)) == ["x"]
