"""A graph as an inline SVG in the colours of the page, without a network."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import count

from markupsafe import Markup
from markupsafe import escape as escape_markup

from pocket_lab.graph.drawing.layout import Layout, LayoutPoint, Link, lay_out
from pocket_lab.graph.nested import FanOut, GraphNode
from pocket_lab.graph.node import Node
from pocket_lab.graph.path import DEFAULT, Edge

_CHARACTER, _SMALL_CHARACTER = 7.3, 6.2
_LONGEST = 34
_NODE_HEIGHT, _LABEL_HEIGHT, _MARGIN = 40.0, 34.0, 14.0
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_serial = count()


def draw(name: str, first: Node, nodes: Iterable[Node], edges: Iterable[Edge]) -> str:
    """The drawing of a graph: its first node with a heavy line, loops dashed, actions other than "default" as labels."""
    shown, routes = list(nodes), list(edges)
    widths = {node.name: _width(node) for node in shown}
    links = [Link(e.source.name, e.target.name, _label_width(e.action)) for e in routes]
    layout = lay_out(first.name, widths, links)
    tops = _tops(layout)
    arrow = f"pocket-lab-arrow-{next(_serial)}"
    parts = [_route(edge, way, tops, arrow) for edge, way in zip(routes, layout.links, strict=True)]
    parts += [_box(node, layout.nodes[node.name], tops, node is first) for node in shown]
    loops = max((_label_width(e.action) + 30 for e in routes if e.source is e.target), default=0.0)
    right = max(point.x + point.width / 2 for way in [*layout.links, list(layout.nodes.values())] for point in way)
    width, height = right + loops + 2 * _MARGIN, tops[-1] + _NODE_HEIGHT + 2 * _MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" role="img" '
        f'viewBox="{-_MARGIN:.0f} {-_MARGIN:.0f} {width:.0f} {height:.0f}" style="color:inherit;max-width:none" '
        f'font-family="system-ui,-apple-system,Segoe UI,sans-serif" font-size="13" fill="currentColor">'
        f"<title>{escape(name)}</title>"
        f'<defs><marker id="{arrow}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0.6 8 4 0 7.4z" fill="currentColor"/></marker></defs>{"".join(parts)}</svg>'
    )


def escape(text: str) -> Markup:
    """Escape text for XML and replace the characters that XML does not allow."""
    return escape_markup(_NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text))


def _tops(layout: Layout) -> list[float]:
    """The upper end of each layer."""
    tops, y = [], 0.0
    for layer in range(layout.layers):
        tops.append(y)
        y += _LABEL_HEIGHT if layer % 2 else _NODE_HEIGHT
    return tops


def _box(node: Node, point: LayoutPoint, tops: list[float], is_first: bool) -> str:
    x, y = point.x - point.width / 2, tops[point.layer]
    box = f'<rect x="{x:.1f}" y="{y:.1f}" width="{point.width:.1f}" height="{_NODE_HEIGHT}" rx="7" stroke="currentColor" '
    look = f'fill="rgb(128,128,128)" fill-opacity=".14" stroke-width="{2.2 if is_first else 1}"/>'
    behind = ""
    if node.inner():  # a second box behind the first
        behind = box.replace(f'x="{x:.1f}" y="{y:.1f}"', f'x="{x + 4:.1f}" y="{y - 4:.1f}"') + 'fill="none" opacity=".5"/>'
    detail = _detail(node)
    name_y = y + _NODE_HEIGHT / 2 + (-2 if detail else 4.5)
    texts = f'<text x="{point.x:.1f}" y="{name_y:.1f}" text-anchor="middle">{escape(_short(node.name))}</text>'
    if detail:
        texts += (
            f'<text x="{point.x:.1f}" y="{name_y + 14:.1f}" text-anchor="middle" font-size="11" opacity=".7">'
            f"{escape(_short(detail))}</text>"
        )
    return f"<g><title>{escape(node.name)}{escape(f': {detail}' if detail else '')}</title>{behind}{box}{look}{texts}</g>"


def _route(edge: Edge, way: Sequence[LayoutPoint], tops: list[float], arrow: str) -> str:
    if edge.source is edge.target:
        return _loop(edge, way[0], tops, arrow)
    down = way[0].layer < way[-1].layer
    points = [(way[0].x + _port(way[0], way[1]), tops[way[0].layer] + (_NODE_HEIGHT if down else 0.0))]
    for point in way[1:-1]:  # upright between nodes and beside the label, elsewhere by one point
        ends = (0.1, 0.9) if point.layer % 2 == 0 else (0.3, 0.75) if point is way[1] and edge.action != DEFAULT else (0.5,)
        shares = ends if down else ends[::-1]
        height = _LABEL_HEIGHT if point.layer % 2 else _NODE_HEIGHT
        points += [(point.x, tops[point.layer] + share * height) for share in shares]
    points.append((way[-1].x + _port(way[-1], way[-2]), tops[way[-1].layer] + (0.0 if down else _NODE_HEIGHT)))
    path = _smooth(points)
    dashes = "" if down else ' stroke-dasharray="5 3"'
    line = f'<path d="{path}" fill="none" stroke="currentColor" opacity=".75"{dashes} marker-end="url(#{arrow})"/>'
    if edge.action == DEFAULT:
        return line
    beside = way[1]
    return line + _label(edge.action, beside.x + 5, tops[beside.layer] + _LABEL_HEIGHT / 2 + 4)


def _smooth(points: list[tuple[float, float]]) -> str:
    """A path through the points (Catmull and Rom 1974) that leaves and arrives upright."""
    slopes = [0.0, *((x1 - x0) / 2 for (x0, _), (x1, _) in zip(points, points[2:], strict=False)), 0.0]
    path = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for (x0, y0), (x1, y1), leaving, arriving in zip(points, points[1:], slopes, slopes[1:], strict=False):
        third = (y1 - y0) / 3
        path += f"C{x0 + leaving / 3:.1f} {y0 + third:.1f} {x1 - arriving / 3:.1f} {y1 - third:.1f} {x1:.1f} {y1:.1f}"
    return path


def _loop(edge: Edge, point: LayoutPoint, tops: list[float], arrow: str) -> str:
    x, y = point.x + point.width / 2, tops[point.layer] + _NODE_HEIGHT / 2
    path = f"M{x:.1f} {y + 8:.1f}C{x + 26:.1f} {y + 16:.1f} {x + 26:.1f} {y - 16:.1f} {x:.1f} {y - 8:.1f}"
    line = (
        f'<path d="{path}" fill="none" stroke="currentColor" opacity=".75" stroke-dasharray="5 3" marker-end="url(#{arrow})"/>'
    )
    return line + (_label(edge.action, x + 24, y + 4) if edge.action != DEFAULT else "")


def _label(action: str, x: float, y: float) -> str:
    text = escape(_short(action))
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="11.5" font-style="italic"><title>{escape(action)}</title>{text}</text>'


def _port(point: LayoutPoint, towards: LayoutPoint) -> float:
    """How far from the centre of a node a route leaves or enters it, so that neighbours do not touch."""
    neighbours = point.below if towards in point.below else point.above
    ordered = sorted(neighbours, key=lambda other: other.x)
    step = min(16.0, (point.width - 16) / max(len(ordered), 1))
    return (ordered.index(towards) - (len(ordered) - 1) / 2) * step


def _width(node: Node) -> float:
    return 24 + max(len(_short(node.name)) * _CHARACTER, len(_short(_detail(node))) * _SMALL_CHARACTER)


def _label_width(action: str) -> float:
    return 0.0 if action == DEFAULT else 2 * (len(_short(action)) * _SMALL_CHARACTER + 8)  # it is on the right


def _detail(node: Node) -> str:
    """The small print of a node."""
    inside = ", ".join(inner.name for inner in node.inner())
    parts = (
        [f"each item: {inside}"] if isinstance(node, FanOut) else [f"graph: {inside}"] if isinstance(node, GraphNode) else []
    )
    parts += [f"{node.retry.retries} retries"] if node.retry.retries else []
    parts += [f"timeout {node.timeout}"] if node.timeout is not None else []
    parts += ["async"] if node.is_async and not node.inner() else []
    return ", ".join(parts)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
