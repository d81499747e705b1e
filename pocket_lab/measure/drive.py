"""What one run of a point is: the function that a batch calls again and again, and what it is called with."""

from __future__ import annotations

from collections.abc import Callable, Sized
from dataclasses import dataclass
from functools import partial
from typing import Any

from pocket_lab.errors import UsageError
from pocket_lab.graph.context import INLINE, Context
from pocket_lab.graph.graph import Graph
from pocket_lab.measure.job import Input, Job, takes, takes_argument
from pocket_lab.records import Point
from pocket_lab.run.pool import Pool


@dataclass(frozen=True, slots=True)
class Work:
    """`function(*arguments)` is one run of `items` items; where `fresh` is given, its value is the argument of each run."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    items: int = 1
    fresh: Callable[[], Any] | None = None


def build_input(job: Job, point: Point) -> Any:
    """The input of a point: input(size), the input as it is, or by default the size (range(size) under "map")."""
    if job.input is Input.ABSENT:
        return range(point.size) if point.drive == "map" and point.size is not None else point.size
    if callable(job.input):
        return job.input() if point.size is None else job.input(point.size)
    return job.input


def build_work(job: Job, point: Point, value: Any, pool: Pool) -> Work:
    """One run of the target at a point, on the workers of the pool; every run of a graph gets a fresh store."""
    if point.drive == "map":
        return _map_work(job.target, point, value, pool)
    if isinstance(job.target, Graph):
        return _graph_work(job.target, job.target.run, value, point, pool)
    function: Callable[..., Any] = job.target
    options = {"workers": point.workers, "executor": point.executor}
    given = {name: option for name, option in options.items() if takes(function, name)}
    bound = partial(function, **given) if given else function
    nothing = job.input is Input.ABSENT and point.size is None
    return Work(bound, () if nothing or not takes_argument(function) else (value,))


def _map_work(target: Any, point: Point, value: Any, pool: Pool) -> Work:
    items = value if isinstance(value, Sized) else list(value)
    if not len(items):
        raise UsageError('the drive "map" got no items to run')
    if isinstance(target, Graph):
        return _graph_work(target, target.map, items, point, pool, len(items))
    return Work(partial(_call_each, target, items, pool, point.workers), (), len(items))


def _call_each(function: Callable[..., Any], items: Any, pool: Pool, workers: int) -> None:
    for outcome in pool.imap(function, items, workers):
        if outcome.error is not None:
            raise outcome.error


def _graph_work(graph: Graph, run: Callable[..., Any], value: Any, point: Point, pool: Pool, items: int = 1) -> Work:
    inline = pool is INLINE and run == graph.run
    context = None if inline else Context(pool, point.workers)
    if any(node.prep or node.post for node in graph.walk()):
        return Work(lambda store: run(value, store=store, context=context), (), items, graph.store.fresh)
    store = graph.store.fresh()
    return Work(partial(run, store=store, context=context), (value,), items)
