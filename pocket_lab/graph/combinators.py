"""Functions that make nodes out of nodes. The outermost fan-out uses the workers of the run, inner ones run in place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pocket_lab.errors import GraphError, UsageError
from pocket_lab.graph.callables import is_async, name_of
from pocket_lab.graph.context import Context
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.nested import FanOut
from pocket_lab.graph.node import Function, Node, Route
from pocket_lab.graph.path import DEFAULT
from pocket_lab.graph.runtime.fan_out import FanOutPlan
from pocket_lab.graph.runtime.workers import Workers
from pocket_lab.graph.store import ReadOnlyStore, Store, StorePerScope

_CONCURRENT = "concurrent"


def fan_out(body: Node | Graph, *, name: str | None = None) -> Node:
    """A node that takes a list and runs `body` on each item, each on its own store scope `item-i`, results in order.

    It leaves by "default", whatever the actions by which the items end; with a post it can choose another one.
    """
    graph = body if isinstance(body, Graph) else Graph(body)
    return FanOut(name or graph.name, nodes=tuple(graph.nodes.values()), fan_out_plan=graph.fan_out_plan)


def fan_in(combine: Function, *sources: Node | Graph, name: str | None = None) -> Node:
    """A node that gives its input to every source at once, each on its scope `concurrent-i`; combine(results) is its output."""
    if not sources:
        raise GraphError("fan_in needs at least one source")
    graphs = _graphs(sources)
    return FanOut(
        name or name_of(combine),
        nodes=_nodes(graphs),
        fan_out_plan=FanOutPlan([graph.plan for graph in graphs], _CONCURRENT),
        prep=lambda store, value: [value] * len(graphs),
        post=_reducing(combine),
    )


def run_concurrent(
    nodes: Sequence[Node | Graph],
    inputs: Iterable[Any] | None = None,
    *,
    workers: int | None = None,
    executor: str | None = None,
    store: Store | Mapping[str, Any] | None = None,
    context: Context | None = None,
) -> list[Any]:
    """Run each node on its own input (None by default) at the same time, on its scope `concurrent-i`; results in order.

    By default each has a thread of its own, or is a task of an event loop where one of them is async. The first error in
    the order of the nodes is raised. With `store={...}` each works on a fresh store that begins with copies of these contents.
    """
    graphs = _graphs(nodes)
    given = [None] * len(graphs) if inputs is None else list(inputs)
    if len(given) != len(graphs):
        raise UsageError(f"run_concurrent got {len(graphs)} nodes and {len(given)} inputs: give each node one")
    if not graphs:
        return []
    fan_out_plan = FanOutPlan([graph.plan for graph in graphs], _CONCURRENT)
    kept = Store() if store is None else store if isinstance(store, Store) else StorePerScope(Store(), store)
    if context is not None:
        return fan_out_plan.results(given, kept, context)
    with Workers.requested(len(graphs) if workers is None else workers, executor, fan_out_plan.is_async).context() as opened:
        return fan_out_plan.results(given, kept, opened)


def MapReduce(  # noqa: N802 (the public name: it makes a node, as a class does)
    extract: Function | None, transform: Function | Node | Graph, reduce: Function, *, name: str | None = None
) -> Node:
    """A node of three functions: extract(store, input) makes items, transform(item) runs on each, reduce(results) ends.

    Without extract the input is the list of items. transform may be a node or a graph.
    """
    return _batch(transform, name, prep=extract, post=_reducing(reduce))


def for_each(process: Function | Node | Graph, *, extract: Function | None = None, name: str | None = None) -> Node:
    """A node that runs process(item) on each item for its effects; the number of items is its output."""
    return _batch(process, name, prep=extract, post=_reducing(len))


def filter(predicate: Function | Node | Graph, *, extract: Function | None = None, name: str | None = None) -> Node:
    """A node that keeps the items for which predicate(item) is true, in their order."""
    prep = _listing(extract)

    def keep(store: Store, value: Any, items: list[Any], verdicts: list[Any]) -> tuple[list[Any], str]:
        return [item for item, verdict in zip(items, verdicts, strict=True) if verdict], DEFAULT

    return _batch(predicate, name, prep=prep, post=keep)


def _batch(body: Function | Node | Graph, name: str | None, *, prep: Function | None, post: Function) -> Node:
    if not isinstance(body, Node | Graph):
        body = Node(name_of(body), exec=body)
    graph = body if isinstance(body, Graph) else Graph(body)
    return FanOut(name or graph.name, nodes=tuple(graph.nodes.values()), fan_out_plan=graph.fan_out_plan, prep=prep, post=post)


def _reducing(reduce: Function) -> Function:
    """A post that makes the output of the results."""
    if is_async(reduce):

        async def areduced(store: Store, value: Any, items: Any, results: list[Any]) -> Route[Any] | tuple[Any, str]:
            return _leaving(await reduce(results))

        return areduced

    def reduced(store: Store, value: Any, items: Any, results: list[Any]) -> Route[Any] | tuple[Any, str]:
        return _leaving(reduce(results))

    return reduced


def _leaving(reduced: Any) -> Route[Any] | tuple[Any, str]:
    """What a post returns: a Route chooses the next node, as it does from any function of a node."""
    return reduced if isinstance(reduced, Route) else (reduced, DEFAULT)


def _listing(extract: Function | None) -> Function:
    """A prep that returns a list, so that the items can be read twice."""
    if extract is not None and is_async(extract):

        async def alisted(store: ReadOnlyStore, value: Any) -> list[Any]:
            return list(await extract(store, value))

        return alisted

    def listed(store: ReadOnlyStore, value: Any) -> list[Any]:
        return list(value if extract is None else extract(store, value))

    return listed


def _graphs(nodes: Sequence[Node | Graph]) -> list[Graph]:
    return [node if isinstance(node, Graph) else Graph(node) for node in nodes]


def _nodes(graphs: Sequence[Graph]) -> tuple[Node, ...]:
    return tuple(node for graph in graphs for node in graph.nodes.values())
