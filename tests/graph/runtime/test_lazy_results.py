"""Generators and other lazy results of nodes under an observer: the same behaviour, and events of what they took."""

from __future__ import annotations

import asyncio
import inspect
import itertools
import sys
import threading
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from pocket_lab.errors import NodeError
from pocket_lab.graph.combinators import fan_out
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node, Retry, Route
from pocket_lab.graph.observers import Event, Run, Visit, Yielded
from pocket_lab.graph.runtime.lazy_results import _Costs


class Follower:
    """Keeps all events."""

    def __init__(self, lazy_results: str = "timed") -> None:
        self.events: list[Event] = []
        if lazy_results:
            self.lazy_results = lazy_results

    def begin(self, run: Run) -> Callable[[Event], object]:
        return self.events.append

    def yielded(self) -> list[tuple[str, Yielded]]:
        return [(event[0], event[4]) for event in self.events if isinstance(event[4], Yielded)]

    def resumptions(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for node, details in self.yielded():
            found[node] = found.get(node, 0) + details.resumptions
        return found


def spin(count: int = 2_000) -> None:
    for _ in range(count):
        pass


def numbers(count: int) -> Generator[int, Any, str]:
    for number in range(count):
        spin()
        yield number
    return "the end"


def handed_on(exec_: Callable[..., Any], follower: Any, given: Any = 3) -> Any:
    return Graph(Node("source", exec=exec_)).observed(follower).run(given)


@pytest.mark.parametrize("mode", ["timed", "marked"])
def test_a_wrapped_generator_is_a_generator_with_the_names_the_values_and_the_end_of_its_own(mode: str) -> None:
    wrapped = handed_on(numbers, Follower(mode))
    assert inspect.isgenerator(wrapped)
    assert (wrapped.__name__, wrapped.__qualname__) == ("numbers", "numbers")

    def outer() -> Generator[int, Any, Any]:
        return (yield from wrapped)

    outside = outer()
    assert [next(outside) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(StopIteration) as end:
        next(outside)
    assert end.value.value == "the end"


@pytest.mark.parametrize("mode", ["timed", "marked"])
def test_send_throw_and_close_reach_the_generator(mode: str) -> None:
    log: list[Any] = []

    def echo(_: Any) -> Generator[Any, Any, None]:
        given = None
        try:
            while True:
                try:
                    given = yield given
                except KeyError as error:
                    given = error.args[0]
        finally:
            log.append("closed")

    wrapped = handed_on(echo, Follower(mode))
    assert next(wrapped) is None
    assert wrapped.send(7) == 7
    assert next(wrapped) is None
    assert wrapped.throw(KeyError("thrown")) == "thrown"
    assert wrapped.send("again") == "again"
    wrapped.close()
    assert log == ["closed"]
    with pytest.raises(StopIteration):
        next(wrapped)


@pytest.mark.parametrize("mode", ["timed", "marked"])
def test_nothing_runs_before_the_first_item_is_taken_and_a_generator_never_begun_has_ended_when_it_is_gone(mode: str) -> None:
    log: list[str] = []

    def lazily(_: Any) -> Iterator[int]:
        log.append("begun")
        yield 1

    follower = Follower(mode)
    wrapped = handed_on(lazily, follower)
    assert not log
    del wrapped
    assert not log
    assert [details.outcome for _, details in follower.yielded()] == (["open", "ended"] if mode == "timed" else [])


@pytest.mark.parametrize("follows", ["", "timed", "marked"])
@pytest.mark.parametrize(
    "exec_",
    [
        lambda value: [value],
        lambda value: iter([value]),
        lambda value: open(__file__),  # noqa: SIM115
        lambda value: (number for number in range(value)) if value is None else value,
    ],
    ids=["list", "list iterator", "file", "no generator"],
)
def test_what_is_not_lazy_stays_the_object_that_it_is(exec_: Callable[[Any], Any], follows: str) -> None:
    returned: list[Any] = []

    def keep(value: Any) -> Any:
        returned.append(exec_(value))
        return returned[0]

    follower = Follower(follows)
    assert handed_on(keep, follower) is returned[0]
    assert not follower.yielded()
    if hasattr(returned[0], "close"):
        returned[0].close()


def test_without_an_observer_that_asks_for_it_a_generator_stays_the_object_that_it_is() -> None:
    made = numbers(1)
    assert Graph(Node("source", exec=lambda _: made)).run(1) is made
    assert handed_on(lambda _: made, Follower("")) is made


@pytest.mark.parametrize(
    "made", [map(abs, [1]), filter(None, [1]), zip([1]), enumerate([1]), itertools.chain([1]), iter(int, 1)]
)
def test_iterators_over_functions_are_followed(made: Any) -> None:
    follower = Follower()
    wrapped = handed_on(lambda _: made, follower)
    assert inspect.isgenerator(wrapped)
    next(wrapped)
    wrapped.close()
    assert follower.resumptions() == {"source": 2}


def test_an_iterator_of_a_class_of_its_own_is_handed_on_as_it_is_and_the_observer_is_told() -> None:
    class Lines:
        line_number = 0

        def __iter__(self) -> Lines:
            return self

        def __next__(self) -> int:
            raise StopIteration

    follower = Follower()
    assert handed_on(lambda _: Lines(), follower).line_number == 0
    ((node, details),) = follower.yielded()
    assert (node, details.outcome, details.kind.rpartition(".")[2]) == ("source", "opaque", "Lines")


def test_a_node_that_only_passes_a_generator_on_does_not_count_for_it() -> None:
    follower = Follower()
    pass_on, same = Node("pass"), Node("same", exec=lambda items: items)
    Graph(Node("source", exec=numbers) >> pass_on >> same >> Node("sum", exec=sum)).observed(follower).run(5)
    assert follower.resumptions() == {"source": 6}
    follower.events.clear()
    assert Graph(pass_on >> same >> Node("sum", exec=sum)).observed(follower).run(numbers(5)) == 10
    assert not follower.yielded()


@pytest.mark.parametrize(
    "options", [{}, {"retry": Retry(1)}, {"post": lambda store, given, prepared, result: (result, "default")}]
)
def test_every_loop_hands_generators_on(options: dict[str, Any]) -> None:
    follower = Follower()
    assert Graph(Node("source", exec=numbers, **options) >> Node("sum", exec=sum)).observed(follower).run(5) == 10
    assert follower.resumptions() == {"source": 6}
    visits = [Visit.of(event) for event in follower.events if not isinstance(event[4], Yielded)]
    assert [visit.node for visit in visits] == ["source", "sum"]
    outcomes = [details.outcome for _, details in follower.yielded()]
    assert (outcomes[0], outcomes[-1]) == ("open", "ended")


def test_a_generator_in_a_route_is_handed_on_and_takes_its_route() -> None:
    follower = Follower()
    source = Node("source", exec=lambda count: Route(numbers(count), "sum"))
    assert Graph(source - "sum" >> Node("sum", exec=sum)).observed(follower).run(3) == 3
    assert follower.resumptions() == {"source": 4}


def test_nested_generators_have_each_their_own_part() -> None:
    def doubled(items: Iterator[int]) -> Iterator[int]:
        for item in items:
            spin(20_000)
            yield 2 * item

    def cheap(count: int) -> Iterator[int]:
        for number in range(count):
            spin(10_000)
            yield number

    follower = Follower()
    graph = Graph(Node("outer", exec=cheap) >> Node("inner", exec=doubled) >> Node("sum", exec=sum)).observed(follower)
    begun_s, wall_begun_s = time.thread_time(), time.perf_counter()
    graph.run(200)
    whole_s, wall_s = time.thread_time() - begun_s, time.perf_counter() - wall_begun_s
    busy_s: dict[str, float] = {}
    for node, details in follower.yielded():
        busy_s[node] = busy_s.get(node, 0.0) + details.busy_s
    assert follower.resumptions() == {"outer": 201, "inner": 201}
    assert 1.0 < busy_s["inner"] / busy_s["outer"] < 4.0  # 2 where nothing else runs; 3 with all of the other's work
    assert 0.75 * whole_s < sum(busy_s.values()) < wall_s  # which are the same where nothing else runs


def test_an_error_of_a_generator_is_the_users_own_and_its_end() -> None:
    def fails(_: Any) -> Iterator[int]:
        yield 1
        raise ValueError("from the generator")

    follower = Follower()
    with pytest.raises(NodeError, match='node "sum" failed in exec: ValueError: from the generator') as raised:
        Graph(Node("source", exec=fails) >> Node("sum", exec=sum)).observed(follower).run()
    assert isinstance(raised.value.__cause__, ValueError)
    assert follower.yielded()[-1][1].outcome == "failed"


def test_async_generators_and_coroutines_are_followed_with_their_whole_protocol() -> None:
    log: list[Any] = []

    async def echo(_: Any) -> AsyncGenerator[Any, Any]:
        given = None
        try:
            while True:
                try:
                    given = yield given
                except KeyError as error:
                    given = error.args[0]
        finally:
            log.append("closed")

    def source(value: Any) -> AsyncGenerator[Any, Any]:
        return echo(value)

    async def drive(items: AsyncGenerator[Any, Any]) -> list[Any]:
        assert inspect.isasyncgen(items)
        got = [await anext(items), await items.asend(7), await items.athrow(KeyError("thrown"))]
        await items.aclose()
        return got

    follower = Follower()
    assert Graph(Node("source", exec=source) >> Node("drive", exec=drive)).observed(follower).run() == [None, 7, "thrown"]
    assert log == ["closed"]
    assert follower.resumptions() == {"source": 3}

    async def later() -> str:
        await asyncio.sleep(0)
        return "done"

    def started(_: Any) -> Coroutine[Any, Any, str]:
        return later()

    async def awaits(given: Coroutine[Any, Any, str]) -> str:
        assert inspect.iscoroutine(given)
        return await given

    follower = Follower()
    assert Graph(Node("source", exec=started) >> Node("awaits", exec=awaits)).observed(follower).run() == "done"
    assert follower.resumptions() == {"source": 1}


def test_a_generator_that_a_worker_consumes_names_that_worker() -> None:
    item = Graph(Node("source", exec=numbers) >> Node("sum", exec=sum), name="item")
    follower = Follower()
    graph = Graph(fan_out(item, name="each")).observed(follower)
    assert graph.map([[5, 5]], workers=1) == [[10, 10]]
    from pocket_lab.executors.registry import open_pool
    from pocket_lab.graph.context import Context

    follower.events.clear()
    with open_pool("threads", 2) as pool:
        assert graph.run([5] * 4, context=Context(pool)) == [10] * 4
    workers = {details.worker for _, details in follower.yielded() if details.resumptions}
    assert workers
    assert all(worker.startswith("pocket-lab-worker") for worker in workers)
    assert threading.current_thread().name not in workers


def test_many_threads_measure_the_cost_of_a_resumption_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pocket_lab.graph.runtime.lazy_results._EVERY_S", 0.0)
    costs, before_s = _Costs(), sys.getswitchinterval()

    def refresh_often() -> None:
        for moment in range(1, 1_500):
            costs.refresh(float(moment))

    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            for done in [pool.submit(refresh_often) for _ in range(4)]:
                done.result()
    finally:
        sys.setswitchinterval(before_s)
    assert 0.0 < costs.inside_s < 1e-3
    assert 0.0 < costs.outside_s < 1e-3


def test_a_generator_in_a_worker_process_is_followed_there() -> None:
    item = Graph(Node("source", exec=numbers) >> Node("sum", exec=sum), name="item")
    follower = Follower()
    assert item.observed(follower).map([5, 6], executor="processes", workers=1) == [10, 15]
    assert follower.resumptions() == {"source": 13}
    assert all(details.worker.startswith("process ") for _, details in follower.yielded() if details.resumptions)


def test_a_generator_cannot_leave_a_worker_process_and_the_error_names_it() -> None:
    graph = Graph(Node("source", exec=numbers), name="item")
    for one in (graph, graph.observed(Follower())):
        with pytest.raises(Exception, match="generator"):
            one.map([5], executor="processes", workers=1)
