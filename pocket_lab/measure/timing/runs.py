"""One run of a point: the function that a batch calls repeatedly, and its arguments."""

from __future__ import annotations

from collections.abc import Callable, Sized
from functools import partial
from typing import Any

from pocket_lab.errors import UsageError
from pocket_lab.executors.faults.forks import InParent
from pocket_lab.executors.pool import Pool
from pocket_lab.graph.callables import Signature, takes, with_options
from pocket_lab.graph.context import INLINE, Context
from pocket_lab.graph.graph import Graph
from pocket_lab.measure.job import Input, Job
from pocket_lab.measure.timing.batch import Runs
from pocket_lab.measure.timing.caches import cleared
from pocket_lab.measure.timing.reports import Reports
from pocket_lab.records.point import Point

_PATIENCE = 0.1  # of a point's share of the budget, for a second look at a batch


def build_input(job: Job, point: Point) -> Any:
    """The input of a point: input(size), the input as it is, or by default the size (range(size) under "map")."""
    if job.input is Input.ABSENT:
        return range(point.size) if point.drive == "map" and point.size is not None else point.size
    if callable(job.input):
        with InParent():
            return job.input() if point.size is None else job.input(point.size)
    return job.input


def build_runs(job: Job, point: Point, value: Any, pool: Pool, awaited: bool = False) -> Runs:
    """One run in plain code, or as a coroutine function where it is `awaited`; every run of a graph gets a fresh store.

    With the sweep's `fresh_input` every run gets an input of its own, with `store="shared"` all of them the same store.
    """
    fresh = partial(build_input, job, point) if job.sweep.fresh_input else None
    if point.drive == "map":
        runs = _map_runs(job.target, point, value, fresh, pool, job.sweep.store)
    elif isinstance(job.target, Graph):
        run = job.target.arun if awaited else job.target.run
        runs = _graph_runs(job.target, run, point, value, fresh, pool, job.sweep.store)
    else:
        runs = _call_runs(job, point, value, fresh, pool)
    if job.sweep.caches == "cold":
        runs.reset = cleared(job.target)
    runs.patience_s = job.sweep.budget_s / max(len(job.points), 1) * _PATIENCE
    return runs


def _call_runs(job: Job, point: Point, value: Any, fresh: Callable[[], Any] | None, pool: Pool) -> Runs:
    function = job.target
    assert not isinstance(function, Graph)
    reports = Reports()
    options = {"workers": point.workers, "executor": point.executor, "ctx": _reporting(Context(), reports)}
    signature = Signature(function)
    bound = signature.with_options({name: option for name, option in options.items() if signature.takes(name)})
    if (job.input is Input.ABSENT and point.size is None) or not signature.takes_argument:
        return Runs(bound, (), pool, reports=reports)
    return Runs(bound, (value,), pool, fresh=None if fresh is None else lambda: (fresh(),), reports=reports)


def _map_runs(target: Any, point: Point, value: Any, fresh: Callable[[], Any] | None, pool: Pool, store: str) -> Runs:
    items = _items(value)
    if not len(items):
        raise UsageError('the drive "map" got no items to run')
    fresh_items = None if fresh is None else partial(_fresh_items, fresh)
    if isinstance(target, Graph):
        return _graph_runs(target, target.map, point, items, fresh_items, pool, store, len(items))
    reports = Reports()
    function = with_options(target, {"ctx": _reporting(Context(), reports)} if takes(target, "ctx") else {})
    each = partial(_call_each, function, pool, point.workers)
    return Runs(each, (items,), pool, len(items), None if fresh_items is None else lambda: (fresh_items(),), reports=reports)


def _fresh_items(fresh: Callable[[], Any]) -> Any:
    return _items(fresh())


def _items(value: Any) -> Any:
    return value if isinstance(value, Sized) else list(value)


def _call_each(function: Callable[..., Any], pool: Pool, workers: int, items: Any) -> list[Any]:
    """Run every item; the list has the result of the last one."""
    last: list[Any] = []
    for outcome in pool.imap(function, items, workers):
        last[:] = [outcome.get()]
    return last


def _graph_runs(
    graph: Graph,
    run: Callable[..., Any],
    point: Point,
    value: Any,
    fresh: Callable[[], Any] | None,
    pool: Pool,
    kept: str,
    items: int = 1,
) -> Runs:
    reports = Reports()
    context = None
    if any(takes(function, "ctx") for node in graph.walk() for _, function in node.phases()):
        context = _reporting(Context(pool, point.workers), reports)
    elif pool is not INLINE or run == graph.map:
        context = Context(pool, point.workers)
    uses_store = any(node.prep or node.post for node in graph.walk())
    if uses_store and kept == "fresh":
        make: Callable[[], Any] = (lambda: value) if fresh is None else fresh
        each = partial(_with_store, run, context)
        return Runs(each, (), pool, items, lambda: (make(), graph.store.fresh()), reports=reports)
    store = graph.store.fresh() if uses_store else None
    bound = run if context is None and store is None else partial(run, store=store, context=context)
    return Runs(bound, (value,), pool, items, None if fresh is None else lambda: (fresh(),), reports=reports)


def _with_store(run: Callable[..., Any], context: Context | None, value: Any, store: Any) -> Any:
    return run(value, store=store, context=context)


def _reporting(context: Context, reports: Reports) -> Context:
    context.reports = reports.sink
    return context
