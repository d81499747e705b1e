"""Functions that make nodes out of nodes."""

from __future__ import annotations

from pocket_lab.graph.graph import Graph
from pocket_lab.graph.nested import FanOut
from pocket_lab.graph.node import Node


def fan_out(body: Node | Graph, *, name: str | None = None) -> Node:
    """A node that takes a list and runs `body` on each item, each on its own store scope `item-i`, results in order.

    It works on the workers of the outermost run; inside another fan-out it runs in place.
    """
    graph = body if isinstance(body, Graph) else Graph(body)
    return FanOut(name or graph.name, nodes=tuple(graph.nodes.values()), spread=graph.spread)
