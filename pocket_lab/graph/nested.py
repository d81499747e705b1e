"""A graph as one node of another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pocket_lab.graph.context import Context
from pocket_lab.graph.node import DEFAULT, Node, Step
from pocket_lab.graph.store import Store

if TYPE_CHECKING:
    from pocket_lab.graph.graph import Graph


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class GraphNode(Node):
    """Runs a graph on a fresh store of that graph and leaves by "default"."""

    body: Graph | None = None

    def inner(self) -> tuple[Node, ...]:
        """The nodes of the graph."""
        assert self.body is not None
        return tuple(self.body.nodes.values())

    @property
    def spreads(self) -> bool:
        """Whether any node of the graph gives work to the workers of the run."""
        return any(node.spreads for node in self.inner())

    def step(self) -> Step:
        """One run of the graph."""
        assert self.body is not None
        body = self.body

        def step(value: Any, store: Store, context: Context) -> tuple[Any, str]:
            return body.plan.run(value, body.store.fresh(), context), DEFAULT

        return step
