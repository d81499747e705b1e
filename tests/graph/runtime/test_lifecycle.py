"""The life cycle of one node: the order of phases and hooks, failures, timeouts, and what is no failure of the node."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from pocket_lab.errors import Cancelled, DeadlineExceeded, GraphError, NodeError
from pocket_lab.executors.registry import open_pool
from pocket_lab.graph.combinators import fan_out
from pocket_lab.graph.context import Context
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node, Retry, Route
from pocket_lab.graph.store import Store

HOOKS = ("on_success", "on_failure", "on_complete", "on_error")
FAR_S = 30.0


def fitting(is_async: bool, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, or one that does the same after a turn of the event loop."""
    if not is_async:
        return function

    async def later(*args: Any) -> Any:
        await asyncio.sleep(0)
        return function(*args)

    return later


class Diary:
    """Writes down what a node of it does; a phase in `doomed` raises."""

    def __init__(self, *doomed: str, is_async: bool = False, **fields: Any) -> None:
        self.lines: list[tuple[Any, ...]] = []
        self.doomed = doomed
        answers = {
            "prep": lambda store, value: value + 1,
            "exec": lambda prepared: prepared * 10,
            "fallback": lambda prepared, error: -prepared,
            "post": lambda store, value, prepared, result: (result + 3, "default"),
        }
        phases = {name: fitting(is_async, self.noting(name, answer)) for name, answer in answers.items()}
        hooks = {name: fitting(is_async, self.noting(name, lambda *_: None)) for name in HOOKS}
        self.node = Node("n", **(phases | hooks | fields))

    def noting(self, name: str, answer: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            told = [str(arg) if isinstance(arg, Exception) else arg for arg in args if isinstance(arg, int | Exception)]
            self.lines.append((name, *told))
            if name in self.doomed:
                raise ValueError(f"no {name}")
            return answer(*args)

        return call


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def is_async(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def test_the_phases_and_hooks_of_a_success_run_in_pockets_order(is_async: bool) -> None:
    diary = Diary(is_async=is_async)
    assert Graph(diary.node).run(1) == 23
    assert diary.lines == [("prep", 1), ("exec", 2), ("post", 1, 2, 20), ("on_success", 23), ("on_complete",)]


def test_a_fallback_that_works_counts_as_success(is_async: bool) -> None:
    diary = Diary("exec", is_async=is_async)
    assert Graph(diary.node).run(1) == 1
    assert diary.lines == [
        ("prep", 1),
        ("exec", 2),
        ("fallback", 2, "no exec"),
        ("post", 1, 2, -2),
        ("on_success", 1),
        ("on_complete",),
    ]


@pytest.mark.parametrize(
    ("doomed", "ran"),
    [
        (("prep",), ["prep"]),
        (("exec", "fallback"), ["prep", "exec", "fallback"]),
        (("post",), ["prep", "exec", "post"]),
        (("exec", "post"), ["prep", "exec", "fallback", "post"]),
    ],
)
def test_a_failure_in_any_phase_runs_the_hooks_of_a_failure_and_never_that_of_a_success(
    is_async: bool, doomed: tuple[str, ...], ran: list[str]
) -> None:
    diary = Diary(*doomed, is_async=is_async)
    with pytest.raises(NodeError, match=rf'^node "n" failed in {doomed[-1]}: ValueError: no {doomed[-1]}$') as caught:
        Graph(diary.node).run(1)
    assert [name for name, *_ in diary.lines] == [*ran, "on_failure", "on_complete", "on_error"]
    assert diary.lines[-3:] == [("on_failure", f"no {doomed[-1]}"), ("on_complete",), ("on_error", f"no {doomed[-1]}")]
    assert repr(caught.value.__cause__) == f"ValueError('no {doomed[-1]}')"


def test_every_attempt_of_prep_and_exec_counts_and_post_has_one(is_async: bool) -> None:
    diary = Diary("prep", is_async=is_async, retry=Retry(2))
    with pytest.raises(NodeError):
        Graph(diary.node).run(1)
    assert [name for name, *_ in diary.lines].count("prep") == 3
    diary = Diary("exec", is_async=is_async, retry=Retry(2))
    Graph(diary.node).run(1)
    assert [name for name, *_ in diary.lines] == ["prep", *["exec"] * 3, "fallback", "post", "on_success", "on_complete"]
    diary = Diary("post", is_async=is_async, retry=Retry(2))
    with pytest.raises(NodeError):
        Graph(diary.node).run(1)
    assert [name for name, *_ in diary.lines].count("post") == 1


def test_hooks_get_the_context_where_they_ask_for_it(is_async: bool) -> None:
    seen: list[Any] = []

    def taking(name: str) -> Callable[..., Any]:
        def plain(*args: Any, ctx: Context) -> None:
            seen.append((name, len(args), ctx))

        async def later(*args: Any, ctx: Context) -> None:
            plain(*args, ctx=ctx)

        return later if is_async else plain

    hooks = {name: taking(name) for name in HOOKS}
    context = Context()
    Graph(Node("n", exec=abs, **hooks)).run(1, context=context)
    with pytest.raises(NodeError):
        Graph(Node("n", exec=lambda value: 1 // 0, **hooks)).run(1, context=context)
    expected = [("on_success", 2), ("on_complete", 1), ("on_failure", 2), ("on_complete", 1), ("on_error", 1)]
    assert [(name, count) for name, count, _ in seen] == expected
    assert all(given is context for *_, given in seen)


def test_a_hook_can_cancel_a_run_that_was_given_no_context() -> None:
    def stop(store: Store, output: int, ctx: Context) -> None:
        ctx.cancel()

    with pytest.raises(Cancelled):
        Graph(Node("n", exec=abs, on_success=stop) >> Node("after", exec=abs)).run(1)


@pytest.mark.parametrize("doomed", HOOKS)
def test_what_a_hook_raises_is_logged_and_changes_neither_result_nor_error(
    is_async: bool, doomed: str, caplog: pytest.LogCaptureFixture
) -> None:
    fails_anyway = doomed in ("on_failure", "on_error")
    diary = Diary(doomed, *(["prep"] if fails_anyway else []), is_async=is_async)
    if fails_anyway:
        with pytest.raises(NodeError, match=r"ValueError: no prep$"):
            Graph(diary.node).run(1)
        assert [name for name, *_ in diary.lines][-3:] == ["on_failure", "on_complete", "on_error"]
    else:
        assert Graph(diary.node).run(1) == 23
        assert [name for name, *_ in diary.lines][-2:] == ["on_success", "on_complete"]
    ((logger, _, message),) = caplog.record_tuples
    assert (logger, message) == ("pocket_lab", f'node "n": its {doomed} hook failed')
    assert f"ValueError: no {doomed}" in caplog.text


def test_hooks_work_on_the_store_of_the_run(is_async: bool) -> None:
    def keep(store: Store, output: int) -> None:
        store.set("last", output)

    store = Store()
    Graph(Node("n", exec=abs, on_success=fitting(is_async, keep))).run(-4, store=store)
    assert store.items() == [("last", 4)]


def test_on_success_gets_the_output_and_not_the_route() -> None:
    seen: list[Any] = []
    node = Node("n", exec=lambda value: Route(value, "x"), on_success=lambda store, output: seen.append(output))
    assert Graph(node - "x" >> Node("end")).run(7) == 7
    assert seen == [7]


@pytest.mark.parametrize(
    ("answer", "text"), [((1, 2, 3), "post returns"), ((1, 3), "an action is a text"), (None, "post returns")], ids=repr
)
def test_an_answer_of_post_that_is_no_output_and_action_is_a_failure_for_the_hooks_too(answer: Any, text: str) -> None:
    seen: list[str] = []
    node = Node(
        "n",
        post=lambda *_: answer,
        on_success=lambda store, output: seen.append("success"),
        on_failure=lambda store, error: seen.append(f"failure: {error}"),
    )
    with pytest.raises(NodeError, match=f"failed in post: TypeError: {text}"):
        Graph(node).run(1)
    assert len(seen) == 1
    assert seen[0].startswith(f"failure: {text}")


def test_a_route_of_exec_whose_action_is_no_text_is_a_failure_for_the_hooks_too() -> None:
    seen: list[str] = []
    hooks = {name: lambda *_, name=name: seen.append(name) for name in HOOKS}
    with pytest.raises(NodeError, match="TypeError: an action is a text, got 3"):
        Graph(Node("n", exec=lambda value: Route(value, 3), **hooks)).run(1)  # type: ignore[arg-type]
    assert seen == ["on_failure", "on_complete", "on_error"]


def test_the_hooks_of_a_node_that_was_never_started_do_not_run() -> None:
    seen: list[str] = []
    hooks = {name: lambda *_, name=name: seen.append(name) for name in HOOKS}
    first, second = Node("first", exec=abs), Node("second", exec=abs, **hooks)
    with pytest.raises(GraphError, match="max_steps=1"):
        Graph(first >> second, max_steps=1).run(1)
    context = Context()
    context.cancel()
    with pytest.raises(Cancelled):
        Graph(second).run(1, context=context)
    assert seen == []


def test_a_cancellation_inside_a_node_is_a_failure_for_its_hooks_and_no_error_of_the_node(is_async: bool) -> None:
    def stop(value: int) -> None:
        raise Cancelled("enough")

    diary = Diary(is_async=is_async, exec=fitting(is_async, stop), retry=Retry(3))
    with pytest.raises(Cancelled, match="enough"):
        Graph(diary.node).run(1)
    assert [name for name, *_ in diary.lines] == ["prep", "on_failure", "on_complete", "on_error"]


def test_an_interrupt_runs_the_hooks_of_a_failure_and_is_passed_on() -> None:
    seen: list[str] = []
    hooks = {name: lambda *_, name=name: seen.append(name) for name in HOOKS}

    def interrupted(value: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Graph(Node("n", exec=interrupted, retry=Retry(3), fallback=lambda *_: 0, **hooks)).run(1)
    assert seen == ["on_failure", "on_complete", "on_error"]


def test_a_success_that_is_cancelled_in_its_hook_does_not_become_a_failure() -> None:
    seen: list[str] = []

    async def slow(store: Store, output: int) -> None:
        seen.append("on_success")
        await asyncio.sleep(FAR_S)

    async def main() -> None:
        hooks = {name: lambda *_, name=name: seen.append(name) for name in HOOKS[1:]}
        task = asyncio.create_task(Graph(Node("n", exec=abs, on_success=slow, **hooks)).arun(1))
        while not seen:
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert "on_failure" not in seen
    assert "on_error" not in seen


def sleeper(is_async: bool, nap_s: float) -> Callable[..., Any]:
    """Sleeps, and then returns something; the async one is cut off, the plain one is noticed when it returns."""

    def nap(*_: Any) -> tuple[str, str]:
        time.sleep(nap_s)
        return "late", "default"

    async def later(*_: Any) -> tuple[str, str]:
        await asyncio.sleep(FAR_S)
        return "late", "default"

    return later if is_async else nap


@pytest.mark.parametrize("phase", ["prep", "exec", "post"])
def test_a_timeout_is_an_error_of_its_node_with_the_deadline_as_its_cause(is_async: bool, phase: str) -> None:
    seen: list[BaseException] = []
    node = Node(
        "slow",
        timeout="50ms",
        **{phase: sleeper(is_async, 0.1)},  # type: ignore[arg-type]
        on_failure=lambda store, error: seen.append(error),
    )
    start_s = time.monotonic()
    with pytest.raises(NodeError, match=rf'^node "slow" failed in {phase}: it passed its timeout of 50\.0 ms$') as caught:
        Graph(node).run(1)
    assert time.monotonic() - start_s < FAR_S / 2
    assert isinstance(caught.value.__cause__, DeadlineExceeded)
    assert seen == [caught.value.__cause__]
    assert (caught.value.node, caught.value.phase, caught.value.item) == ("slow", phase, None)


def test_a_sync_node_notices_its_timeout_where_it_checks() -> None:
    def patient(value: int, ctx: Context) -> int:
        for _ in range(int(FAR_S * 100)):
            time.sleep(0.01)
            ctx.check()
        return value

    start_s = time.monotonic()
    with pytest.raises(NodeError, match=r'^node "patient" failed in exec: it passed its timeout of 50\.0 ms$'):
        Graph(Node("patient", exec=patient, timeout="50ms")).run(1)
    assert time.monotonic() - start_s < FAR_S / 2


def test_a_fallback_rescues_a_timeout_and_gets_what_was_prepared(is_async: bool) -> None:
    seen: list[Any] = []

    def rescue(prepared: str, error: Exception) -> str:
        seen.append((prepared, isinstance(error, DeadlineExceeded)))
        return "rescued"

    for fields in ({}, {"prep": lambda store, value: f"{value}!"}, {"post": lambda s, v, p, result: (result, "default")}):
        fields |= {"on_success": lambda store, output: seen.append(output)}
        node = Node("n", exec=sleeper(is_async, 0.05), timeout=0.02, fallback=fitting(is_async, rescue), **fields)
        assert Graph(node).run("given") == "rescued"
    assert seen == [("given", True), "rescued", ("given!", True), "rescued", ("given", True), "rescued"]


def test_a_fallback_and_the_post_after_it_have_time_of_their_own(is_async: bool) -> None:
    def slowly(answer: Any) -> Callable[..., Any]:
        async def later(*_: Any) -> Any:
            await asyncio.sleep(0.1)
            return answer

        return later if is_async else lambda *_: (time.sleep(0.1), answer)[1]

    node = Node("n", exec=sleeper(is_async, 0.05), timeout=0.02, fallback=slowly("rescued"), post=slowly(("posted", "default")))
    assert Graph(node).run(1) == "posted"


def test_a_timeout_covers_all_attempts_together(is_async: bool) -> None:
    calls: list[int] = []

    def fails(value: int) -> None:
        calls.append(value)
        raise ValueError("no")

    start_s = time.monotonic()
    node = Node("n", exec=fitting(is_async, fails), retry=Retry(100_000, delay="20ms"), timeout="200ms")
    with pytest.raises(NodeError, match=r"ValueError: no$"):
        Graph(node).run(1)
    assert time.monotonic() - start_s < FAR_S / 2
    assert 1 <= len(calls) <= 11


@pytest.mark.parametrize("phase", ["prep", "exec"])
def test_no_attempt_is_made_that_a_deadline_leaves_no_time_for(is_async: bool, phase: str) -> None:
    """Neither the node's own timeout nor the run's deadline is waited for, and the error is the node's."""
    calls: list[int] = []

    def fails(*args: Any) -> None:
        calls.append(args[-1])
        raise ValueError("no")

    start_s = time.monotonic()
    patient = Node("n", retry=Retry(5, delay=FAR_S), **{phase: fitting(is_async, fails)})  # type: ignore[arg-type]
    for node, context in (
        (patient.with_(timeout=FAR_S / 2), None),
        (patient, Context(timeout=FAR_S / 2)),
        (patient.with_(timeout=FAR_S / 2), Context(timeout=FAR_S * 9)),
    ):
        with pytest.raises(NodeError, match=rf"failed in {phase}: ValueError: no$"):
            Graph(node).run(1, context=context)
    assert len(calls) == 3
    assert time.monotonic() - start_s < FAR_S / 2
    rescued = patient.with_(timeout=FAR_S / 2, exec=fails, prep=None, fallback=lambda prepared, error: repr(error))
    assert Graph(rescued).run(1) == "ValueError('no')"


def test_a_fallback_rescues_a_node_whose_wait_ends_after_its_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait is meant to end before the timeout, and the machine oversleeps."""
    sleep = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: sleep(seconds + 0.05))

    def fails(value: int) -> None:
        raise ValueError("no")

    node = Node("n", exec=fails, timeout=0.1, retry=Retry(1, delay=0.09), fallback=lambda prepared, error: "rescued")
    assert Graph(node).run(1) == "rescued"


def test_a_timeout_starts_anew_at_each_visit_of_its_node() -> None:
    """The visits together take longer than the timeout."""

    def nap(value: int) -> Route[int]:
        time.sleep(0.05)
        return Route(value + 1, "again" if value < 11 else "default")

    count = Node("count", exec=nap, timeout=0.5)
    assert Graph(count - "again" >> count).run(0) == 12


@pytest.mark.parametrize("kind", ["graph", "fan_out", "graph in graph"])
def test_the_timeout_of_an_outer_node_passes_through_the_inner_ones(is_async: bool, kind: str) -> None:
    """It is neither retried nor rescued nor named by them, though their own timeouts come later."""
    calls: list[Any] = []

    def stubborn(value: int) -> str:
        calls.append(value)
        time.sleep(0.1)
        return "late"

    async def later(value: int) -> str:
        calls.append(value)
        await asyncio.sleep(FAR_S)
        return "late"

    inner = Node(
        "inner",
        exec=later if is_async else stubborn,
        retry=Retry(3),
        timeout=FAR_S * 2,
        fallback=lambda prepared, error: "caught",
    )
    wrapped = {
        "graph": lambda: Graph(inner).as_node("outer"),
        "graph in graph": lambda: Graph(Graph(inner, name="middle")).as_node("outer"),
        "fan_out": lambda: fan_out(inner, name="outer"),
    }[kind]().with_(timeout="50ms")
    with pytest.raises(NodeError) as caught:
        Graph(wrapped).run([1])
    assert str(caught.value) == 'node "outer" failed in exec: it passed its timeout of 50.0 ms'
    assert isinstance(caught.value.__cause__, DeadlineExceeded)
    assert len(calls) == 1
    assert Graph(wrapped.with_(fallback=lambda prepared, error: "outer")).run([1]) == "outer"


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_the_timeout_of_a_fan_out_reaches_the_workers(kind: str) -> None:
    def patient(value: int, ctx: Context) -> int:
        for _ in range(int(FAR_S * 100)):
            time.sleep(0.01)
            ctx.check()
        return value

    node = fan_out(Node("patient", exec=patient, retry=Retry(3), fallback=lambda *_: 0), name="each")
    start_s = time.monotonic()
    with open_pool(kind, 2) as pool:
        pool.start()
        with pytest.raises(NodeError, match=r'^node "each" failed in exec: it passed its timeout of 300 ms$') as caught:
            Graph(node.with_(timeout="300ms")).run(range(4), context=Context(pool))
        assert isinstance(caught.value.__cause__, DeadlineExceeded)
        assert Graph(node.with_(timeout="300ms", fallback=lambda *_: "rescued")).run([1], context=Context(pool)) == "rescued"
    assert time.monotonic() - start_s < FAR_S / 2


def test_the_timeout_of_an_inner_node_is_an_error_that_an_outer_one_can_retry_and_rescue(is_async: bool) -> None:
    calls: list[Any] = []
    inner = Node("inner", exec=sleeper(is_async, 0.05), timeout="20ms", on_complete=lambda store: calls.append(1))
    outer = Graph(inner).as_node("outer").with_(retry=Retry(1), fallback=lambda prepared, error: str(error))
    assert Graph(outer).run(1) == 'node "inner" failed in exec: it passed its timeout of 20.0 ms'
    assert len(calls) == 2


def test_the_deadline_of_a_run_is_neither_caught_nor_an_error_of_the_node(is_async: bool) -> None:
    seen: list[Any] = []

    def check(value: int, ctx: Context) -> None:
        while True:
            ctx.check()
            time.sleep(0.005)

    async def later(value: int, ctx: Context) -> None:
        while True:
            ctx.check()
            await asyncio.sleep(0.005)

    node = Node(
        "n",
        exec=later if is_async else check,
        retry=Retry(3),
        timeout=FAR_S * 2,
        fallback=lambda prepared, error: "caught",
        on_failure=lambda store, error: seen.append(type(error)),
    )
    with pytest.raises(DeadlineExceeded, match=r"^the run passed its deadline$"):
        Graph(node).run(1, context=Context(timeout=0.1))
    assert seen in ([DeadlineExceeded], [asyncio.CancelledError])  # it noticed, or was cut off


def test_the_deadline_of_a_run_cuts_an_await_off() -> None:
    async def nap(value: int) -> None:
        await asyncio.sleep(FAR_S)

    start_s = time.monotonic()
    for graph, given in ((Graph(Node("nap", exec=nap)), 1), (Graph(fan_out(Node("nap", exec=nap))), [1, 2])):
        with pytest.raises(DeadlineExceeded, match=r"^the run passed its deadline$"):
            graph.run(given, context=Context(timeout=0.1))
    with pytest.raises(DeadlineExceeded):
        Graph(Node("nap", exec=nap)).map([1, 2], context=Context(timeout=0.1))
    assert time.monotonic() - start_s < FAR_S / 2


def test_a_timeout_error_of_the_users_own_is_an_ordinary_error(is_async: bool) -> None:
    def fails(value: int) -> None:
        raise TimeoutError("the server's")

    node = Node("n", exec=fitting(is_async, fails), timeout=FAR_S)
    with pytest.raises(NodeError, match=r'^node "n" failed in exec: TimeoutError: the server\'s$'):
        Graph(node).run(1)


def test_a_node_that_swallows_being_cut_off_is_late_all_the_same() -> None:
    async def stubborn(value: int) -> str:
        try:
            await asyncio.sleep(FAR_S)
        except asyncio.CancelledError:
            return "swallowed"
        return "slept"

    with pytest.raises(NodeError, match=r"it passed its timeout of 20\.0 ms$"):
        Graph(Node("n", exec=stubborn, timeout="20ms")).run(1)
