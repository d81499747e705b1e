"""One plan over many items: each on its own scope of the store, on the workers of the run, with the same effect on all."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sized
from dataclasses import dataclass
from typing import Any

from pocket_lab.errors import NodeError
from pocket_lab.graph.context import Context
from pocket_lab.graph.plan import Plan
from pocket_lab.graph.store import Delta, JournalStore, Store, apply_delta
from pocket_lab.run.outcome import Link, Outcome, pack_error, unpack_error


@dataclass(frozen=True, slots=True)
class _Here:
    """Runs an item in this process, on its scope itself."""

    plan: Plan
    store: Store
    context: Context

    def __call__(self, task: tuple[int, Any]) -> Any:
        index, value = task
        self.context.check()
        return self.plan.run(value, self.store.scope(f"item-{index}"), self.context)


@dataclass(frozen=True, slots=True)
class _There:
    """Runs an item in a worker process, on a copy of its scope, and answers with the writes to it, also where it fails."""

    plan: Plan

    def __call__(self, task: tuple[Any, dict[str, Any], float | None]) -> tuple[Any, tuple[Link, ...] | None, dict[str, Delta]]:
        value, contents, deadline_s = task
        store = JournalStore(contents)
        try:
            return self.plan.run(value, store, Context(deadline_s=deadline_s)), None, store.delta
        except Exception as error:
            return None, pack_error(error), store.delta


class Spread:
    """Runs a plan on items."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def __reduce__(self) -> tuple[type[Spread], tuple[Plan]]:
        return Spread, (self._plan,)

    def outcomes(self, items: Iterable[Any], store: Store, context: Context) -> Generator[Outcome]:
        """Outcomes in the order of the items; an error is the NodeError of its item."""
        context.check()
        pool = context.pool
        if pool.name in ("serial", "threads"):
            here = _Here(self._plan, store, context.inline())
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
        there = context.prepare(self, lambda: _There(self._plan))
        for outcome in context.pool.imap(there, tasks, context.workers):
            if outcome.error is None:
                value, error, delta = outcome.value
                apply_delta(store.scope(f"item-{outcome.index}"), delta)
                outcome = Outcome(outcome.index, value, unpack_error(error) if error else None)
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
    """The NodeError under the index of this item; where it has one from a fan-out inside, that one is its cause."""
    error = outcome.error
    if not isinstance(error, NodeError):
        return error
    named = NodeError(error.node, error.phase, outcome.index, error.reason)
    named.__cause__ = error.__cause__ if error.item is None else error
    return named
