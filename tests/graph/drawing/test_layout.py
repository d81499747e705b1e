"""The layout of random graphs: nothing overlaps, everything leads down but what leads back."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pocket_lab.graph.drawing.layout import Layout, LayoutPoint, Link, lay_out

CLOSE = 1e-6


@st.composite
def graphs(draw: st.DrawFn) -> tuple[dict[str, float], list[Link]]:
    """Up to thirty nodes that can all be reached from the first, with links forth, back and to themselves, in any order."""
    count = draw(st.integers(1, 30))
    names = [f"n{number}" for number in range(count)]
    label = st.sampled_from([0.0, 0.0, 40.0, 250.0])
    links = [Link(names[draw(st.integers(0, number - 1))], names[number], draw(label)) for number in range(1, count)]
    more = st.builds(Link, st.sampled_from(names), st.sampled_from(names), label)
    links = draw(st.permutations(links + draw(st.lists(more, max_size=30))))
    return {name: draw(st.floats(20, 300)) for name in draw(st.permutations(names))}, links


def rows_of(layout: Layout) -> list[list[LayoutPoint]]:
    """The places of each layer from left to right."""
    rows: list[dict[int, LayoutPoint]] = [{} for _ in range(layout.layers)]
    for way in (*layout.links, list(layout.nodes.values())):
        for place in way:
            rows[place.layer][id(place)] = place
    return [sorted(row.values(), key=lambda place: place.x) for row in rows]


def leads_to(links: list[Link], start: str) -> set[str]:
    reached, waiting = set(), [start]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += [link.target for link in links if link.source == name]
    return reached


@settings(max_examples=120)
@given(graphs())
def test_no_two_places_of_a_layer_overlap_and_nothing_lies_left_of_the_edge(graph: tuple[dict[str, float], list[Link]]) -> None:
    widths, links = graph
    layout = lay_out("n0", widths, links)
    assert {name: place.width for name, place in layout.nodes.items()} == widths
    for row in rows_of(layout):
        assert row, "a layer without a place"
        assert row[0].x - row[0].width / 2 >= -CLOSE
        for left, right in pairwise(row):
            assert left.x + left.width / 2 <= right.x - right.width / 2 + CLOSE


@settings(max_examples=120)
@given(graphs())
def test_every_node_is_below_one_before_it_and_only_routes_of_a_circle_lead_up(
    graph: tuple[dict[str, float], list[Link]],
) -> None:
    widths, links = graph
    layout = lay_out("n0", widths, links)
    below = set()
    for link, way in zip(links, layout.links, strict=True):
        assert (way[0], way[-1]) == (layout.nodes[link.source], layout.nodes[link.target])
        if link.source == link.target:
            continue
        down = way[0].layer < way[-1].layer
        assert [place.layer for place in way] == list(
            range(way[0].layer, way[-1].layer + (1 if down else -1), 1 if down else -1)
        )
        assert max(place.width for place in way[1:-1]) >= link.width
        if down:
            below.add(link.target)
        else:
            assert link.source in leads_to(links, link.target)
    assert layout.nodes["n0"].layer == 0
    assert below | {"n0"} == set(widths)
    assert all(place.layer % 2 == 0 for place in layout.nodes.values())


@given(graphs())
@settings(max_examples=30)
def test_a_layout_is_the_same_each_time(graph: tuple[dict[str, float], list[Link]]) -> None:
    one, other = lay_out("n0", *graph), lay_out("n0", *graph)
    assert {name: (place.x, place.layer) for name, place in one.nodes.items()} == {
        name: (place.x, place.layer) for name, place in other.nodes.items()
    }


def test_a_chain_stands_in_one_column() -> None:
    layout = lay_out("a", {"a": 100, "b": 40, "c": 70}, [Link("a", "b"), Link("b", "c", 30)])
    assert [layout.nodes[name].layer for name in "abc"] == [0, 2, 4]
    assert {round(layout.nodes[name].x, 3) for name in "abc"} == {50.0}


@pytest.mark.parametrize(
    "links", [[], [Link("a", "a")], [Link("a", "a", 99), Link("a", "a")]], ids=["alone", "loop", "two loops"]
)
def test_one_node_stands_alone(links: list[Link]) -> None:
    layout = lay_out("a", {"a": 80}, links)
    assert (layout.layers, layout.nodes["a"].x, layout.nodes["a"].layer) == (1, 40, 0)


def test_two_nodes_that_lead_to_each_other_stand_in_two_layers_with_ways_beside_each_other() -> None:
    layout = lay_out("a", {"a": 80, "b": 80}, [Link("a", "b"), Link("b", "a", 50), Link("b", "a", 60)])
    assert (layout.nodes["a"].layer, layout.nodes["b"].layer, layout.layers) == (0, 2, 3)
    assert len({round(way[1].x, 3) for way in layout.links}) == 3
