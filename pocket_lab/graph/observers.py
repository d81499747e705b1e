"""Observers of runs, such as a span recorder or a monitor. A plan is compiled with them or, by default, without."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from types import BuiltinMethodType
from typing import Any, Literal, NamedTuple, Protocol

Outcome = Literal["open", "suspended", "ended", "failed", "opaque"]
YIELDED = "(yielded)"


class Yielded(NamedTuple):
    """The details of an event with the action YIELDED: resumptions of a lazy result of the visit that began at `visit_s`.

    The `resumptions` took `busy_s` on `worker`, without the work of other nodes' lazy results inside them, and timing them took
    `cost_s` more there. "open" comes before the event of the visit, "ended" or "failed" last; "opaque" is a result, of the
    class `kind`, that is not followed.
    """

    visit_s: float
    busy_s: float
    cost_s: float
    resumptions: int
    worker: str
    outcome: Outcome
    kind: str = ""


Details = tuple[float, float, tuple[float, ...], str] | Yielded
Event = tuple[str, float, float, str, Details | None]
Sink = Callable[[Event], object]

_numbers = itertools.count()


class Visit(NamedTuple):
    """One visit to a node, its times in seconds of `time.perf_counter`.

    prep took from `begun_s` to `prepared_s`, exec and fallback to `executed_s`, post to `ended_s`. `retried` is when each
    attempt after the first one began, of prep and of exec. `failed` is the phase that raised for good, or empty.
    """

    node: str
    begun_s: float
    prepared_s: float
    executed_s: float
    ended_s: float
    action: str
    retried: tuple[float, ...] = ()
    failed: str = ""

    @property
    def attempts(self) -> int:
        """How often prep and exec were tried, together; 1 where nothing was repeated."""
        return 1 + len(self.retried)

    @classmethod
    def of(cls, event: Event) -> Visit:
        """An event with names."""
        node, begun_s, ended_s, action, details = event
        if details is None or isinstance(details, Yielded):
            return cls(node, begun_s, begun_s, ended_s, ended_s, action)
        prepared_s, executed_s, retried, failed = details
        return cls(node, begun_s, prepared_s, executed_s, ended_s, action, retried, failed)


class Run:
    """The common part of the visits of one run; the parent of an inner run is the run around it.

    `worker` is the name of a thread or of an asyncio task, or "process" and the id of a worker process; `item` is None
    where the run is not of an item of a fan-out or of `map`.
    """

    __slots__ = ("graph", "item", "number", "parent", "worker")

    def __init__(self, number: int, graph: str, parent: Run | None, item: int | None, worker: str) -> None:
        self.number = number
        self.graph = graph
        self.parent = parent
        self.item = item
        self.worker = worker


class Observer(Protocol):
    """Receives every run of an observed graph, and every inner run.

    One with the attribute `lazy_results = "timed"` also receives the events of generators and other lazy results of nodes,
    whose action is YIELDED; with "marked" the stacks below them, and below every visit, have a frame that names the node
    (`runtime.markers`).
    """

    def begin(self, run: Run) -> Sink:
        """Called where a run begins, on its thread; the function it returns is called with each Event of the run.

        The bound method of a list or a deque is the quickest such function. What either raises is logged and changes
        nothing else.
        """


class _Worker(threading.local):
    """The name of the thread, looked up once."""

    def __init__(self) -> None:
        self.name = threading.current_thread().name


_worker = _Worker()


def thread_name() -> str:
    """The name of this thread."""
    return _worker.name


def as_worker(name: str, function: Callable[..., Any], /, *args: Any, **options: Any) -> Any:
    """Call a function that the worker of this name has given to this thread; a thread of a pool of ours is its own worker."""
    if threading.current_thread().name.startswith("pocket-lab"):
        return function(*args, **options)
    before, _worker.name = _worker.name, name
    try:
        return function(*args, **options)
    finally:
        _worker.name = before


def begin(
    observers: Sequence[Observer], graph: str, parent: Run | None, item: int | None, worker: str | None = None
) -> tuple[Run, Sink]:
    """A new run of a worker (by default of this thread), and where its events go."""
    run = Run(next(_numbers), graph, parent, item, worker or _worker.name)
    return run, sink_of(observers, run)


def sink_of(observers: Sequence[Observer], run: Run) -> Sink:
    """One function for the sinks of all observers, which never raises."""
    if len(observers) > 1:
        return _all([sink_of([observer], run) for observer in observers])
    try:
        sink = observers[0].begin(run)
    except Exception:  # foreign code raises what it likes
        import logging

        logging.getLogger("pocket_lab").exception("an observer failed at the beginning of a run")
        return _ignore
    return sink if sink.__class__ is BuiltinMethodType else _guarded(sink)


def _all(sinks: list[Sink]) -> Sink:

    def record(event: Event) -> None:
        for sink in sinks:
            sink(event)

    return record


def _ignore(event: Event) -> None:
    """The sink of an observer that has none."""


def _guarded(sink: Sink) -> Sink:
    def record(event: Event) -> None:
        try:
            sink(event)
        except Exception:  # as above
            import logging

            logging.getLogger("pocket_lab").exception("an observer failed at a visit to %s", event[0])

    return record


def _earlier(event: Event, by_s: float) -> Event:
    """The event with all its times earlier."""
    node, begun_s, ended_s, action, details = event
    if isinstance(details, Yielded):
        details = details._replace(visit_s=details.visit_s - by_s)
    elif details is not None:
        prepared_s, executed_s, retried, failed = details
        details = prepared_s - by_s, executed_s - by_s, tuple(moment_s - by_s for moment_s in retried), failed
    return node, begun_s - by_s, ended_s - by_s, action, details


Collected = tuple[Run, list[Event]]


class Collector:
    """An observer that keeps all events, to replay them for others: a worker process returns it with its results."""

    def __init__(self, runs: Iterable[Collected] = (), lazy_results: str = "") -> None:
        self._runs = list(runs)
        self.lazy_results = lazy_results

    def begin(self, run: Run) -> Sink:
        """A new list of events."""
        events: list[Event] = []
        run.worker = f"process {os.getpid()}"
        self._runs.append((run, events))
        return events.append

    def take(self, ahead_s: float = 0.0) -> list[Collected]:
        """The runs since the last call, in the time of a clock behind which that of this process is `ahead_s`."""
        taken, self._runs = self._runs, []
        return [(run, [_earlier(event, ahead_s) for event in events]) for run, events in taken] if ahead_s else taken

    def replay(self, observers: Sequence[Observer], parent: Run | None, item: int | None) -> None:
        """Send the events to others, in the order in which the runs began, as runs inside `parent`."""
        renamed: dict[int, Run] = {}
        for run, events in self._runs:
            above, index = (parent, item) if run.parent is None else (renamed[run.parent.number], run.item)
            renamed[run.number] = Run(next(_numbers), run.graph, above, index, run.worker)
            sink = sink_of(observers, renamed[run.number])
            for event in events:
                sink(event)
