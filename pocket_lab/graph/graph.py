"""Graph: merged paths, a store, and a plan compiled once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal

from pocket_lab.errors import GraphError, UsageError
from pocket_lab.graph.context import INLINE, Context
from pocket_lab.graph.nested import GraphNode
from pocket_lab.graph.node import Node
from pocket_lab.graph.path import DEFAULT, Edge, Linkable, Path, as_path
from pocket_lab.graph.plan import Plan
from pocket_lab.graph.spread import Spread
from pocket_lab.graph.store import Store
from pocket_lab.run.executors import open_pool
from pocket_lab.run.pool import Pool


class Graph(Linkable):
    """An immutable graph of nodes; it starts at the first node of its first path.

    Args:
        paths: nodes and paths (`a >> b`, `a - "action" >> b`), merged; routes belong to this graph alone.
        store: the store of its runs (a new one by default).
        name: how results call it (by default the names of the first and last node of the first path).
        max_steps: the most nodes that one run may go through (no bound by default).
        strict: an action without a route is an error instead of the end of the run.

    Raises GraphError for two nodes of one name, an action routed to two nodes, a node that cannot be reached, or
    anything that is no node.
    """

    first: Node
    edges: tuple[Edge, ...]
    nodes: Mapping[str, Node]
    routes: Mapping[str, Mapping[str, Node]]
    store: Store
    max_steps: int | None
    strict: bool

    def __init__(
        self,
        *paths: Node | Path | Graph,
        store: Store | None = None,
        name: str | None = None,
        max_steps: int | None = None,
        strict: bool = False,
    ) -> None:
        if not paths:
            raise GraphError("a graph needs at least one node")
        if max_steps is not None and max_steps < 1:
            raise GraphError(f"max_steps={max_steps}: a run takes at least one step")
        merged = [as_path(path, "a graph is made of nodes and paths, not of") for path in paths]
        edges = tuple(dict.fromkeys(edge for path in merged for edge in path.edges))
        nodes = _named(merged)
        first = nodes[merged[0].first.name]
        ends = dict.fromkeys((first.name, merged[0].last.name))
        self._set(
            first=first,
            edges=edges,
            nodes=nodes,
            routes=_routes(edges, nodes),
            store=Store() if store is None else store,
            name=name or "_to_".join(ends),
            max_steps=max_steps,
            strict=strict,
        )
        _refuse_unreachable(self)

    @cached_property
    def plan(self) -> Plan:
        """The compiled graph."""
        return Plan(self.first, dict(self.routes), self.strict, self.max_steps)

    @cached_property
    def spread(self) -> Spread:
        """The graph over many items."""
        return Spread(self.plan)

    def run(self, value: Any = None, *, store: Store | None = None, context: Context | None = None) -> Any:
        """Send one input through the graph and return the output of the last node.

        Fan-outs inside use the workers of the context (`Context(pool, workers)`), by default they run in place. Raises
        NodeError from the user's exception, Cancelled, or DeadlineExceeded.
        """
        return self.plan.run(value, self.store if store is None else store, context)

    def map(
        self,
        items: Iterable[Any],
        *,
        workers: int | None = None,
        executor: str | None = None,
        on_error: Literal["raise", "collect"] = "raise",
        store: Store | None = None,
        context: Context | None = None,
    ) -> list[Any]:
        """Run the graph on each item, and return the results in order.

        Each item works on its own store scope `item-i`, with the same effect on every executor ("serial", "threads",
        "processes"; threads where only `workers` is given). The NodeError of an item carries its index; with
        on_error="collect" it stands in the list in the place of the result.
        """
        if on_error not in ("raise", "collect"):
            raise UsageError(f'on_error={on_error!r}: choose "raise" or "collect"')
        given = self.store if store is None else store
        if context is not None:
            return self._map(items, given, context, on_error)
        with _pool_for(workers, executor) as pool:
            return self._map(items, given, Context(pool, workers), on_error)

    def _map(self, items: Iterable[Any], store: Store, context: Context, on_error: str) -> list[Any]:
        with closing(self.spread.outcomes(items, store, context)) as outcomes:
            return list(_results(outcomes, on_error))

    def replace(self, name: str, node: Node | Graph) -> Graph:
        """A new graph with another node in the place of the named one, on a fresh store."""
        if name not in self.nodes:
            raise GraphError(f'the graph has no node "{name}" to replace; it has {", ".join(self.nodes)}')
        if not isinstance(node, Linkable):
            raise GraphError(f'node "{name}" cannot be replaced by {node!r}, which is no node')
        swap: dict[Linkable, Linkable] = {self.nodes[name]: node.as_node()}
        edges = [Edge(swap.get(e.source, e.source), e.action, swap.get(e.target, e.target)) for e in self.edges]
        first = swap.get(self.first, self.first)
        return Graph(
            Path.of(first),
            *(Path(edge.source, edge.target, (edge,)) for edge in edges),
            store=self.store.fresh(),
            name=self.name,
            max_steps=self.max_steps,
            strict=self.strict,
        )

    def as_node(self, name: str | None = None) -> Node:
        """This graph as one node of another; it runs on a fresh store of its own and leaves by "default"."""
        return self._node if name is None else self._node.with_(name=name)

    @cached_property
    def _node(self) -> Node:
        """The same node wherever this graph stands in a path, so that two paths can share it."""
        return GraphNode(self.name, nodes=tuple(self.nodes.values()), plan=self.plan, store=self.store)

    def walk(self) -> Iterator[Node]:
        """Every node, those inside combinators and inner graphs too, outer ones first."""
        for node in self.nodes.values():
            yield from _walk(node)

    def __repr__(self) -> str:
        routes = ", ".join(
            f"{e.source.name} >> {e.target.name}"
            if e.action == DEFAULT
            else f'{e.source.name} - "{e.action}" >> {e.target.name}'
            for e in self.edges
        )
        return f"Graph({routes or self.first.name})"

    def __setattr__(self, name: str, value: Any) -> None:
        raise GraphError(f"a graph does not change: build a new one, or use replace (setting {name!r})")

    def __getstate__(self) -> dict[str, Any]:
        derived = ("plan", "spread", "_node")
        state = {key: value for key, value in self.__dict__.items() if key not in derived}
        return {**state, "nodes": dict(self.nodes), "routes": dict(self.routes)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._set(**state)

    def _set(self, **state: Any) -> None:
        """The only way in: mappings become read-only views."""
        views = {key: MappingProxyType(value) if isinstance(value, dict) else value for key, value in state.items()}
        self.__dict__.update(views)


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for inner in node.inner():
        yield from _walk(inner)


def _pool_for(workers: int | None, executor: str | None) -> Pool:
    if executor is None:
        executor = "serial" if workers is None or workers == 1 else "threads"
    return INLINE if executor == "serial" else open_pool(executor, workers or 1)


def _results(outcomes: Iterator[Any], on_error: str) -> Iterator[Any]:
    for outcome in outcomes:
        if outcome.error is not None and on_error == "raise":
            raise outcome.error
        yield outcome.value if outcome.error is None else outcome.error


def _named(paths: list[Path]) -> dict[str, Node]:
    nodes: dict[str, Node] = {}
    for path in paths:
        for node in (path.first, *(end for edge in path.edges for end in (edge.source, edge.target))):
            if not isinstance(node, Node):
                raise GraphError(f"a graph is made of nodes and paths, not of {node!r}")
            if nodes.setdefault(node.name, node) is not node:
                raise GraphError(f'two different nodes are named "{node.name}"; give one of them another name')
    return nodes


def _routes(edges: tuple[Edge, ...], nodes: dict[str, Node]) -> dict[str, dict[str, Node]]:
    routes: dict[str, dict[str, Node]] = {}
    for edge in edges:
        targets = routes.setdefault(edge.source.name, {})
        if targets.setdefault(edge.action, nodes[edge.target.name]) is not edge.target:
            both = f'"{targets[edge.action].name}" and "{edge.target.name}"'
            raise GraphError(f'node "{edge.source.name}" routes "{edge.action}" to both {both}')
    return routes


def _refuse_unreachable(graph: Graph) -> None:
    reached, waiting = set(), [graph.first]
    while waiting:
        node = waiting.pop()
        if node.name not in reached:
            reached.add(node.name)
            waiting += graph.routes.get(node.name, {}).values()
    for name in graph.nodes:
        if name not in reached:
            raise GraphError(f'node "{name}" cannot be reached from the first node "{graph.first.name}"')
