"""What stops a run, and who gets the context."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from pocket_lab.errors import Cancelled, DeadlineExceeded
from pocket_lab.executors.registry import open_pool
from pocket_lab.graph.combinators import fan_out
from pocket_lab.graph.context import Context
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node, Retry


def past() -> Context:
    return Context(deadline_s=time.monotonic() - 1)


def test_a_new_context_lets_a_run_go_on() -> None:
    Context().check()
    Context(deadline_s=time.monotonic() + 60).check()
    assert (Context().pool.name, Context().workers, Context().deadline_s) == ("serial", None, None)


def test_a_cancelled_context_says_so_each_time() -> None:
    context = Context()
    context.cancel()
    for _ in range(2):
        with pytest.raises(Cancelled, match="the run was cancelled"):
            context.check()


def test_a_context_past_its_deadline_says_so() -> None:
    with pytest.raises(DeadlineExceeded, match="the run passed its deadline"):
        past().check()


def test_an_inline_context_runs_in_place_and_stops_with_the_outer_one() -> None:
    with open_pool("threads", 2) as pool:
        outer = Context(pool, workers=2, deadline_s=time.monotonic() + 60)
        inner = outer.inline().inline()
        assert (inner.pool.name, inner.workers, inner.deadline_s) == ("serial", 1, outer.deadline_s)
        inner.check()
        outer.cancel()
        with pytest.raises(Cancelled):
            inner.check()
    with pytest.raises(DeadlineExceeded):
        past().inline().check()


def test_cancelling_an_inline_context_leaves_the_outer_one_alone() -> None:
    outer = Context()
    outer.inline().cancel()
    outer.check()


@pytest.mark.parametrize("phase", ["prep", "exec", "fallback", "post"])
def test_a_phase_with_a_ctx_parameter_gets_the_context_of_the_run(phase: str) -> None:
    seen: list[Context] = []

    def takes(*args: Any, ctx: Context) -> Any:
        seen.append(ctx)
        return (args[-1], "default") if phase == "post" else args[-1]

    fails = {"exec": lambda value: 1 // 0} if phase == "fallback" else {}
    context = Context()
    Graph(Node("n", **{phase: takes, **fails})).run(1, context=context)
    assert seen == [context]
    Graph(Node("n", **{phase: takes, **fails})).run(1)
    assert isinstance(seen[1], Context)


@pytest.mark.parametrize("make", [lambda f: {"exec": f}, lambda f: {"prep": lambda store, value: f(value)}])
def test_a_run_stops_between_its_nodes_with_the_error_of_the_context_and_not_of_a_node(make: Any) -> None:
    ran: list[str] = []
    context = Context()

    def first(value: int) -> int:
        ran.append("first")
        context.cancel()
        return value

    graph = Graph(Node("first", **make(first)) >> Node("second", exec=ran.append))
    with pytest.raises(Cancelled):
        graph.run(1, context=context)
    assert ran == ["first"]


def test_a_run_past_its_deadline_does_not_start() -> None:
    ran: list[int] = []
    for chain in (Node("n", exec=ran.append), Node("n", prep=lambda store, value: ran.append(value))):
        with pytest.raises(DeadlineExceeded):
            Graph(chain).run(1, context=past())
    assert ran == []


@pytest.mark.parametrize("stop", [Cancelled, DeadlineExceeded])
def test_a_stop_inside_a_node_is_neither_retried_nor_caught_by_a_fallback(stop: type[Exception]) -> None:
    calls: list[int] = []

    def stops(value: int) -> int:
        calls.append(value)
        raise stop("now")

    patient = Node("patient", exec=stops, retry=Retry(5), fallback=lambda prepared, error: 0)
    for chain in (patient, Node("plain", exec=stops)):
        with pytest.raises(stop, match="now"):
            Graph(chain).run(1)
    assert len(calls) == 2


def test_a_cancelled_run_stops_between_two_attempts() -> None:
    context, calls = Context(), []

    def fails(value: int) -> int:
        calls.append(value)
        context.cancel()
        raise ValueError("no")

    with pytest.raises(Cancelled):
        Graph(Node("n", exec=fails, retry=Retry(5))).run(1, context=context)
    assert calls == [1]


@pytest.mark.parametrize("kind", ["serial", "threads", "processes"])
def test_a_deadline_reaches_the_workers_of_every_kind(kind: str) -> None:
    """Without it the items would take 60 s each."""

    def wait(value: int, ctx: Context) -> int:
        for _ in range(6000):
            ctx.check()
            time.sleep(0.01)
        return value

    start_s = time.monotonic()
    with open_pool(kind, 2) as pool:
        context = Context(pool, deadline_s=time.monotonic() + 1.0)
        with pytest.raises(DeadlineExceeded):
            Graph(Node("wait", exec=wait)).map(range(4), context=context)
    assert time.monotonic() - start_s < 20.0


@pytest.mark.parametrize("kind", ["serial", "threads"])
def test_cancelling_from_another_thread_ends_a_map_and_a_fan_out_inside_it(kind: str) -> None:
    started = threading.Event()

    def wait(value: int, ctx: Context) -> int:
        started.set()
        for _ in range(6000):
            ctx.check()
            time.sleep(0.01)
        return value

    start_s = time.monotonic()
    with open_pool(kind, 2) as pool:
        context = Context(pool)
        canceller = threading.Thread(target=lambda: (started.wait(20), context.cancel()))
        canceller.start()
        with pytest.raises(Cancelled):
            Graph(fan_out(Node("wait", exec=wait))).map([[1, 2], [3]], context=context)
        canceller.join()
    assert time.monotonic() - start_s < 20.0


@pytest.mark.parametrize("kind", ["serial", "threads", "processes"])
def test_a_map_that_is_cancelled_while_it_reads_its_items_ends(kind: str) -> None:
    def source(context: Context) -> Any:
        yield from range(3)
        context.cancel()

    with open_pool(kind, 2) as pool:
        context = Context(pool)
        with pytest.raises(Cancelled):
            Graph(Node("n", exec=abs)).map(source(context), context=context)


def test_a_node_can_cancel_a_run_that_was_started_without_a_context() -> None:
    ran: list[str] = []

    def stop(value: int, ctx: Context) -> int:
        ctx.cancel()
        return value

    async def later(value: int, ctx: Context) -> int:
        return stop(value, ctx)

    for first in (stop, later):
        chain = Node("stop", exec=first) >> Node("on", exec=lambda value: ran.append("on"))
        for graph in (Graph(chain), Graph(chain >> Node("end")), Graph(Node("a", exec=abs) >> chain)):
            with pytest.raises(Cancelled):
                graph.run(1)
    assert ran == []


REPORTING = ("serial", "threads", "processes", "asyncio")


def reports_of(graph: Graph, value: Any, executor: str, workers: int = 2) -> list[tuple[str, str, float, str]]:
    """What a run reports of itself, in a stable order."""
    with open_pool(executor, 1 if executor == "serial" else workers) as pool:
        context = Context(pool, workers)
        context.reports = []
        graph.run(value, context=context)
        return sorted(context.reports)


def teller(name: str, executor: str = "serial") -> Node:
    def tell(value: int, ctx: Context) -> int:
        ctx.report("seen", value, "B")
        return value + 1

    async def tell_later(value: int, ctx: Context) -> int:
        return tell(value, ctx)

    return Node(name, exec=tell_later if executor == "asyncio" else tell)


def test_elsewhere_a_report_does_nothing() -> None:
    context = Context()
    context.report("seen", 1)
    assert context.reports is None
    assert Graph(teller("n")).run(1) == 2


@pytest.mark.parametrize("executor", REPORTING)
def test_a_report_stands_under_the_node_that_made_it(executor: str) -> None:
    graph = Graph(teller("first", executor) >> Node("quiet", exec=lambda value: value) >> teller("last", executor))
    assert reports_of(graph, 1, executor) == [("first", "seen", 1.0, "B"), ("last", "seen", 2.0, "B")]


@pytest.mark.parametrize("executor", REPORTING)
def test_reports_of_a_fan_out_come_back_from_every_kind_of_worker(executor: str) -> None:
    graph = Graph(teller("before", executor).with_(exec=lambda value: value) >> fan_out(teller("inside", executor)))
    assert reports_of(graph, [3, 1, 2], executor) == [("inside", "seen", float(value), "B") for value in (1, 2, 3)]


@pytest.mark.parametrize("executor", REPORTING)
def test_a_graph_inside_a_fan_out_reports_under_the_names_of_its_own_nodes(executor: str) -> None:
    inner = Graph(teller("head", executor) >> teller("tail", executor)).as_node("inner")
    told = reports_of(Graph(teller("outer", executor).with_(exec=lambda value: [value, value]) >> fan_out(inner)), 5, executor)
    assert told == [("head", "seen", 5.0, "B")] * 2 + [("tail", "seen", 6.0, "B")] * 2


@pytest.mark.parametrize("executor", ["serial", "threads", "processes"])
def test_reports_of_an_item_that_fails_are_kept(executor: str) -> None:
    def tell(value: int, ctx: Context) -> int:
        ctx.report("seen", value)
        return 1 // value

    with open_pool(executor, 1) as pool:
        context = Context(pool)
        context.reports = []
        with pytest.raises(Exception, match="ZeroDivisionError"):
            Graph(fan_out(Node("n", exec=tell))).run([1, 0], context=context)
        assert context.reports == [("n", "seen", 1.0, "1"), ("n", "seen", 0.0, "1")]


@pytest.mark.parametrize(
    "options", [{}, {"retry": Retry(retries=2)}, {"timeout": "10s"}, {"retry": Retry(retries=2), "timeout": "10s"}]
)
def test_every_phase_and_every_attempt_reports_under_its_node(options: dict[str, Any]) -> None:
    def prep(store: Any, value: int, ctx: Context) -> int:
        ctx.report("prep", 1)
        return value

    def exec_(value: int, ctx: Context) -> int:
        ctx.report("exec", 1)
        raise ValueError("then the fallback")

    def fallback(value: int, error: Exception, ctx: Context) -> int:
        ctx.report("fallback", 1)
        return value

    def post(store: Any, value: int, prepared: int, result: int, ctx: Context) -> tuple[int, str]:
        ctx.report("post", 1)
        return result, "default"

    whole = Node("whole", prep=prep, exec=exec_, fallback=fallback, post=post, **options)
    context = Context()
    context.reports = []
    Graph(Node("quiet", exec=lambda value: value) >> whole >> teller("after")).run(1, context=context)
    tries = 3 if "retry" in options else 1
    names = ["prep", *["exec"] * tries, "fallback", "post"]
    assert [(node, name) for node, name, _, _ in context.reports] == [*(("whole", name) for name in names), ("after", "seen")]


def test_names_and_units_become_text_and_values_floats() -> None:
    context = Context().named("")
    context.reports = []
    context.report(5, True)  # type: ignore[arg-type]
    assert context.reports == [("", "5", 1.0, "1")]


def test_a_named_context_is_a_new_one_only_where_reports_are_collected() -> None:
    context = Context()
    assert context.named("n") is context
    context.reports = []
    inner = context.named("n")
    assert (inner.node, context.node) == ("n", "")
    assert inner.reports is context.reports
    context.cancel()
    with pytest.raises(Cancelled):
        inner.check()
