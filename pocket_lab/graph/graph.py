"""Graph: merged paths, a store, and a plan compiled once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal

from pocket_lab.errors import GraphError, UsageError, printable
from pocket_lab.executors.faults.frames import hide_own_frames
from pocket_lab.executors.faults.interrupts import INTERRUPTS, Interruptible, UsersFrames, show_users_frames
from pocket_lab.graph.context import Context
from pocket_lab.graph.lookup import Nodes, labelled, replaced, shared_names
from pocket_lab.graph.nested import GraphNode
from pocket_lab.graph.node import Node, walk
from pocket_lab.graph.observers import Observer
from pocket_lab.graph.path import DEFAULT, Edge, Linkable, Path, as_path
from pocket_lab.graph.runtime.block import Source
from pocket_lab.graph.runtime.fan_out import FanOutPlan, OnError
from pocket_lab.graph.runtime.fast_loops import Chain
from pocket_lab.graph.runtime.plan import Plan
from pocket_lab.graph.runtime.workers import Workers
from pocket_lab.graph.site import Site
from pocket_lab.graph.store import Store, StorePerScope, begun

FirstContents = Store | Mapping[str, Any] | None
_FRAMES = 9  # of Python for each graph in another one, and what runs around and inside them


class Graph(Linkable):
    """An immutable graph of nodes; it starts at the first node of its first path.

    Args:
        paths: nodes and paths (`a >> b`, `a - "action" >> b`), merged; routes belong to this graph alone.
        store: the store of its runs (a new one by default).
        name: how results call it (by default the names of the first and last node of the first path).
        max_steps: the most nodes that one run may go through (no bound by default).
        strict: an action without a route is an error instead of the end of the run.
        observers: they receive each visit to a node, also in inner graphs. They belong to this process: a pickled graph has
            none, and the visits of worker processes are reported here (but not to observers of an inner graph alone).

    `nodes` finds those inside fan-outs and inner graphs too: by name where it is unique, else by a path such as "inner/score".

    Raises GraphError for two nodes of one name, an action routed to two nodes, a node that cannot be reached, graphs that are
    nested too deeply, or anything that is not a node.
    """

    name: str
    first: Node
    edges: tuple[Edge, ...]
    nodes: Nodes
    routes: Mapping[str, Mapping[str, Node]]
    store: Store
    max_steps: int | None
    strict: bool
    observers: tuple[Observer, ...]

    def __init__(
        self,
        *paths: Node | Path | Graph,
        store: Store | None = None,
        name: str | None = None,
        max_steps: int | None = None,
        strict: bool = False,
        observers: Sequence[Observer] = (),
    ) -> None:
        if not paths:
            raise GraphError("a graph needs at least one node")
        if max_steps is not None and max_steps < 1:
            raise GraphError(f"max_steps={max_steps}: a run takes at least one step")
        for observer in observers:
            if not callable(getattr(observer, "begin", None)):
                raise GraphError(f"{observer!r} is no observer: it has no begin(run)")
        merged = [as_path(path, "a graph is made of nodes and paths, not of") for path in paths]
        edges = tuple(dict.fromkeys(edge for path in merged for edge in path.edges))
        nodes = _named(merged)
        first = nodes[merged[0].first.name]
        ends = dict.fromkeys((first.name, merged[0].last.name))
        self._set(
            first=first,
            edges=edges,
            nodes=Nodes(nodes),
            routes=_routes(edges, nodes),
            store=Store() if store is None else store,
            name=name or "_to_".join(ends),
            max_steps=max_steps,
            strict=strict,
            observers=tuple(observers),
        )
        _refuse_unreachable(self)
        _refuse_too_deep(self)

    @classmethod
    def from_edges(cls, edges: Iterable[tuple[Linkable, Linkable] | tuple[Linkable, str, Linkable]], **options: Any) -> Graph:
        """A graph made by a program: (source, target) and (source, action, target); it starts at the first source.

        The options are those of Graph. Raises GraphError for anything else in the list.
        """
        return cls(*(_edge_path(edge) for edge in edges), **options)

    @cached_property
    def plan(self) -> Plan:
        """The compiled graph."""
        site = Site(shared=shared_names(self.nodes.values()))
        return Plan(Source(self.name, self.first, dict(self.routes), self.strict, self.max_steps, self.observers, site))

    @cached_property
    def _bare(self) -> Chain:
        """The function of a run without a context, cached for `run`."""
        return self.plan.bare

    @cached_property
    def fan_out_plan(self) -> FanOutPlan:
        """The graph over many items."""
        return FanOutPlan([self.plan])

    def run(self, value: Any = None, store: FirstContents = None, context: Context | None = None) -> Any:
        """Send one input through the graph and return the output of the last node.

        It works on the graph's store, on another one (`store=Store(...)`), or on a fresh one of its own that begins with
        copies of the values of a dictionary (`store={"unit": "m"}`), and with the initial contents of the graph's store.

        Fan-outs inside use the workers of the context (`Context(pool, workers)`), by default they run in place. A graph
        with async nodes runs on an event loop of its own, in a helper thread where this thread's loop is busy (a notebook):
        use `await graph.arun(...)` for objects that belong to the notebook's own loop. Raises NodeError from the user's
        exception, Cancelled, or DeadlineExceeded.
        """
        kept = self.store if store is None else self._begun(store)
        try:
            return self._bare(value, kept, None) if context is None else self.plan.run(value, kept, context)
        except KeyboardInterrupt as interrupt:
            hide_own_frames(interrupt)
            raise

    def _begun(self, store: Store | Mapping[str, Any], begin: Callable[[Store, Mapping[str, Any]], Store] = begun) -> Store:
        """The store itself, or what `begin` makes of the first contents of a new one."""
        return store if isinstance(store, Store) else begin(self.store, store)

    async def arun(self, value: Any = None, store: FirstContents = None, context: Context | None = None) -> Any:
        """As `run`, on the running event loop: async nodes are awaited, plain ones run in place.

        A fan-out of async nodes has `workers` items in flight, by default a hundred.
        """
        kept = self.store if store is None else self._begun(store)
        try:
            return await self.plan.arun(value, kept, context)
        except BaseException as error:  # a context manager around it would cost a tenth of a run
            show_users_frames(error)
            raise

    def map(
        self,
        items: Iterable[Any],
        *,
        workers: int | None = None,
        executor: str | None = None,
        on_error: OnError = "raise",
        store: FirstContents = None,
        context: Context | None = None,
    ) -> list[Any]:
        """Run the graph on each item, and return the results in order.

        Each item works on its own store scope `item-i`, with the same effect on every executor ("serial", "threads",
        "processes", "cluster", and for async nodes "asyncio"; or the address of a scheduler of Dask). With `store={...}` each
        is a run on a fresh store with these contents instead, as in `run`. By default items run in place, in threads where
        `workers` are given, and as tasks of an event loop (a hundred at once) where nodes are async. The NodeError of an item
        carries its index; with on_error="collect" it is in the list instead of the result.
        """
        _check_on_error(on_error)
        kept = self.store if store is None else self._begun(store, StorePerScope)
        with Interruptible():
            if context is not None:
                return self.fan_out_plan.results(items, kept, context, on_error)
            with Workers.requested(workers, executor, self.plan.is_async).context() as opened:
                return self.fan_out_plan.results(items, kept, opened, on_error)

    def imap(
        self,
        items: Iterable[Any],
        *,
        workers: int | None = None,
        executor: str | None = None,
        on_error: OnError = "raise",
        store: FirstContents = None,
        context: Context | None = None,
    ) -> Generator[Any]:
        """As `map`, one result after the other: for any number of items, only a few of which are in memory at once.

        Closing it early, or leaving its loop, stops the running items.
        """
        _check_on_error(on_error)
        kept = self.store if store is None else self._begun(store, StorePerScope)
        if context is not None:
            return self.fan_out_plan.iresults(items, kept, context, on_error)
        return self._imap(items, Workers.requested(workers, executor, self.plan.is_async), kept, on_error)

    def _imap(self, items: Iterable[Any], workers: Workers, store: Store, on_error: OnError) -> Generator[Any]:
        with Interruptible(), workers.context() as opened:
            for result in self.fan_out_plan.iresults(items, store, opened, on_error):
                yield result
                INTERRUPTS.forget()

    async def amap(
        self,
        items: Iterable[Any],
        *,
        workers: int | None = None,
        on_error: OnError = "raise",
        store: FirstContents = None,
        context: Context | None = None,
    ) -> list[Any]:
        """As `map`, on the running event loop, with `workers` items in flight (by default a hundred)."""
        _check_on_error(on_error)
        given = Context(workers=workers) if context is None else context
        kept = self.store if store is None else self._begun(store, StorePerScope)
        with UsersFrames():
            return await self.fan_out_plan.aresults(items, kept, given, on_error)

    def observed(self, *observers: Observer) -> Graph:
        """The same graph, on the same store, with observers added."""
        return self._copy({}, self.store, (*self.observers, *observers))

    def with_store(self, store: Store | Mapping[str, Any]) -> Graph:
        """The same graph on another store, or on one like its own with more initial contents, of which a run can have copies.

        `bench(graph.with_store({"unit": "m"}), ...)`, `compare` and profiles give each run a fresh store with these contents;
        under the drive "map" items work on scopes of it.
        """
        return self._copy({}, store if isinstance(store, Store) else self.store.beginning(store), self.observers)

    def _copy(self, swap: Mapping[Any, Node], store: Store, observers: Sequence[Observer]) -> Graph:
        """The same graph on a store, with observers, and with other nodes instead of some."""
        edges = [Edge(swap.get(e.source, e.source), e.action, swap.get(e.target, e.target)) for e in self.edges]
        return Graph(
            Path.of(swap.get(self.first, self.first)),
            *(Path(edge.source, edge.target, (edge,)) for edge in edges),
            store=store,
            name=self.name,
            max_steps=self.max_steps,
            strict=self.strict,
            observers=observers,
        )

    def validate(self) -> Graph:
        """Compare the type hints along every route; the graph itself, or a GraphError that names each mismatch.

        And each named route out of an inner graph or a fan-out that is never taken: by their hints no node inside can leave
        by it, or the fan-out has no post that could (by itself it leaves by "default").
        """
        from pocket_lab.graph.type_hints import mismatches

        if found := mismatches(self.plan):
            raise GraphError("; ".join(found))
        return self

    def replace(self, name: str, node: Node | Graph) -> Graph:
        """A new graph with another node instead of the named one, on a fresh store.

        A node inside a fan-out or an inner graph is found by its name where that is unique, else by a path such as
        "inner/score": the names of nodes around it and its own. A node at the top comes before those inside; `fan_out(score)`
        is itself named score, and what it runs is "score/score".

        Raises GraphError for a name that no node or several have, or that the graph has twice then.
        """
        if not isinstance(node, Node | Graph):
            raise GraphError(f'node "{name}" cannot be replaced by {node!r}, which is not a node')
        return self._copy(replaced(self.nodes, name, node.as_node()), self.store.fresh(), self.observers)

    def as_node(self, name: str | None = None, *, store: Literal["own", "parent"] = "own") -> Node:
        """This graph as one node of another.

        It leaves by the last action that had no route inside, if there is a route for it outside, else by "default". With
        store="own" each run has a fresh store of this graph's; with "parent" it works on the outer store, on the scope of the
        node's name. A graph in a path has its own store.
        """
        if store not in ("own", "parent"):
            raise UsageError(f'store={store!r}: choose "own" or "parent"')
        if store == "own" and name is None:
            return self._node
        return self._node.with_(name=name or self.name, **({"store": None} if store == "parent" else {}))

    @cached_property
    def _node(self) -> Node:
        """The node of this graph in any path, always the same one, so that two paths can share it."""
        return GraphNode(self.name, nodes=tuple(self.nodes.values()), plan=self.plan, store=self.store)

    def walk(self) -> Iterator[Node]:
        """Every node once, those inside combinators and inner graphs too, outer ones first."""
        return walk(self.nodes.values())

    def labelled(self) -> Iterator[tuple[str, Node]]:
        """The same with what results and errors call each: its name where that is unique, else its path."""
        return labelled(self.nodes)

    def __repr__(self) -> str:
        routes = ", ".join(
            f"{e.source.name} >> {e.target.name}"
            if e.action == DEFAULT
            else f'{e.source.name} - "{e.action}" >> {e.target.name}'
            for e in self.edges
        )
        return printable(f"Graph({routes or self.first.name})")

    def _repr_html_(self) -> str:
        """A drawing in the colours of the page, without a network."""
        from pocket_lab.graph.drawing.svg import draw

        return (
            f'<div style="overflow:auto;max-height:1200px">{draw(self.name, self.first, self.nodes.values(), self.edges)}</div>'
        )

    def __setattr__(self, name: str, value: Any) -> None:
        raise GraphError(f"a graph does not change: build a new one, or use replace (setting {name!r})")

    def __getstate__(self) -> dict[str, Any]:
        derived = ("plan", "fan_out_plan", "_bare", "_node")
        state = {key: value for key, value in self.__dict__.items() if key not in derived}
        return {**state, "routes": dict(self.routes), "observers": ()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._set(**state)

    def _set(self, **state: Any) -> None:
        """Set the attributes, mappings as read-only views."""
        views = {key: MappingProxyType(value) if isinstance(value, dict) else value for key, value in state.items()}
        self.__dict__.update(views)


def _check_on_error(on_error: str) -> None:
    if on_error not in ("raise", "collect"):
        raise UsageError(f'on_error={on_error!r}: choose "raise" or "collect"')


def _edge_path(edge: Any) -> Path:
    if not isinstance(edge, tuple) or len(edge) not in (2, 3):
        raise GraphError(f"an edge is (source, target) or (source, action, target), got {edge!r}")
    source = as_path(edge[0], "an edge leads from a node, not from")
    return (source >> edge[1]) if len(edge) == 2 else (source - edge[1]) >> edge[2]  # type: ignore[no-any-return]


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
            one, other = targets[edge.action].name, edge.target.name
            raise GraphError(
                f'node "{edge.source.name}" routes "{edge.action}" to both "{one}" and "{other}": a run takes one route, and '
                f"one input goes to several nodes by fan_in(combine, {one}, {other}) or run_concurrent"
            )
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


def _refuse_too_deep(graph: Graph) -> None:
    """A graph in a graph takes frames of Python when it runs, and is refused where these might not be enough."""
    depth, limit = 1 + max(node.depth for node in graph.nodes.values()), sys.getrecursionlimit()
    if depth > (most := limit // _FRAMES):
        raise GraphError(
            f'graph "{graph.name}" has graphs inside each other {depth} deep (a fan-out counts twice), and Python\'s recursion '
            f"limit of {limit} allows {most}: nest them less (a loop is a route back), or raise it by sys.setrecursionlimit"
        )
