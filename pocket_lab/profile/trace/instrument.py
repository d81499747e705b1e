"""Who ran when on which worker: one run of each point with a recorder of spans."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from threading import current_thread
from time import perf_counter
from typing import Any

from pocket_lab.executors.pool import Pool
from pocket_lab.graph.callables import takes, takes_argument
from pocket_lab.graph.context import Context
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node
from pocket_lab.graph.observers import YIELDED, Run, Sink, as_worker, thread_name
from pocket_lab.graph.path import DEFAULT
from pocket_lab.measure.job import Input, Job
from pocket_lab.measure.own_processes.child_processes import NONE, Counted, Nodes, counted_children
from pocket_lab.measure.timing.batch import Timing, Work
from pocket_lab.profile.instrument import SHORT_S, Instrument, profile_points
from pocket_lab.profile.lazy_results import opaque, opaque_caveats, unconsumed, unconsumed_caveats
from pocket_lab.profile.trace.recorder import Recorder, spans_of
from pocket_lab.profile.trace.self_time import is_last
from pocket_lab.profile.trace.span_cost import measure_span_cost
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.point import Point, describe
from pocket_lab.records.progress import Failure
from pocket_lab.records.record import Record
from pocket_lab.records.spans import Span, Traced

MOST_SPANS = 50_000
_UNSEEN = "work, apart from the wait for it,"  # of processes that the target starts
_WAITS = Caveat(
    "span-waits",
    "a span is wall time: it includes waits for the interpreter lock, for a core, and (on an event loop) for other tasks",
)


class SpanInstrument(Instrument):
    """Records the events of observed graphs during a run, which become a Traced and the first 50,000 Spans.

    The cost of recording is measured in the same process, right after the run. `opaque` is the name of a target that reports
    no events: its run is one span; `watched` is the point of the newest run; `nodes` tell
    which node starts a process.
    """

    name = "spans"
    lazy_results = "timed"

    def __init__(self) -> None:
        self.opaque: str | None = None
        self.watched: Point | None = None
        self.nodes: Nodes = NONE
        self._recorder = Recorder()
        self._span_s = (0.0, 0.0)
        self._is_window = False
        self._children = Counted(NONE)

    def begin(self, run: Run) -> Sink:
        """Observe a run of the target, for the point that is watched now."""
        return self._recorder.begin(run)

    @contextmanager
    def watching(self, point: Point, pool: Pool) -> Iterator[None]:
        """Record the runs that begin inside."""
        self._recorder, self.watched = Recorder(), point
        self._is_window = point.drive == "load"
        from pocket_lab.profile.given_work import GivenWork  # here: it loads pools that most runs do without

        given_work = GivenWork(_for_this_worker)
        given_work.start()
        begun_s = perf_counter()
        try:
            yield
        finally:
            self._span_s = begun_s, perf_counter()
            given_work.close()

    def was_warm_up(self) -> bool:
        """True for a short run, and for a window of load."""
        begun_s, ended_s = self._span_s
        return self._is_window or ended_s - begun_s < SHORT_S

    def records(self, point: Point) -> Iterator[Record]:
        """Caveats, a Traced and the Spans of the run."""
        traced, spans, caveats = self.collect(point)
        yield from caveats
        yield from self._children.caveats(point, _UNSEEN)
        yield traced
        yield from spans

    def _run_once(self, point: Point, pool: Pool, work: Work) -> Timing | None:
        with counted_children(pool, self.nodes) as self._children:
            return super()._run_once(point, pool, work)

    def collect(self, point: Point) -> tuple[Traced, list[Span], list[Caveat]]:
        """The same, by kind."""
        begun_s, ended_s = self._span_s
        spans = spans_of(point, self._recorder.runs, begun_s)
        wall_s = ended_s - begun_s
        if self.opaque is not None:
            worker = current_thread().name
            spans = [Span(point, 0, 0, None, self.opaque, "exec", DEFAULT, 0.0, wall_s, worker, None, 1, "ok")]
        caveats = []
        if self._recorder.left_out or len(spans) > MOST_SPANS:
            kept = sorted(spans, key=lambda span: span.end_s)[:MOST_SPANS]
            ids = {span.id for span in kept}
            wall_s = kept[-1].end_s
            message = f"{describe(point)}: only the first {len(kept):,} of at least {len(spans):,} spans are kept"
            caveats.append(Caveat("spans-cut", message, point))
            spans = [span if span.parent in ids else replace(span, parent=None) for span in spans if span.id in ids]
        recorded = [event for _, events in self._recorder.runs for event in events if event[3] == YIELDED]
        caveats += [*opaque_caveats(point, opaque(recorded)), *unconsumed_caveats(point, unconsumed(recorded))]
        cost = measure_span_cost()
        visits = sum(is_last(span) for span in spans)
        return Traced(point, wall_s, visits, *cost), spans, caveats


def profile_spans(job: Job) -> Iterator[Record]:
    """One run of each point; yields Caveats, and for each point a Traced and its Spans, also if the run failed."""
    from pocket_lab.profile.stack_nodes import StackNodes  # here: it loads pools that most runs do without

    instrument = SpanInstrument()
    instrument.nodes = StackNodes.of(job.target, job.points[0].target)
    job, caveats = observed(job, instrument)
    yield from caveats
    yield _WAITS
    for record in profile_points(job, instrument):
        if isinstance(record, Failure) and record.point is not None and record.point == instrument.watched:
            yield from instrument.records(record.point)
        yield record


def observed(job: Job, instrument: SpanInstrument) -> tuple[Job, list[Caveat]]:
    """The job with an observed target; a callable becomes a graph of one node, if its parameters allow it."""
    target = job.target
    if isinstance(target, Graph):
        return replace(job, target=target.observed(instrument)), []
    label = job.points[0].target
    if takes(target, "workers") or takes(target, "executor"):
        instrument.opaque = label
        return job, [Caveat("own-workers", f"{label} opens its own workers, which are not traced: it is shown as one span")]
    has_input = job.input is not Input.ABSENT or job.points[0].size is not None
    function = target if has_input and takes_argument(target) else _called_without(target)
    return replace(job, target=Graph(Node(label, exec=function), name=label, observers=[instrument])), []


def _for_this_worker(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which a node gives to a thread of its own: what it consumes there is consumed by the node."""
    return partial(as_worker, thread_name(), function)


def _called_without(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of one argument, for a node, that calls a function without arguments."""

    def call(_: Any) -> Any:
        return function()

    def call_with(_: Any, ctx: Context) -> Any:
        return function(ctx=ctx)

    return call_with if takes(function, "ctx") else call
