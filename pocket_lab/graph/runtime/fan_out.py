"""Plans over many items: each item has its own scope of the store, and every executor gives the same results and store."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, aclosing, closing, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from pocket_lab.errors import NodeError
from pocket_lab.executors.chunks import Numbered
from pocket_lab.executors.faults.forks import InParent
from pocket_lab.executors.faults.interrupts import INTERRUPTS
from pocket_lab.executors.faults.lost_parts import Lost, Parts
from pocket_lab.executors.outcome import Link, Outcome, pack_error, unpack_error
from pocket_lab.executors.pool import Check
from pocket_lab.executors.world.clock import AHEAD_S
from pocket_lab.graph.context import Context, Report, stops
from pocket_lab.graph.observers import Collected, Collector, Observer
from pocket_lab.graph.runtime.lazy_results import lazy_results
from pocket_lab.graph.runtime.plan import Plan
from pocket_lab.graph.runtime.workers import TASKS_IN_FLIGHT
from pocket_lab.graph.site import Site
from pocket_lab.graph.store import JournalStore, Limits, Store, apply_delta

if TYPE_CHECKING:
    from pocket_lab.executors.event_loop import Loop

OnError = Literal["raise", "collect"]
Task = tuple[int, Any, dict[str, Any], Limits, float | None]
Write = tuple[str, bool, float | str | None]
Head = tuple[tuple[Link, ...] | None, list[Collected], list[Report] | None, list[Write]]


@dataclass(frozen=True, slots=True)
class _LocalItem:
    """Runs an item in this process, on its scope of the store."""

    fan_out_plan: FanOutPlan
    store: Store
    context: Context

    def __call__(self, task: tuple[int, Any]) -> Any:
        index, value = task
        return self.fan_out_plan.plan(index).run(value, *self._store_and_context(index))

    async def arun(self, task: tuple[int, Any]) -> Any:
        """The same on an event loop."""
        index, value = task
        return await self.fan_out_plan.plan(index).arun(value, *self._store_and_context(index))

    def _store_and_context(self, index: int) -> tuple[Store, Context]:
        self.context.check()
        context = self.context.at(index) if self.fan_out_plan.observers else self.context
        return self.store.scope(self.fan_out_plan.scope(index)), context


class _RemoteItem:
    """Runs an item in a worker process, on a copy of its scope, and returns its writes even if it fails."""

    def __init__(self, fan_out_plan: FanOutPlan, collects: bool, reports: bool, lazy: str) -> None:
        self._given = fan_out_plan, collects, reports, lazy
        self._collector = Collector(lazy_results=lazy) if collects else None
        self._observed_plan = fan_out_plan.observed([self._collector] if self._collector else [])

    def __reduce__(self) -> tuple[type[_RemoteItem], tuple[FanOutPlan, bool, bool, str]]:
        return _RemoteItem, self._given

    def __call__(self, task: Task) -> Parts:
        index, value, contents, limits, deadline_s = task
        store = JournalStore(contents, limits)
        result, packed = None, None
        ahead_s = AHEAD_S.get()
        context = Context(deadline_s=None if deadline_s is None else deadline_s + ahead_s).inline()
        context.reports = [] if self._given[2] else None
        try:
            with InParent():
                result = self._observed_plan.plan(index).run(value, store, context)
        except Exception as error:
            packed = pack_error(error)
        writes = [(key, is_set, ttl) for key, (is_set, _, ttl) in store.delta.items()]
        head: Head = packed, self._collector.take(ahead_s) if self._collector else [], context.reports, writes
        return Parts(head, [*(value for _, value, _ in store.delta.values()), result])


class FanOutPlan:
    """Runs one plan on every item, or each of several plans on its own item; the scopes are called `<kind>-<index>`."""

    def __init__(self, plans: Sequence[Plan], kind: str = "item") -> None:
        self.plans = tuple(plans)
        self._kind = kind

    def __reduce__(self) -> tuple[type[FanOutPlan], tuple[tuple[Plan, ...], str]]:
        return FanOutPlan, (self.plans, self._kind)

    @cached_property
    def is_async(self) -> bool:
        """Whether an item needs an event loop."""
        return any(plan.is_async for plan in self.plans)

    @property
    def observers(self) -> tuple[Observer, ...]:
        """The observers of the runs."""
        return self.plans[0].source.observers

    def observed(self, observers: Sequence[Observer]) -> FanOutPlan:
        """The same plan with exactly these observers."""
        if tuple(observers) == self.observers:
            return self
        return FanOutPlan([plan.observed(observers) for plan in self.plans], self._kind)

    def inside(self, site: Site, observers: Sequence[Observer]) -> FanOutPlan:
        """The same inside another run, at this site: with the observers of each plan, then those of the outer run."""
        if not observers and not site.shared:
            return self
        sites = [site if len(self.plans) == 1 else replace(site, label=f"{site.label}/{scope}") for scope in self.scopes]
        pairs = zip(self.plans, sites, strict=True)
        return self.with_plans([plan.inside(site, observers, leaves=False) for plan, site in pairs])

    def with_plans(self, plans: Sequence[Plan]) -> FanOutPlan:
        """The same with other plans."""
        return FanOutPlan(plans, self._kind)

    @property
    def scopes(self) -> list[str]:
        """The name of the scope of each plan, where there are several."""
        return [self.scope(index) for index in range(len(self.plans))]

    def plan(self, index: int) -> Plan:
        """The plan of the item with this index."""
        return self.plans[index if len(self.plans) > 1 else 0]

    def scope(self, index: int) -> str:
        """The name of the scope of the item with this index."""
        return f"{self._kind}-{index}"

    def outcomes(self, items: Iterable[Any], store: Store, context: Context, on_error: OnError = "raise") -> Generator[Outcome]:
        """Outcomes in the order of the items; an error is the NodeError of its item.

        Where errors are collected, so is that of a worker process that dies: the ProcessDied of its item.
        """
        context.check()
        pool = context.pool
        if pool.is_remote:
            arrived = self._remote_outcomes(items, store, context, on_error)
        else:
            run_item = _LocalItem(self, store, context.inline())
            arrived = pool.imap(run_item, Numbered(items), context.workers, _checking(context))
        for outcome in arrived:
            INTERRUPTS.raise_swallowed()
            yield _named(outcome)
        context.check()

    async def aoutcomes(self, items: Iterable[Any], store: Store, context: Context) -> AsyncGenerator[Outcome]:
        """As `outcomes`, on the running event loop: at most `workers` items in flight, or a hundred."""
        from pocket_lab.executors.tasks import imap_on_loop

        context.check()
        run_item = _LocalItem(self, store, context.inline())
        most = context.pool.size if context.pool.name == "asyncio" else TASKS_IN_FLIGHT
        outcomes = imap_on_loop(run_item.arun, enumerate(items), min(context.workers or most, most))
        try:
            async for outcome in outcomes:
                context.check()
                yield _named(outcome)
            context.check()
        finally:
            await outcomes.aclose()

    def results(self, items: Iterable[Any], store: Store, context: Context, on_error: OnError = "raise") -> list[Any]:
        """Every result in plain code; the first error is raised, or each error is in the list instead of its result."""
        if not self.on_loop(context):
            with closing(self.outcomes(items, store, context, on_error)) as outcomes:
                return [_result(outcome, on_error) for outcome in outcomes]
        with _loop_of(context) as loop:
            return loop.call(self.aresults, items, store, context, on_error)

    async def aresults(self, items: Iterable[Any], store: Store, context: Context, on_error: OnError = "raise") -> list[Any]:
        """The same on the running event loop."""
        if not self.on_loop(context):
            return self.results(items, store, context, on_error)
        async with aclosing(self.aoutcomes(items, store, context)) as outcomes:
            return [_result(outcome, on_error) async for outcome in outcomes]

    def iresults(self, items: Iterable[Any], store: Store, context: Context, on_error: OnError) -> Generator[Any]:
        """One result after the other, without an event loop; closing the generator early stops the running items."""
        if not self.on_loop(context):
            with closing(self.outcomes(items, store, context, on_error)) as outcomes:
                for outcome in outcomes:
                    yield _result(outcome, on_error)
            return
        arriving = self.aoutcomes(items, store, context)
        with _loop_of(context) as loop:
            try:
                while (arrived := loop.call(_next, arriving)) is not None:
                    yield _result(arrived, on_error)
            finally:
                if not loop.is_closed:
                    loop.call(_close, arriving)

    def on_loop(self, context: Context) -> bool:
        """Whether the items are tasks of an event loop: they are async, and no other workers were requested."""
        return self.is_async and context.pool.name in ("serial", "asyncio")

    def _remote_outcomes(self, items: Iterable[Any], store: Store, context: Context, on_error: OnError) -> Iterator[Outcome]:
        occupied = store.has_scopes(self._kind)

        def task(numbered: tuple[int, Any]) -> Task:
            index, item = numbered
            contents = store.scope(self.scope(index)).snapshot() if occupied else {}
            return index, item, contents, store.limits, context.deadline_s

        lazy = lazy_results(self.observers)
        run_item = context.prepare(self, lambda: _RemoteItem(self, bool(self.observers), context.reports is not None, lazy))
        imap = context.pool.imap_collect if on_error == "collect" else context.pool.imap
        for outcome in imap(run_item, Numbered(items, task), context.workers, _checking(context)):
            yield outcome if outcome.error is not None else self._received(outcome, store, context)

    def _received(self, outcome: Outcome, store: Store, context: Context) -> Outcome:
        """The outcome of an item from a worker process, after its writes, spans and reports; NodeError for what was lost."""
        error, collected, reports, writes = outcome.value.head
        *values, result = outcome.value.objects
        lost: list[tuple[str, Lost]] = []
        scope = store.scope(self.scope(outcome.index)) if writes else store
        for (key, is_set, ttl), value in zip(writes, values, strict=True):
            if isinstance(value, Lost):
                lost.append((f'the store entry "{key}"', value))
            else:
                apply_delta(scope, {key: (is_set, value, ttl)})
        if collected:
            Collector(collected).replay(self.observers, context.run, outcome.index)
        if context.reports is not None and reports:
            context.reports += reports
        if error:
            return Outcome(outcome.index, None, unpack_error(error))
        if isinstance(result, Lost):
            lost.append(("its result", result))
        if not lost:
            return Outcome(outcome.index, result)
        what, first = lost[0]
        failure = NodeError(self.plan(outcome.index).last, "transfer", None, first.sentence(what))
        failure.__cause__ = first.error
        return Outcome(outcome.index, None, failure)


def _checking(context: Context) -> Check:
    """The check of a wait: of the context, and of an interrupt that was swallowed."""

    def check() -> None:
        context.check()
        INTERRUPTS.raise_swallowed()

    return check


def _loop_of(context: Context) -> AbstractContextManager[Loop]:
    """The event loop of the context's pool, or a new one."""
    if context.pool.loop is not None:
        return nullcontext(context.pool.loop)
    from pocket_lab.executors.event_loop import Loop

    return Loop()


async def _next(outcomes: AsyncGenerator[Outcome]) -> Outcome | None:
    return await anext(outcomes, None)


async def _close(outcomes: AsyncGenerator[Outcome]) -> None:
    await outcomes.aclose()


def _result(outcome: Outcome, on_error: OnError) -> Any:
    """The result of an item, or its error if errors are collected; an error that ends the run is always raised."""
    collected = outcome.error is not None and on_error == "collect" and not stops(outcome.error, None)
    return outcome.error if collected else outcome.get()


def _named(outcome: Outcome) -> Outcome:
    """The outcome with the item index in its NodeError; an error that has the index of an inner fan-out is the cause."""
    error = outcome.error
    if not isinstance(error, NodeError):
        return outcome
    named = NodeError(error.node, error.phase, outcome.index, error.reason)
    named.__cause__ = error.__cause__ if error.item is None else error
    return Outcome(outcome.index, None, named)
