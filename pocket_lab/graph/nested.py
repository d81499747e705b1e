"""Nodes that contain other nodes: a graph as one node of another, and a graph over every item of its input."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import Any

from pocket_lab.graph.context import Context
from pocket_lab.graph.node import Node, Step
from pocket_lab.graph.path import DEFAULT
from pocket_lab.graph.plan import Plan
from pocket_lab.graph.spread import Spread
from pocket_lab.graph.store import Store


@dataclass(frozen=True, slots=True, eq=False, repr=False, kw_only=True)
class GraphNode(Node):
    """Runs a graph on a fresh store of that graph and leaves by "default"."""

    nodes: tuple[Node, ...]
    plan: Plan
    store: Store

    def inner(self) -> tuple[Node, ...]:
        """The nodes of the graph."""
        return self.nodes

    @property
    def spreads(self) -> bool:
        """Whether any node of the graph gives work to the workers of the run."""
        return any(node.spreads for node in self.nodes)

    def step(self) -> Step:
        """One run of the graph."""

        def step(value: Any, store: Store, context: Context) -> tuple[Any, str]:
            return self.plan.run(value, self.store.fresh(), context), DEFAULT

        return step


@dataclass(frozen=True, slots=True, eq=False, repr=False, kw_only=True)
class FanOut(Node):
    """Runs a graph over every item of its input and returns the list of results in order."""

    nodes: tuple[Node, ...]
    spread: Spread

    def inner(self) -> tuple[Node, ...]:
        """The nodes that run on each item."""
        return self.nodes

    @property
    def spreads(self) -> bool:
        """A fan-out gives its items to the workers of the run."""
        return True

    def step(self) -> Step:
        """The graph over every item, on the workers of the run; the first error of an item ends it."""

        def step(value: Any, store: Store, context: Context) -> tuple[Any, str]:
            results = []
            with closing(self.spread.outcomes(value, store, context)) as outcomes:
                for outcome in outcomes:
                    if outcome.error is not None:
                        raise outcome.error
                    results.append(outcome.value)
            return results, DEFAULT

        return step
