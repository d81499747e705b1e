"""One graph over many items: each on its own scope of the store, on the workers of the run, with the same effect on all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pocket_lab.errors import NodeError
from pocket_lab.graph.context import Context
from pocket_lab.graph.node import Node, Step
from pocket_lab.graph.store import JournalStore, Store, apply_delta
from pocket_lab.run.outcome import Outcome

if TYPE_CHECKING:
    from pocket_lab.graph.graph import Graph


@dataclass(frozen=True, slots=True)
class _Here:
    """Runs an item in this process, on its scope itself."""

    body: Graph
    store: Store
    context: Context

    def __call__(self, task: tuple[int, Any]) -> Any:
        index, value = task
        self.context.check()
        return self.body.plan.run(value, self.store.scope(f"item-{index}"), self.context)


@dataclass(frozen=True, slots=True)
class _There:
    """Runs an item in a worker process, on a copy of its scope, and answers with the writes to it."""

    body: Graph

    def __call__(self, task: tuple[Any, dict[str, Any], float | None]) -> tuple[Any, dict[str, Any]]:
        value, contents, deadline_s = task
        store = JournalStore(contents)
        return self.body.plan.run(value, store, Context(deadline_s=deadline_s)), store.delta


class Spread:
    """Runs a graph on items; kept with the graph, so that a worker process receives the graph once."""

    def __init__(self, body: Graph) -> None:
        self._body = body
        self._there = _There(body)

    def outcomes(self, items: Iterable[Any], store: Store, context: Context) -> Iterator[Outcome]:
        """Outcomes in the order of the items; an error is the NodeError of its item."""
        context.check()
        pool = context.pool
        if pool.name in ("serial", "threads"):
            here = _Here(self._body, store, context.inline())
            arrived = pool.imap(here, _Enumerated(items), context.workers)
        else:
            arrived = self._from_afar(items, store, context)
        for outcome in arrived:
            context.check()
            yield outcome if outcome.error is None else Outcome(outcome.index, None, _of_item(outcome))

    def _from_afar(self, items: Iterable[Any], store: Store, context: Context) -> Iterator[Outcome]:
        occupied = any(key.startswith("item-") for key in store)
        tasks = [
            (item, dict(store.scope(f"item-{index}").items()) if occupied else {}, context.deadline_s)
            for index, item in enumerate(items)
        ]
        for outcome in context.pool.imap(self._there, tasks, context.workers):
            if outcome.error is None:
                value, delta = outcome.value
                apply_delta(store.scope(f"item-{outcome.index}"), delta)
                outcome = Outcome(outcome.index, value)
            yield outcome


class _Enumerated:
    """`enumerate` that keeps the length where the items have one, for the pool to cut fitting chunks."""

    def __init__(self, items: Iterable[Any]) -> None:
        self._items = items if isinstance(items, Sized) else list(items)

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        return enumerate(self._items)

    def __len__(self) -> int:
        return len(self._items)


def _of_item(outcome: Outcome) -> BaseException | None:
    error = outcome.error
    if not isinstance(error, NodeError) or error.item is not None:
        return error
    named = NodeError(error.node, error.phase, outcome.index, error.reason)
    named.__cause__ = error.__cause__
    return named


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FanOut(Node):
    """A node that runs its body over every item of its input and returns the list of results in order."""

    body: Graph | None = None

    def inner(self) -> tuple[Node, ...]:
        """The nodes of the body."""
        assert self.body is not None
        return tuple(self.body.nodes.values())

    @property
    def spreads(self) -> bool:
        """A fan-out gives its items to the workers of the run."""
        return True

    def step(self) -> Step:
        """The body over every item, on the workers of the run; the first error of an item ends it."""
        assert self.body is not None
        body = self.body

        def step(value: Any, store: Store, context: Context) -> tuple[Any, str]:
            results = []
            for outcome in body.spread.outcomes(value, store, context):
                if outcome.error is not None:
                    raise outcome.error
                results.append(outcome.value)
            return results, "default"

        return step


def fan_out(body: Node | Graph, *, name: str | None = None) -> Node:
    """A node that takes a list and runs `body` on each item, each on its own store scope `item-i`, results in order.

    It works on the workers of the outermost run; inside another fan-out it runs in place.
    """
    from pocket_lab.graph.graph import Graph

    graph = body if isinstance(body, Graph) else Graph(body)
    return FanOut(name or graph.name, body=graph)
