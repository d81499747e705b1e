"""The layout of a drawing: layers, order within a layer, coordinates (Sugiyama, Tagawa and Toda 1981).

Nodes are in every second layer. Each route passes through a point in each layer between, where its label has room. Routes
back up are laid out as if they led down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

_SWEEPS = 12
_PULLS = 60
_GAP = 18.0


@dataclass(frozen=True, slots=True)
class Link:
    """A route to lay out, with the width of its label."""

    source: str
    target: str
    width: float = 0.0


@dataclass(slots=True, eq=False)
class LayoutPoint:
    """A node, or a point where a route passes a layer; `x` is its centre."""

    width: float
    layer: int
    x: float = 0.0
    above: list[LayoutPoint] = field(default_factory=list)
    below: list[LayoutPoint] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Layout:
    """The points of the nodes, the points that each link passes from its source to its target, and the number of layers."""

    nodes: Mapping[str, LayoutPoint]
    links: Sequence[Sequence[LayoutPoint]]
    layers: int


def lay_out(first: str, widths: Mapping[str, float], links: Sequence[Link]) -> Layout:
    """A layered layout of the nodes that can be reached from the first; a link from a node to itself passes no layer."""
    back = _back_links(first, links)
    layer_of = _layers(first, links, back)
    nodes = {name: LayoutPoint(width, 2 * layer_of[name]) for name, width in widths.items()}
    passed: list[list[LayoutPoint]] = []
    rows: list[list[LayoutPoint]] = [[] for _ in range(2 * max(layer_of.values()) + 1)]
    for point in nodes.values():
        rows[point.layer].append(point)
    for index, link in enumerate(links):
        ends = nodes[link.source], nodes[link.target]
        upper, lower = reversed(ends) if index in back else ends
        inner = [LayoutPoint(8.0, layer) for layer in range(upper.layer + 1, lower.layer)]
        if inner:
            labelled = inner[-1] if index in back else inner[0]  # the label is next to its source
            labelled.width = max(labelled.width, link.width)
        for point in inner:
            rows[point.layer].append(point)
        chain = [upper, *inner, lower]
        if upper is not lower:
            for one, other in pairwise(chain):
                one.below.append(other)
                other.above.append(one)
        passed.append(chain[::-1] if index in back else chain)
    _order(rows)
    _set_x(rows)
    return Layout(nodes, passed, len(rows))


def _back_links(first: str, links: Sequence[Link]) -> set[int]:
    """The links that lead to a node on the way to their source, found by a depth-first search."""
    leaving: dict[str, list[int]] = {}
    for index, link in enumerate(links):
        leaving.setdefault(link.source, []).append(index)
    back: set[int] = set()
    done: set[str] = set()
    path = {first}
    stack = [(first, iter(leaving.get(first, [])))]
    while stack:
        name, rest = stack[-1]
        index = next(rest, -1)
        if index < 0:
            stack.pop()
            path.discard(name)
            done.add(name)
        elif (target := links[index].target) in path:
            back.add(index)
        elif target not in done:
            path.add(target)
            stack.append((target, iter(leaving.get(target, []))))
    return back


def _layers(first: str, links: Sequence[Link], back: set[int]) -> dict[str, int]:
    """The length of the longest path from the first node to each node."""
    entering: dict[str, int] = {first: 0}
    leaving: dict[str, list[str]] = {}
    for index, link in enumerate(links):
        if index not in back:
            entering[link.target] = entering.get(link.target, 0) + 1
            leaving.setdefault(link.source, []).append(link.target)
    layers = {first: 0}
    ready = [first]
    while ready:
        name = ready.pop()
        for target in leaving.get(name, []):
            layers[target] = max(layers.get(target, 0), layers[name] + 1)
            entering[target] -= 1
            if not entering[target]:
                ready.append(target)
    return layers


def _order(rows: list[list[LayoutPoint]]) -> None:
    """Sort each row by the mean position of its neighbours, down and up again."""
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        position = {id(point): index for row in rows for index, point in enumerate(row)}
        for row in rows[1:] if down else rows[-2::-1]:
            means = {id(point): _mean([position[id(n)] for n in (point.above if down else point.below)]) for point in row}
            row.sort(key=lambda point: position[id(point)] if (mean := means[id(point)]) is None else mean)
            position |= {id(point): index for index, point in enumerate(row)}


def _set_x(rows: list[list[LayoutPoint]]) -> None:
    """Move each point towards its neighbours, as far as the row has room."""
    for row in rows:
        _fit(row, [0.0] * len(row))
    for sweep in range(_PULLS):
        for row in rows if sweep % 2 == 0 else rows[::-1]:
            wished = [_mean([n.x for n in (*point.above, *point.below)]) for point in row]
            _fit(row, [point.x if wish is None else wish for point, wish in zip(row, wished, strict=True)])
    left = min(point.x - point.width / 2 for row in rows for point in row)
    for row in rows:
        for point in row:
            point.x -= left


def _fit(row: list[LayoutPoint], wished: list[float]) -> None:
    """The nearest positions in order and with gaps, in least squares (by pooling adjacent violators)."""
    offsets = [0.0]
    for one, other in pairwise(row):
        offsets.append(offsets[-1] + (one.width + other.width) / 2 + _GAP)
    pools: list[tuple[float, int]] = []
    for wish, offset in zip(wished, offsets, strict=False):
        total, count = wish - offset, 1
        while pools and pools[-1][0] / pools[-1][1] > total / count:
            before, many = pools.pop()
            total, count = total + before, count + many
        pools.append((total, count))
    fitted = [total / count for total, count in pools for _ in range(count)]
    for point, value, offset in zip(row, fitted, offsets, strict=False):
        point.x = value + offset


def _mean(numbers: list[float] | list[int]) -> float | None:
    return sum(numbers) / len(numbers) if numbers else None
