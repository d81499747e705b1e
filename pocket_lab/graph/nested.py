"""Nodes that contain other nodes: a graph as one node of another, and graphs over items on the workers of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pocket_lab.graph.context import Context
from pocket_lab.graph.node import Function, Node
from pocket_lab.graph.observers import Observer
from pocket_lab.graph.runtime.fan_out import FanOutPlan
from pocket_lab.graph.runtime.plan import Plan
from pocket_lab.graph.store import Store


@dataclass(frozen=True, slots=True, eq=False, repr=False, kw_only=True)
class GraphNode(Node):
    """Runs a graph: on a fresh store of that graph, or (where it has none) on the scope of its name in the outer one."""

    nodes: tuple[Node, ...]
    plan: Plan
    store: Store | None

    def inner(self) -> tuple[Node, ...]:
        """The nodes of the graph."""
        return self.nodes

    @property
    def fans_out(self) -> bool:
        """Whether any node of the graph gives work to the workers of the run."""
        return any(node.fans_out for node in self.nodes)

    def body(self, on_loop: bool, observers: Sequence[Observer]) -> Function:
        """One run of the graph."""
        plan, name, own = self.plan.also_observed(observers), self.name, self.store

        def run(value: Any, *, store: Store, ctx: Context) -> Any:
            return plan.run(value, store.scope(name) if own is None else own.fresh(), ctx)

        async def arun(value: Any, *, store: Store, ctx: Context) -> Any:
            return await plan.arun(value, store.scope(name) if own is None else own.fresh(), ctx)

        return arun if on_loop else run


@dataclass(frozen=True, slots=True, eq=False, repr=False, kw_only=True)
class FanOut(Node):
    """Runs graphs on the items of its input (or what prep makes of it), and returns the list of results in their order."""

    nodes: tuple[Node, ...]
    fan_out_plan: FanOutPlan

    def inner(self) -> tuple[Node, ...]:
        """The nodes that run on the items."""
        return self.nodes

    @property
    def fans_out(self) -> bool:
        """A fan-out gives its items to the workers of the run."""
        return True

    def body(self, on_loop: bool, observers: Sequence[Observer]) -> Function:
        """Every item, on the workers of the run; the first error of an item ends it."""
        fan_out_plan = self.fan_out_plan.also_observed(observers)

        def run(items: Any, *, store: Store, ctx: Context) -> list[Any]:
            return fan_out_plan.results(items, store, ctx)

        async def arun(items: Any, *, store: Store, ctx: Context) -> list[Any]:
            return await fan_out_plan.aresults(items, store, ctx)

        return arun if fan_out_plan.is_async else run
