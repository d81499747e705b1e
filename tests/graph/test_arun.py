"""Runs with async nodes: inside a live event loop and outside, alone and over many items; what ends them and what is left."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import itertools
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pocket_lab.errors import Cancelled, NodeError, UsageError
from pocket_lab.executors.registry import open_pool
from pocket_lab.graph.combinators import fan_out, run_concurrent
from pocket_lab.graph.context import Context
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node, Retry, Route
from pocket_lab.graph.store import Store

FAR_S = 30.0
EXECUTORS = ("serial", "threads", "processes", "asyncio")


async def plus_one(value: int) -> int:
    await asyncio.sleep(0)
    return value + 1


LATER, PLAIN = Node("later", exec=plus_one), Node("plain", exec=lambda value: value * 10)


def inside_a_loop(call: Callable[[], Any]) -> Any:
    """Calls plain code from a coroutine, as a cell of a notebook does."""

    async def main() -> Any:
        return call()

    return asyncio.run(main())


def in_place(call: Callable[[], Any]) -> Any:
    return call()


@pytest.fixture(params=[in_place, inside_a_loop], ids=["outside", "inside a loop"])
def called(request: pytest.FixtureRequest) -> Callable[[Callable[[], Any]], Any]:
    """Plain code is called outside an event loop and inside a running one."""
    return request.param  # type: ignore[no-any-return]


def ended(call: Callable[[], Any]) -> Any:
    """What it returns or raises, in a thread of its own, so that one that hangs fails in seconds."""
    told: list[Any] = []

    def tell() -> None:
        try:
            told.append(call())
        except BaseException as error:
            told.append(error)

    thread = threading.Thread(target=tell, daemon=True)
    thread.start()
    thread.join(5.0)
    assert told, "it hangs"
    return told[0]


class InFlight:
    """Counts how many calls are between their beginning and their end."""

    def __init__(self) -> None:
        self.now, self.most, self.ended = 0, 0, 0

    async def __call__(self, value: Any) -> Any:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(0.002)
            return value
        finally:
            self.now -= 1
            self.ended += 1


class Endless:
    """Begins, waits for ever, and counts how it ended; cleaning up takes its time, and is waited for."""

    def __init__(self, cleans_up_s: float = 0.01) -> None:
        self.begun, self.ended = 0, 0
        self.cleans_up_s = cleans_up_s

    async def __call__(self, value: Any) -> None:
        self.begun += 1
        try:
            await asyncio.sleep(FAR_S)
        finally:
            await asyncio.sleep(self.cleans_up_s)
            self.ended += 1


def test_sync_and_async_nodes_mix_in_one_graph(called: Any) -> None:
    graph = Graph(PLAIN >> LATER >> Graph(LATER.with_(name="in") >> PLAIN.with_(name="out"), name="graph") >> fan_out_sum())
    assert called(lambda: graph.run(1)) == [120, 121]
    assert asyncio.run(graph.arun(1)) == [120, 121]


def fan_out_sum() -> Node:
    async def item(value: int) -> int:
        return value

    return fan_out(Node("item", exec=item), name="each").with_(prep=lambda store, value: [value, value + 1])


def test_every_phase_and_a_loop_back_may_be_async() -> None:
    async def prep(store: Any, value: int) -> int:
        return value + store.get("offset")

    async def exec(value: int) -> int:
        return value + 1

    async def post(store: Store, value: int, prepared: int, result: int) -> Route:
        store.set("turns", store.get("turns", 0) + 1)
        return Route(result, "again" if result < 50 else "default")

    node = Node("n", prep=prep, exec=exec, post=post)
    graph = Graph(node - "again" >> node, node >> PLAIN, store=Store({"offset": 4}))
    assert graph.run(0) == 500
    assert graph.store.get("turns") == 10
    assert asyncio.run(graph.arun(0)) == 500


def test_a_graph_of_sync_nodes_can_be_awaited_and_runs_in_place() -> None:
    where = Graph(Node("where", exec=lambda value: threading.get_ident()))
    assert asyncio.run(where.arun(0)) == threading.get_ident()
    assert asyncio.run(where.amap(range(3), workers=2)) == [threading.get_ident()] * 3


def test_arun_works_on_the_loop_that_awaits_it_and_run_inside_a_loop_on_another() -> None:
    async def where(_: Any) -> tuple[int, int]:
        return id(asyncio.get_running_loop()), threading.get_ident()

    graph = Graph(Node("where", exec=where))

    async def main() -> tuple[Any, Any, Any]:
        return await where(0), await graph.arun(), graph.run()

    here, awaited, called = asyncio.run(main())
    assert here == awaited
    assert called[0] != here[0]
    assert called[1] != here[1]


def test_an_error_of_an_async_node_names_it_and_has_the_users_exception_as_its_cause(called: Any) -> None:
    async def fails(value: int) -> None:
        raise LookupError(f"no {value}")

    with pytest.raises(NodeError, match=r'^node "fails" failed in exec: LookupError: no 3$') as caught:
        called(lambda: Graph(Node("fails", exec=fails)).run(3))
    assert isinstance(caught.value.__cause__, LookupError)


def test_a_warning_about_a_lost_action_points_to_the_line_of_the_user_who_ran_the_graph() -> None:
    async def lost(value: int) -> Route:
        return Route(value, "lost")

    graph = Graph(Node("start", exec=lost) >> PLAIN)

    async def awaited() -> None:
        await graph.arun(1)

    with pytest.warns(UserWarning, match='node "start" took the action "lost"') as told:
        asyncio.run(awaited())
    assert told[0].filename == __file__
    with pytest.warns(UserWarning, match='node "start" took the action "lost"') as told:
        graph.run(1)
    assert told[0].filename == __file__


VARIABLE: contextvars.ContextVar[int] = contextvars.ContextVar("variable", default=0)


async def read_later(_: Any) -> int:
    return VARIABLE.get()


def read(_: Any) -> int:
    return VARIABLE.get()


@pytest.mark.parametrize("mixed", [False, True], ids=["async", "mixed"])
@pytest.mark.parametrize(
    "ask",
    [
        lambda graph: [graph.run(0)],
        lambda graph: graph.map([0, 0]),
        lambda graph: graph.map([0, 0], executor="serial"),
        lambda graph: list(graph.imap([0, 0])),
        lambda graph: run_concurrent([graph, graph], [0, 0]),
        lambda graph: Graph(fan_out(graph)).run([0, 0]),
    ],
    ids=["run", "map", "serial", "imap", "run_concurrent", "fan_out"],
)
def test_context_variables_of_the_caller_are_seen_inside_nodes(called: Any, ask: Any, mixed: bool) -> None:
    reading = Node("read", exec=read_later)
    graph = Graph(LATER >> Node("plain", exec=read)) if mixed else Graph(reading)

    def both() -> list[int]:
        seen = []
        for number in (1, 2):
            VARIABLE.set(number)
            seen += ask(graph)[:1]
        return seen

    assert contextvars.copy_context().run(called, both) == [1, 2]


def test_context_variables_are_seen_by_awaited_runs_and_those_of_a_run_stay_inside() -> None:
    async def setting(value: int) -> int:
        VARIABLE.set(99)
        return value

    async def main() -> tuple[Any, ...]:
        VARIABLE.set(5)
        graph = Graph(Node("read", exec=read_later))
        seen = await graph.arun(0), *await graph.amap([0, 0])
        await Graph(Node("set", exec=setting)).amap([0, 0])
        return *seen, VARIABLE.get()

    assert asyncio.run(main()) == (5, 5, 5, 5)


def test_context_variables_are_seen_on_a_pool_that_lives_longer_than_one_call(called: Any) -> None:
    graph = Graph(Node("read", exec=read_later))

    def both() -> list[Any]:
        seen = []
        with open_pool("asyncio", 2) as pool:
            for number in (1, 2):
                VARIABLE.set(number)
                seen += [graph.run(0, context=Context(pool)), *graph.map([0], context=Context(pool))]
        return seen

    assert contextvars.copy_context().run(called, both) == [1, 1, 2, 2]


@pytest.mark.parametrize("graph", [Graph(Node("n", exec=read)), Graph(Node("n", exec=read_later))], ids=["sync", "async"])
def test_context_variables_of_the_caller_are_seen_on_threads(graph: Graph) -> None:
    def ask() -> list[int]:
        VARIABLE.set(7)
        return graph.map([0, 0, 0], workers=2, executor="threads")

    assert contextvars.copy_context().run(ask) == [7, 7, 7]


def test_cancelling_the_task_of_a_run_reaches_the_node_and_runs_its_hooks() -> None:
    seen: list[Any] = []
    endless = Endless()
    node = Node(
        "n",
        exec=endless,
        retry=Retry(3),
        fallback=lambda *_: seen.append("fallback"),
        on_success=lambda store, output: seen.append("on_success"),
        on_failure=lambda store, error: seen.append(("on_failure", type(error))),
        on_complete=lambda store: seen.append("on_complete"),
    )

    async def main() -> None:
        for graph, given in ((Graph(node), 1), (Graph(Graph(node, name="inner")), 1), (Graph(fan_out(node)), [1])):
            task = asyncio.create_task(graph.arun(given))
            begun = endless.begun
            while endless.begun == begun:
                await asyncio.sleep(0.001)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())
    assert seen == [("on_failure", asyncio.CancelledError), "on_complete"] * 3
    assert (endless.begun, endless.ended) == (3, 3)


def test_cancelling_the_context_from_another_task_stops_the_run_between_its_nodes() -> None:
    ran: list[int] = []

    async def main() -> None:
        context = Context()

        async def first(value: int) -> int:
            asyncio.get_running_loop().call_soon(context.cancel)
            await asyncio.sleep(0.01)
            return value

        with pytest.raises(Cancelled):
            await Graph(Node("first", exec=first) >> Node("second", exec=ran.append)).arun(1, context=context)

    asyncio.run(main())
    assert ran == []


@pytest.mark.parametrize("ask", ["run", "map", "imap", "fan_out"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_interrupt_in_an_async_node_reaches_the_caller_and_leaves_nothing_behind(
    called: Any, ask: str, error: type[BaseException]
) -> None:
    async def interrupted(value: int) -> int:
        await asyncio.sleep(0.001)
        if value == 1:
            raise error("mine")
        return value

    graph = Graph(Node("n", exec=interrupted))
    asked: dict[str, Callable[[], Any]] = {
        "run": lambda: graph.run(1),
        "map": lambda: graph.map([0, 1, 2]),
        "imap": lambda: list(graph.imap([0, 1, 2])),
        "fan_out": lambda: Graph(fan_out(graph)).run([0, 1, 2]),
    }
    assert repr(ended(lambda: called(asked[ask]))) == f"{error.__name__}('mine')"


@pytest.mark.parametrize("ask", ["map", "imap", "fan_out"])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_interrupt_reaches_the_caller_also_where_other_items_take_their_time_to_clean_up(called: Any, ask: str) -> None:
    endless = Endless(cleans_up_s=0.2)

    async def interrupted(value: int) -> None:
        if value:
            await endless(value)
        while not endless.begun:
            await asyncio.sleep(0.001)
        raise KeyboardInterrupt("mine")

    graph = Graph(Node("n", exec=interrupted))
    asked: dict[str, Callable[[], Any]] = {
        "map": lambda: graph.map([0, 1, 2]),
        "imap": lambda: list(graph.imap([0, 1, 2])),
        "fan_out": lambda: Graph(fan_out(graph)).run([0, 1, 2]),
    }
    assert repr(ended(lambda: called(asked[ask]))) == "KeyboardInterrupt('mine')"
    assert endless.begun == endless.ended > 0


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_interrupt_in_a_node_on_a_helper_thread_is_not_reported_a_second_time(capsys: pytest.CaptureFixture[str]) -> None:
    async def interrupted(value: int) -> int:
        raise KeyboardInterrupt("mine")

    with pytest.raises(KeyboardInterrupt):
        inside_a_loop(lambda: Graph(Node("n", exec=interrupted)).run(1))
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("ask", ["run", "map", "imap"])
def test_ctrl_c_ends_a_run_that_waits_and_what_it_cleans_up_is_waited_for(ask: str) -> None:
    endless = Endless()
    graph = Graph(Node("n", exec=endless))
    main = threading.get_ident()
    timer = threading.Timer(0.2, lambda: signal.pthread_kill(main, signal.SIGINT))
    start_s = time.monotonic()
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        _ = graph.run(1) if ask == "run" else list(getattr(graph, ask)([1, 2]))
    timer.join()
    assert time.monotonic() - start_s < FAR_S / 2
    assert endless.begun == endless.ended > 0


@pytest.mark.parametrize("workers", [1, 3, None])
def test_an_async_fan_out_is_concurrent_and_bounded_by_its_workers(workers: int | None) -> None:
    flight = InFlight()
    graph = Graph(fan_out(Node("n", exec=flight)))
    assert graph.run(range(250), context=Context(workers=workers)) == list(range(250))
    assert flight.most == (workers or 100)
    flight.most = 0
    assert asyncio.run(graph.arun(range(250), context=Context(workers=workers))) == list(range(250))
    assert flight.most == (workers or 100)


@pytest.mark.parametrize("method", ["map", "imap", "amap"])
def test_a_map_of_an_async_graph_is_concurrent_and_bounded_by_its_workers(called: Any, method: str) -> None:
    flight = InFlight()
    graph = Graph(Node("n", exec=flight) >> PLAIN)

    def ask(**options: Any) -> list[int]:
        if method == "amap":
            return asyncio.run(graph.amap(range(250), **options))
        return list(getattr(graph, method)(range(250), **options))

    if method == "amap":
        called = in_place
    for options, most in (({}, 100), ({"workers": 4}, 4), ({"workers": 1}, 1)):
        flight.most = 0
        assert called(lambda options=options: ask(**options)) == [number * 10 for number in range(250)]
        assert flight.most == most


@pytest.mark.parametrize("workers", [0, -1])
def test_less_than_one_worker_is_a_usage_error_and_loses_no_item_in_silence(workers: int) -> None:
    with pytest.raises(UsageError, match=f"{workers}"):
        asyncio.run(Graph(LATER).amap([1, 2], workers=workers))
    with pytest.raises(UsageError, match=f"{workers}"):
        Graph(fan_out(LATER)).run([1, 2], context=Context(workers=workers))


def test_results_keep_the_order_of_the_items_whatever_each_takes(called: Any) -> None:
    async def slow_first(value: int) -> int:
        await asyncio.sleep(0.03 if value == 0 else 0.0)
        return value

    graph = Graph(Node("n", exec=slow_first))
    assert called(lambda: graph.map(range(50), workers=5)) == list(range(50))
    assert called(lambda: list(graph.imap(iter(range(50)), workers=5))) == list(range(50))
    assert called(lambda: Graph(fan_out(graph)).run(range(50))) == list(range(50))


def test_the_first_error_in_the_order_of_the_items_cancels_the_others_and_waits_for_them(called: Any) -> None:
    endless = Endless()

    async def check(value: int) -> None:
        if value not in (2, 3):
            await endless(value) if value > 3 else await asyncio.sleep(0)
            return
        await asyncio.sleep(0.01 if value == 2 else 0.0)
        raise ValueError(f"no {value}")

    graph = Graph(Node("check", exec=check))
    for ask in (lambda: graph.map(range(9)), lambda: list(graph.imap(range(9))), lambda: Graph(fan_out(graph)).run(range(9))):
        with pytest.raises(NodeError, match=r'^node "check" failed in exec \(item 2\): ValueError: no 2$') as caught:
            called(ask)
        assert caught.value.item == 2
        assert endless.begun == endless.ended > 0


def test_collected_errors_stand_in_the_places_of_their_results() -> None:
    async def check(value: int) -> int:
        return 12 // value

    graph = Graph(Node("check", exec=check))
    for results in (
        graph.map([3, 0, 4], on_error="collect"),
        list(graph.imap([3, 0, 4], on_error="collect")),
        asyncio.run(graph.amap([3, 0, 4], on_error="collect")),
    ):
        assert (results[0], results[2]) == (4, 3)
        assert isinstance(results[1], NodeError)
        assert results[1].item == 1


def test_a_node_that_awaits_what_was_cancelled_ends_the_map_and_does_not_hang() -> None:
    async def awaits(value: int) -> int:
        if value == 1:
            task = asyncio.ensure_future(asyncio.sleep(FAR_S))
            task.cancel()
            await task
        return value

    async def main() -> list[Any]:
        return await asyncio.wait_for(Graph(Node("n", exec=awaits)).amap(range(3), workers=2), 3.0)

    with pytest.raises((NodeError, asyncio.CancelledError)):
        asyncio.run(main())


def test_a_sync_node_may_run_an_async_graph_on_the_context_it_got(called: Any) -> None:
    inner = Graph(LATER)
    outer = Graph(Node("call", exec=lambda value, ctx: inner.run(value, context=ctx)) >> LATER)

    def ask() -> Any:
        with open_pool("asyncio", 2) as pool:
            return outer.run(0, context=Context(pool))

    assert ended(lambda: called(ask)) == 2


@pytest.mark.parametrize(
    ("kind", "is_async"), [*((kind, True) for kind in EXECUTORS), *((kind, False) for kind in EXECUTORS[:3])]
)
def test_imap_reads_its_items_only_as_far_as_needed(kind: str, is_async: bool) -> None:
    read: list[int] = []
    endless = (read.append(item) or item for item in itertools.count())  # type: ignore[func-returns-value]
    graph = Graph(LATER if is_async else Node("n", exec=lambda value: value + 1))
    results = graph.imap(endless, workers=2, executor=kind)
    furthest = 0
    for number in range(300):
        assert next(results) == number + 1
        furthest = max(furthest, len(read) - number)
    results.close()
    at_the_end = len(read)
    assert furthest <= 5 + 20 * 2 * 64
    time.sleep(0.05)
    assert len(read) == at_the_end


def test_imap_holds_no_result_longer_than_its_loop_does() -> None:
    class Big:
        alive = 0

        def __init__(self) -> None:
            Big.alive += 1

        def __del__(self) -> None:
            Big.alive -= 1

    async def make(value: int) -> Big:
        return Big()

    most = 0
    for made in (Node("n", exec=make), Node("n", exec=lambda value: Big())):
        for _ in Graph(made).imap(iter(range(500)), workers=2):
            most = max(most, Big.alive)
        gc.collect()
    assert most <= 5 + 20 * 2 * 64
    del _
    gc.collect()
    assert Big.alive == 0


@pytest.mark.parametrize("kind", EXECUTORS)
def test_closing_imap_early_ends_everything(kind: str, called: Any) -> None:
    def ask() -> list[Any]:
        results = Graph(LATER).imap(itertools.count(), workers=2, executor=kind)
        taken = list(itertools.islice(results, 3))
        results.close()
        return [*taken, next(results, "closed")]

    assert called(ask) == [1, 2, 3, "closed"]


def test_leaving_the_loop_over_imap_ends_what_is_running(called: Any) -> None:
    endless = Endless()

    async def first_only(value: int) -> int:
        if value:
            await endless(value)
        return value

    def ask() -> None:
        for result in Graph(Node("n", exec=first_only)).imap(range(5)):
            assert result == 0
            break
        gc.collect()

    called(ask)
    assert endless.begun == endless.ended == 4


@pytest.mark.parametrize("kind", [*EXECUTORS, None])
def test_an_imap_that_is_never_asked_for_a_result_leaves_nothing_behind(kind: str | None, called: Any) -> None:
    before = set(threading.enumerate())
    called(lambda: Graph(LATER).imap([1, 2], executor=kind).close())
    called(lambda: Graph(LATER).imap([1, 2], executor=kind) and None)
    gc.collect()
    assert set(threading.enumerate()) <= before


def test_an_input_that_fails_on_the_way_raises_its_own_error_and_ends_the_others(called: Any) -> None:
    flight = InFlight()

    def source() -> Iterator[int]:
        yield from range(3)
        raise LookupError("the source")

    graph = Graph(Node("n", exec=flight))
    for ask in (lambda: graph.map(source()), lambda: list(graph.imap(source()))):
        with pytest.raises(LookupError, match="the source"):
            called(ask)
        assert flight.now == 0


def test_a_loop_is_left_as_it_was_found() -> None:
    """A run outside a loop leaves none running, and a warning about what was never awaited would be an error."""
    Graph(LATER).run(1)
    with pytest.raises(RuntimeError, match="no running event loop"):
        asyncio.get_running_loop()
    assert sys.get_asyncgen_hooks() == (None, None)
