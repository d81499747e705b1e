"""Spans of known runs: phases, workers, items, attempts and waits, the same from every executor."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from pocket_lab.executors.faults.interrupts import INTERRUPTS
from pocket_lab.graph.combinators import fan_out
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node, Retry, Route
from pocket_lab.measure.job import Input
from pocket_lab.measure.load import generator
from pocket_lab.measure.planning import plan_job
from pocket_lab.measure.sweep import parse_sweep
from pocket_lab.profile.trace import instrument as module
from pocket_lab.profile.trace.instrument import profile_spans
from pocket_lab.profile.trace.self_time import node_times, self_times
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.progress import Closed, Failure
from pocket_lab.records.record import Record
from pocket_lab.records.spans import Span, Traced

NAP_S = 0.02
EXECUTORS = ("serial", "threads", "processes", "asyncio")


def on(kind: str, function: Callable[..., Any]) -> Callable[..., Any]:
    if kind != "asyncio":
        return function

    async def later(*args: Any) -> Any:
        return function(*args)

    return later


def napping(kind: str, answer: Callable[[Any], Any] = lambda value: value) -> Callable[..., Any]:
    async def anap(*args: Any) -> Any:
        await asyncio.sleep(NAP_S)
        return answer(args[-1])

    def nap(*args: Any) -> Any:
        time.sleep(NAP_S)
        return answer(args[-1])

    return anap if kind == "asyncio" else nap


@pytest.fixture
def _short_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A window of load has 0.3 s, time for a dozen naps of each client, instead of a second."""
    monkeypatch.setattr(generator, "PROFILED_S", 0.3)


def traced(target: Any, input: Any = Input.ABSENT, **options: Any) -> tuple[Traced, list[Span], list[Record]]:
    """The trace of the only point, made in this process."""
    job = plan_job(target, input, parse_sweep(**options), None)
    records = list(profile_spans(job))
    (summary,) = [record for record in records if isinstance(record, Traced)]
    return summary, [record for record in records if isinstance(record, Span)], records


def of(spans: list[Span], node: str, phase: str = "exec") -> list[Span]:
    return [span for span in spans if (span.node, span.phase) == (node, phase)]


def spreading(kind: str) -> Graph:
    items = Graph(Node("nap", exec=napping(kind)) >> Node("after", exec=on(kind, lambda value: value + 1)), name="item")
    return Graph(Node("list", exec=lambda size: list(range(size))) >> fan_out(items, name="each") >> Node("end", exec=len))


@pytest.mark.parametrize("kind", EXECUTORS)
def test_the_spans_of_a_fan_out_are_in_order_inside_the_run_and_on_their_workers(kind: str) -> None:
    summary, spans, _ = traced(spreading(kind), size=5, workers=1 if kind == "serial" else 2, executor=kind)
    assert [span.id for span in spans] == list(range(len(spans)))
    assert all(0 <= span.start_s <= span.end_s <= summary.wall_s for span in spans)
    assert [span.start_s for span in spans] == sorted(span.start_s for span in spans)
    assert summary.visits == 3 + 2 * 5
    (each,) = of(spans, "each")
    naps, waits = of(spans, "nap"), of(spans, "nap", "queue")
    assert sorted(span.item for span in naps if span.item is not None) == list(range(5))
    assert all(span.parent == each.id for span in [*naps, *waits, *of(spans, "after")])
    assert all(span.parent is None and span.item is None for span in of(spans, "list") + of(spans, "end") + [each])
    assert all(each.start_s <= span.start_s <= span.end_s <= each.end_s for span in naps)
    assert all(span.end_s - span.start_s >= 0.9 * NAP_S for span in naps)
    assert {(span.run, span.attempt, span.outcome) for span in spans} == {(0, 1, "ok")}
    here = threading.current_thread().name
    assert each.worker == here
    workers = {span.worker for span in naps}
    assert workers <= {
        "serial": {here},
        "threads": {"pocket-lab-worker_0", "pocket-lab-worker_1"},
        "asyncio": {"pocket-lab-task_0", "pocket-lab-task_1"},
    }.get(kind, workers)
    if kind == "processes":
        assert all(name.startswith("process ") and int(name.split()[1]) != os.getpid() for name in workers)
    for wait in waits:
        (nap,) = [span for span in naps if span.item == wait.item]
        assert (wait.start_s, wait.end_s, wait.worker) == (each.start_s, nap.start_s, nap.worker)


@pytest.mark.parametrize("kind", ["serial", "threads", "processes"])
def test_items_wait_for_the_only_worker_as_long_as_those_before_them_take(kind: str) -> None:
    _, spans, _ = traced(spreading(kind), size=4, workers=1, executor=kind)
    waits = sorted(of(spans, "nap", "queue"), key=lambda span: span.item or 0)
    worked = sorted(of(spans, "nap") + of(spans, "after"), key=lambda span: span.start_s)
    for number, wait in enumerate(waits):
        before_s = sum(span.end_s - span.start_s for span in worked[: 2 * number])
        assert wait.end_s - wait.start_s >= max(before_s, number * 0.9 * NAP_S)


def test_the_items_of_a_map_wait_from_when_it_begins() -> None:
    graph = Graph(Node("nap", exec=napping("serial")))
    _, spans, _ = traced(graph, size=3, drive="map", workers=1, executor="serial")
    assert [span.run for span in of(spans, "nap")] == [0, 1, 2]
    for wait in of(spans, "nap", "queue"):
        assert wait.start_s == 0
        assert wait.parent is None
        assert wait.end_s - wait.start_s >= (wait.item or 0) * 0.9 * NAP_S


@pytest.mark.parametrize("kind", EXECUTORS)
def test_failed_attempts_are_retries_and_the_last_one_is_the_phase(kind: str) -> None:
    def patient(phase: str, failures: int) -> Callable[..., Any]:
        seen = [0]

        def call(value: Any) -> Any:
            seen[0] += 1
            if seen[0] % (failures + 1):
                raise ValueError("not yet")
            return value

        return napping(kind, call)

    prep, run = patient("prep", 1), patient("exec", 2)
    node = Node("n", prep=prep, exec=run, post=on(kind, lambda *_: (1, "default")), retry=Retry(2, delay="10ms"))
    graph = Graph(fan_out(node, name="each"))
    _, spans, _ = traced(graph, lambda size: [5], size=1, executor=kind)
    summary = [
        (span.phase, span.attempt, span.outcome, span.action) for span in spans if span.node == "n" and span.phase != "queue"
    ]
    assert summary == [
        ("retry", 1, "failed", ""),
        ("prep", 2, "ok", ""),
        ("retry", 1, "failed", ""),
        ("retry", 2, "failed", ""),
        ("exec", 3, "ok", ""),
        ("post", 1, "ok", "default"),
    ]
    mine = [span for span in spans if span.node == "n" and span.phase != "queue"]
    assert all(one.end_s == other.start_s for one, other in pairwise(mine))
    assert all(span.end_s - span.start_s >= 0.9 * NAP_S + 0.009 for span in mine if span.phase == "retry")
    times = node_times(spans)["n"]
    assert (times.calls, times.errors) == (1, 0)


@pytest.mark.parametrize("phase", ["prep", "exec", "post"])
def test_the_spans_of_a_run_that_fails_are_kept_up_to_the_failure(phase: str) -> None:
    def fails(*_: Any) -> Any:
        time.sleep(NAP_S)
        raise ValueError("no")

    parts: dict[str, Any] = {"exec": abs, phase: fails}
    _, spans, records = traced(Graph(Node("good", exec=abs) >> Node("bad", **parts) >> Node("never")), 1)
    assert [span.outcome for span in spans if span.node == "good"] == ["ok"]
    last = spans[-1]
    assert (last.node, last.phase, last.outcome, last.action) == ("bad", phase, "failed", "")
    assert last.end_s - last.start_s >= 0.9 * NAP_S
    assert isinstance(records[-2], Failure)
    assert records[-1] == Closed(last.point, "failed")
    assert node_times(spans)["bad"].errors == 1


def test_a_point_whose_input_fails_has_no_spans_of_another() -> None:
    def make(size: int) -> int:
        if size > 1:
            raise LookupError("no data")
        return size

    records = list(profile_spans(plan_job(Graph(Node("n", exec=abs)), make, parse_sweep(sizes="1,2"), None)))
    assert [record.point.size for record in records if isinstance(record, Span | Traced)] == [1, 1]
    assert [record.point.size for record in records if isinstance(record, Failure) and record.point] == [2]


def test_graphs_in_graphs_and_loops_have_the_span_around_them_as_parent() -> None:
    inner = Graph(Node("deep", exec=napping("serial")), name="inner")
    count = Node("count", exec=lambda value: Route(value + 1, "again" if value < 2 else "default"))
    middle = Graph(inner >> count, count - "again" >> inner, name="middle")
    _, spans, _ = traced(Graph(fan_out(middle, name="each")), lambda size: [0, 1], size=1)
    by_id = {span.id: span for span in spans}
    (each,) = of(spans, "each")
    assert len(of(spans, "inner")) == 5
    for span in of(spans, "deep"):
        around = by_id[span.parent or 0]
        assert around.node == "inner"
        assert around.start_s <= span.start_s <= span.end_s <= around.end_s
        assert around.item == span.item
        assert around.parent == each.id
    assert {span.item for span in of(spans, "deep")} == {0, 1}
    assert [wait.node for wait in spans if wait.phase == "queue"] == ["inner", "inner"]


@pytest.mark.usefixtures("_short_windows")
@pytest.mark.parametrize("kind", ["threads", "processes", "asyncio"])
def test_a_window_of_load_has_every_request_of_every_client_as_a_run(kind: str) -> None:
    graph = Graph(Node("nap", exec=napping(kind)) >> Node("after", exec=on(kind, lambda value: value)))
    summary, spans, records = traced(graph, 3, workers=2, executor=kind, drive="load")
    assert not [record for record in records if isinstance(record, Failure)]
    runs = {span.run for span in spans}
    assert runs == set(range(len(runs)))
    assert len(of(spans, "nap")) == len(of(spans, "after")) == len(runs) >= 4
    assert len({span.worker for span in spans}) == 2
    assert {span.phase for span in spans} == {"exec"}
    assert all(span.end_s <= summary.wall_s for span in spans)


@pytest.mark.usefixtures("_short_windows")
def test_errors_under_load_are_outcomes() -> None:
    def sometimes(value: int, seen: list[int] = [0]) -> int:  # noqa: B006 (it counts the calls)
        time.sleep(0.005)
        seen[0] += 1
        return 1 // (seen[0] % 2)

    _, spans, records = traced(Graph(Node("some", exec=sometimes)), 1, drive="load")
    outcomes = {span.outcome for span in spans}
    assert outcomes == {"ok", "failed"}
    assert any(isinstance(record, Caveat) and record.code == "load-errors" for record in records)


def test_a_callable_is_a_graph_of_one_node_with_or_without_an_argument() -> None:
    def work(value: int) -> int:
        return value

    def alone() -> None:
        time.sleep(NAP_S)

    async def later(value: int) -> int:
        return value

    assert [(span.node, span.phase) for span in traced(work, size=3)[1]] == [("work", "exec")]
    (span,) = traced(alone)[1]
    assert span.end_s - span.start_s >= 0.9 * NAP_S
    assert [span.node for span in traced(later, size=3)[1]] == ["later"]
    assert len(of(traced(work, size=4, drive="map", workers=2)[1], "work")) == 4


def test_a_callable_with_workers_of_its_own_is_one_span_with_a_caveat() -> None:
    def work(value: int, workers: int) -> int:
        time.sleep(NAP_S)
        return workers

    summary, (span,), records = traced(work, size=1, workers=3)
    assert (span.node, span.start_s, span.end_s) == ("work", 0.0, summary.wall_s)
    assert [record.code for record in records if isinstance(record, Caveat)][:1] == ["own-workers"]


def test_a_short_run_is_warmed_up_and_a_long_one_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    graph = Graph(Node("n", exec=calls.append))
    traced(graph, 1)
    assert calls == [1, 1]
    monkeypatch.setattr(module, "SHORT_S", 0.0)
    traced(graph, 2)
    assert calls == [1, 1, 2]


def test_of_very_many_spans_the_first_are_kept_and_a_caveat_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_SPANS", 10)
    summary, spans, records = traced(spreading("serial"), size=8, executor="serial")
    assert len(spans) == 10
    assert summary.wall_s == max(span.end_s for span in spans)
    assert {span.parent for span in spans} <= {None, *(span.id for span in spans)}
    (caveat,) = [record for record in records if isinstance(record, Caveat) and record.code == "spans-cut"]
    assert "only the first 10 of at least 27 spans are kept" in caveat.message


def test_self_times_of_a_serial_run_add_up_to_the_time_of_its_outermost_spans() -> None:
    summary, spans, _ = traced(spreading("serial"), size=5, executor="serial")
    total_s = sum(seconds for id, seconds in self_times(spans).items() if spans[id].phase != "queue")
    outermost_s = sum(span.end_s - span.start_s for span in spans if span.parent is None)
    assert total_s == pytest.approx(outermost_s)
    assert 5 * 0.9 * NAP_S <= total_s <= summary.wall_s


def test_the_cost_of_recording_is_reported_and_subtracted() -> None:
    summary, spans, _ = traced(spreading("serial"), size=3, executor="serial")
    assert summary.inside_s >= 0
    assert summary.outside_s > 0
    raw, own = self_times(spans), self_times(spans, summary.inside_s, summary.outside_s)
    (each,) = of(spans, "each")
    inside = [span for span in spans if span.parent == each.id and span.phase != "queue"]
    assert own[each.id] == pytest.approx(max(raw[each.id] - summary.inside_s - len(inside) * summary.outside_s, 0))
    assert all(own[span.id] == max(raw[span.id] - summary.inside_s, 0) for span in inside)


def test_an_interrupt_leaves_the_target_and_the_instrument_as_they_were() -> None:
    def interrupted(value: int) -> None:
        signal.raise_signal(signal.SIGINT)

    graph = Graph(Node("n", exec=interrupted))
    with pytest.raises(KeyboardInterrupt), INTERRUPTS:
        traced(graph, 1)
    assert graph.observers == ()
