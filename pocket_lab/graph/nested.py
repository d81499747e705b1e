"""Nodes that contain other nodes: a graph as one node of another, and graphs over items on the workers of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pocket_lab.graph.context import Context
from pocket_lab.graph.node import Function, Node, Route
from pocket_lab.graph.observers import Observer
from pocket_lab.graph.path import DEFAULT
from pocket_lab.graph.runtime.block import Left
from pocket_lab.graph.runtime.fan_out import FanOutPlan
from pocket_lab.graph.runtime.plan import Plan
from pocket_lab.graph.site import Site
from pocket_lab.graph.store import Store


@dataclass(frozen=True, slots=True, eq=False, repr=False, kw_only=True)
class GraphNode(Node):
    """Runs a graph: on a fresh store of that graph, or (where it has none) on the scope of its name in the outer one.

    It leaves by the action that had no route inside, if it has a route here or further out, else by "default".
    """

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

    @property
    def is_async(self) -> bool:
        """Whether the node or one inside it needs an event loop."""
        return self.has_async or self.plan.is_async

    @property
    def depth(self) -> int:
        """How many graphs inside this node are in each other."""
        return self.plan.depth

    def body(self, on_loop: bool, observers: Sequence[Observer], site: Site) -> Function:
        """One run of the graph; a Route where it leaves by another action than "default"."""
        name, own, actions = self.name, self.store, site.actions
        plan = self.plan.inside(site if self.post is None else replace(site, exits=frozenset()), observers)

        def run(value: Any, *, store: Store, ctx: Context) -> Any:
            return _onward(plan.run(value, store.scope(name) if own is None else own.fresh(), ctx), actions)

        async def arun(value: Any, *, store: Store, ctx: Context) -> Any:
            return _onward(await plan.arun(value, store.scope(name) if own is None else own.fresh(), ctx), actions)

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

    @property
    def is_async(self) -> bool:
        """Whether the node or one inside it needs an event loop."""
        return self.has_async or self.fan_out_plan.is_async

    @property
    def depth(self) -> int:
        """How many graphs inside this node are in each other, and one for itself, which takes as many frames."""
        return 1 + max(plan.depth for plan in self.fan_out_plan.plans)

    def body(self, on_loop: bool, observers: Sequence[Observer], site: Site) -> Function:
        """Every item, on the workers of the run; the first error of an item ends it."""
        fan_out_plan = self.fan_out_plan.inside(site, observers)

        def run(items: Any, *, store: Store, ctx: Context) -> list[Any]:
            return fan_out_plan.results(items, store, ctx)

        async def arun(items: Any, *, store: Store, ctx: Context) -> list[Any]:
            return await fan_out_plan.aresults(items, store, ctx)

        return arun if fan_out_plan.is_async else run


def plans_of(node: Node) -> tuple[Plan, ...]:
    """The plans of the graphs inside a node: of a graph as a node, of the items of a fan-out, of each source of a fan-in."""
    if isinstance(node, GraphNode):
        return (node.plan,)
    return node.fan_out_plan.plans if isinstance(node, FanOut) else ()


def with_plans(node: Node, plans: Sequence[Plan]) -> Node:
    """The same node with other graphs inside."""
    nodes = tuple(dict.fromkeys(inner for plan in plans for inner in plan.source.nodes()))
    if isinstance(node, GraphNode):
        return node.with_(nodes=nodes, plan=plans[0])
    assert isinstance(node, FanOut)
    return node.with_(nodes=nodes, fan_out_plan=node.fan_out_plan.with_plans(plans))


def _onward(ended: Any, actions: Sequence[str]) -> Any:
    """What a graph inside gives to its node: the output, in a Route if it leaves by an action that leads on from there."""
    if ended.__class__ is Left:
        if ended.action in actions or DEFAULT not in actions:
            return Route(ended.value, ended.action)
        ended = ended.value
    return Route(ended, DEFAULT) if ended.__class__ is Route else ended
