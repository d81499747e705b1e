"""Lazy results under an observer: the work of a generator that a node returns counts for that node, whoever consumes it.

Where an observer asks for it by its attribute `lazy_results`, such a result is handed on inside a generator of ours. With
"marked" that generator is a marker frame of the node (`runtime.markers`), as its visits have them too. With "timed" each
resumption is timed too, without the work of other nodes' generators inside it, and reported as an event of the run in which
the result was returned. Without such an observer nothing is wrapped.
"""

from __future__ import annotations

import itertools
import sys
import threading
import weakref
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterator, Sequence
from functools import partial
from io import IOBase
from math import inf
from time import perf_counter as clock
from time import thread_time
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any, Literal

from pocket_lab.graph.observers import YIELDED, Observer, Outcome, Run, Sink, Yielded, thread_name
from pocket_lab.graph.runtime.markers import is_marker, with_marker

if sys.platform == "linux":
    from resource import RUSAGE_THREAD, getrusage

_SHORTEST_S, _PARTS = 1e-4, 1000  # resumptions are reported together for so long, or this part of the time since the visit
_DUMMIES, _MEASUREMENTS, _EVERY_S = 20, 7, 1e-3  # how the cost of a resumption is measured
_ITERATORS = frozenset(
    [map, filter, zip, enumerate, reversed, *(t for t in vars(itertools).values() if isinstance(t, type)), type(iter(int, 1))]
)
_WRAPPED = frozenset([GeneratorType, AsyncGeneratorType, CoroutineType]) | _ITERATORS


class Cell:
    """The seconds that lazy results have worked on one worker, counted while more than one of them is `live` there."""

    __slots__ = ("live", "seconds")

    def __init__(self) -> None:
        self.seconds = 0.0
        self.live = 0


def lazy_results(observers: Sequence[Observer]) -> Literal["timed", "marked", ""]:
    """The most that any of the observers asks for."""
    requested = {getattr(observer, "lazy_results", "") for observer in observers}
    return "timed" if "timed" in requested else "marked" if "marked" in requested else ""


class LazyKinds(dict[type, bool]):
    """Whether the values of a class are to be looked at: those of `always`, and iterators; each class is examined once."""

    def __init__(self, always: type, observers: Sequence[Observer]) -> None:
        super().__init__({always: True})
        self._follows = bool(lazy_results(observers))

    def __missing__(self, kind: type) -> bool:
        self[kind] = is_lazy = self._follows and (kind in _WRAPPED or _is_opaque(kind))
        return is_lazy


def _is_opaque(kind: type) -> bool:
    """Whether it is an iterator with an interface of its own, which a generator does not have."""
    return hasattr(kind, "__next__") and not issubclass(kind, IOBase) and kind.__module__ != "builtins"


class LazyResults:
    """Hands on the results of one node."""

    def __init__(self, node: str, observers: Sequence[Observer], on_loop: bool) -> None:
        self._node = node
        self._mode = lazy_results(observers)
        self._on_loop = on_loop
        self._wrappers: dict[Callable[..., Any], Callable[..., Any]] = {}

    def hand_on(self, result: Any, given: Any, begun_s: float, record: Sink, run: Run | None) -> Any:
        """The result of the visit that began at `begun_s`, wrapped where its work is still to be done.

        What the node only passes on (its input, or what another node's visit has wrapped) stays as it is.
        """
        kind = result.__class__
        if not self._mode or result is given or _is_marked(result):
            return result
        if kind not in _WRAPPED:
            if _is_opaque(kind):
                details = Yielded(begun_s, 0.0, 0.0, 0, "", "opaque", kind.__qualname__)
                record((self._node, begun_s, clock(), YIELDED, details))
            return result
        is_timed = self._mode == "timed"
        work = _Work(self._node, begun_s, record if is_timed else None, run, self._on_loop)
        if kind is CoroutineType:
            return self._named(_coroutine if is_timed else _marked_coroutine, result, result, work)
        if kind is AsyncGeneratorType:
            return self._named(_async_generator, result, result, work)
        inner = result if kind is GeneratorType else self._marked(_iterate)(result)
        return self._named(_generator if is_timed else _marked_generator, result, inner, work)

    def _named(self, wrapper: Callable[..., Any], result: Any, inner: Any, work: _Work) -> Any:
        """The wrapper around the result, with the marker of the node as its file and the names of the result."""
        wrapped = self._marked(wrapper)(inner, work)
        wrapped.__name__ = getattr(result, "__name__", result.__class__.__name__)
        wrapped.__qualname__ = getattr(result, "__qualname__", result.__class__.__qualname__)
        return wrapped

    def _marked(self, wrapper: Callable[..., Any]) -> Callable[..., Any]:
        """The function with the marker as its file."""
        marked = self._wrappers.get(wrapper)
        if marked is None:
            marked = self._wrappers[wrapper] = with_marker(wrapper, self._node)
        return marked


def _is_marked(result: Any) -> bool:
    """Whether it is one of our wrappers."""
    for name in ("gi_code", "ag_code", "cr_code"):
        if (code := getattr(result, name, None)) is not None:
            return is_marker(code.co_filename)
    return False


class _Here(threading.local):
    """The cell of this thread."""

    def __init__(self) -> None:
        self.cell = Cell()


_here = _Here()
_cells: weakref.WeakKeyDictionary[Any, Cell] = weakref.WeakKeyDictionary()


class _Costs:
    """What timing a resumption takes now: inside the time that is counted, and outside; medians of the last measurements.

    They are taken in the run itself, every millisecond for ten microseconds, since processors change their speed.
    """

    def __init__(self) -> None:
        self._recent: deque[tuple[float, float]] = deque(maxlen=_MEASUREMENTS)
        self._next_s = 0.0
        self.inside_s = self.outside_s = 0.0

    def refresh(self, now_s: float) -> None:
        """Measure again where that is due."""
        if now_s < self._next_s:
            return
        self._next_s = now_s + _EVERY_S
        for _ in range(1 if self._recent else _MEASUREMENTS):
            begun_s = clock()
            for _ in _nothing():
                pass
            between_s = clock()
            work = _Work("", between_s, None, None, False)
            for _ in _generator(_nothing(), work):
                pass
            plain_s = between_s - begun_s
            inside_s = max(work.busy_s - plain_s, 0.0)
            self._recent.append((inside_s, max(clock() - between_s - plain_s - inside_s, 0.0)))
        recent = list(self._recent)  # other threads measure, too
        self.inside_s = sorted(inside_s for inside_s, _ in recent)[len(recent) // 2] / (_DUMMIES + 1)
        self.outside_s = sorted(outside_s for _, outside_s in recent)[len(recent) // 2] / (_DUMMIES + 1)


_costs = _Costs()


def _nothing() -> Generator[None, Any, None]:
    for _ in range(_DUMMIES):
        yield None


class _Usage:
    """What a thread has used since now, to tell where it was preempted: that is no more the consumer's than the timing's."""

    __slots__ = ("_cpu_s", "_since_s", "_thread", "_waits")

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self._waits = _voluntary_waits()
        self._cpu_s = thread_time()
        self._since_s = clock()

    def stretched(self, cost_s: float, busy_s: float) -> float:
        """The cost of timing with its share of the time in which the thread was preempted outside the generator's `busy_s`."""
        wall_s = clock() - self._since_s
        preempted_s = wall_s - (thread_time() - self._cpu_s)
        others_s = wall_s - busy_s
        if preempted_s < _SHORTEST_S / 2 or preempted_s >= others_s or self._thread != threading.get_ident():
            return cost_s
        if _voluntary_waits() != self._waits:
            return cost_s
        return others_s * min(cost_s / (others_s - preempted_s), 1.0)


def _voluntary_waits() -> int:
    """How often this thread has waited voluntarily; always 0 where the system does not say it."""
    return getrusage(RUSAGE_THREAD).ru_nvcsw if sys.platform == "linux" else 0


class _Work:
    """The resumptions of one lazy result since its last report, reported to `record` (nowhere if that is None)."""

    __slots__ = ("_node", "_on_loop", "_record", "_run", "begun_s", "busy_s", "cell", "spent_s", "usage", "visit_s", "worker")

    def __init__(self, node: str, visit_s: float, record: Sink | None, run: Run | None, on_loop: bool) -> None:
        self._node, self._record, self._run, self._on_loop = node, record, run, on_loop
        self.visit_s = self.begun_s = visit_s
        self.busy_s = self.spent_s = 0.0
        self.worker = ""
        self.cell = Cell()
        self.usage: _Usage | None = None
        if record is not None:
            record((node, visit_s, clock(), YIELDED, Yielded(visit_s, 0.0, 0.0, 0, "", "open")))

    def begin(self) -> tuple[Cell, float, float]:
        """The cell of the worker that resumes it now, what a resumption costs, and when to report."""
        self.begun_s = now = clock()
        if self._record is None:
            return self.cell, 0.0, inf
        cell, self.worker = _here.cell, thread_name()
        if self._on_loop:
            cell = self._cell_of_task(cell)
        if cell is not self.cell:
            self.cell.live -= 1
            cell.live += 1
            self.cell = cell
        if self._run is not None and self._run.worker.startswith("process "):
            self.worker = self._run.worker
        _costs.refresh(now)
        self.usage = _Usage()
        spent_s = clock() - now
        self.spent_s += spent_s
        self.cell.seconds += spent_s
        return self.cell, _costs.outside_s, now + spent_s + max(_SHORTEST_S, (now - self.visit_s) / _PARTS)

    def _cell_of_task(self, cell: Cell) -> Cell:
        import asyncio

        from pocket_lab.executors.tasks import worker_name

        try:
            task = asyncio.current_task()
        except RuntimeError:  # it is resumed outside the event loop
            return cell
        self.worker = worker_name() or self.worker
        return cell if task is None else _cells.setdefault(task, Cell())

    def report_one(self, begun_s: float, before_s: float, outcome: Outcome = "suspended") -> None:
        """Record one resumption, from `begun_s` until now; the cell had `before_s` when it began."""
        took_s = clock() - begun_s
        others_s = self.cell.seconds - before_s
        self.cell.seconds = before_s + took_s
        self.report(max(took_s - others_s, 0.0), 1, outcome)

    def report(self, busy_s: float, resumptions: int, outcome: Outcome = "suspended") -> None:
        """Record the resumptions since the last report."""
        record = self._record
        if record is None:
            self.busy_s = busy_s
            return
        if outcome != "suspended":
            self._record = None
            self.cell.live -= 1
        now_s, gross_s = clock(), busy_s
        busy_s = max(busy_s - resumptions * _costs.inside_s, 0.0)
        cost_s = resumptions * _costs.outside_s
        if self.usage is not None and self.cell.live <= 1 and not self._on_loop:
            cost_s = self.usage.stretched(cost_s, gross_s)
        cost_s += self.spent_s
        details = Yielded(self.visit_s, busy_s, cost_s, resumptions, self.worker, outcome)
        record((self._node, self.begun_s if resumptions else now_s, now_s, YIELDED, details))
        self.spent_s = clock() - now_s
        self.cell.seconds += self.spent_s

    def __del__(self) -> None:
        self.report(0.0, 0, "ended")  # of one that was never begun


def _iterate(items: Iterator[Any]) -> Generator[Any, Any, Any]:
    """Any iterator as a generator."""
    yield from items


def _marked_generator(inner: Generator[Any, Any, Any], work: _Work) -> Generator[Any, Any, Any]:
    return (yield from inner)


async def _marked_coroutine(inner: Coroutine[Any, Any, Any], work: _Work) -> Any:
    return await inner


def _generator(inner: Generator[Any, Any, Any], work: _Work) -> Generator[Any, Any, Any]:
    """`yield from` with a clock (PEP 380); the loop is as short as it can be, since it runs once for every item."""
    following = resume = inner.__next__
    argument: Any = None
    report_s = outside_s = before_s = busy_s = 0.0
    resumptions, cell, is_shared = 0, work.cell, False
    outcome: Outcome = "failed"
    try:
        while True:
            if not report_s:
                cell, outside_s, report_s = work.begin()
                is_shared = cell.live > 1
            if is_shared:
                before_s = cell.seconds
            begun_s = clock()
            try:
                item = resume()
            except StopIteration as end:
                outcome = "ended"
                return end.value
            finally:
                ended_s = clock()
                busy_s += ended_s - begun_s
                resumptions += 1
                if is_shared:
                    busy_s -= cell.seconds - before_s
                    cell.seconds = before_s + ended_s - begun_s + outside_s
            if ended_s > report_s:
                work.report(busy_s, resumptions)
                report_s = busy_s = 0.0
                resumptions = 0
            try:
                argument = yield item
            except GeneratorExit:
                if not report_s:
                    work.begin()
                outcome = "ended"
                begun_s = clock()
                inner.close()
                busy_s += clock() - begun_s
                resumptions += 1
                raise
            except BaseException as error:
                resume = partial(inner.throw, error)
                continue
            if argument is not None:
                resume = partial(inner.send, argument)
            elif resume is not following:
                resume = following
    finally:
        work.report(busy_s, resumptions, outcome)


async def _async_generator(inner: AsyncGenerator[Any, Any], work: _Work) -> AsyncGenerator[Any, Any]:
    """The same for an async generator; a resumption includes what it awaits."""
    resume: Callable[..., Any] = inner.asend
    argument: Any = None
    outcome: Outcome = "failed"
    try:
        while True:
            cell, _, _ = work.begin()
            before_s, begun_s = cell.seconds, clock()
            try:
                item = await resume(argument)
            except StopAsyncIteration:
                outcome = "ended"
                work.report_one(begun_s, before_s, outcome)
                return
            except BaseException:
                work.report_one(begun_s, before_s, outcome)
                raise
            work.report_one(begun_s, before_s)
            try:
                argument = yield item
                resume = inner.asend
            except GeneratorExit:
                outcome = "ended"
                await inner.aclose()
                raise
            except BaseException as error:
                argument, resume = error, inner.athrow
    finally:
        work.report(0.0, 0, outcome)


async def _coroutine(inner: Coroutine[Any, Any, Any], work: _Work) -> Any:
    """The same for a coroutine, from the first moment of its await to the last."""
    cell, _, _ = work.begin()
    before_s, begun_s = cell.seconds, clock()
    outcome: Outcome = "failed"
    try:
        result = await inner
        outcome = "ended"
        return result
    finally:
        work.report_one(begun_s, before_s, outcome)
