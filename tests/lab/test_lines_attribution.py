"""Whatever runs because of a node counts for it: decorators, functions inside it, its threads and tasks, code made by exec."""

from __future__ import annotations

import asyncio
import functools
import re
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import ThreadPool
from typing import Any
from unittest.mock import MagicMock, Mock

import pytest
from layered import OwnRun, Workshop, area, counted, many, tally, twice, use

from pocket_lab import Graph, MapReduce, Node, Retry, fan_in, fan_out, lines, node

EXECUTORS = ["serial", "threads", "processes"]


def hits(frame: Any, text: str, **where: str) -> list[int]:
    """The hits of each row whose source has this text."""
    for column, value in where.items():
        frame = frame[frame[column] == value]
    found: list[int] = frame[frame["source"].str.contains(text, regex=False)]["hits"].tolist()
    return found


def of_line(frame: Any, node_: str, line: int) -> list[int]:
    found: list[int] = frame[(frame["node"] == node_) & (frame["line"] == line)]["hits"].tolist()
    return found


def here(target: Any, **options: Any) -> Any:
    return lines(target, isolation="kernel", **options).frame


def made_by_exec(text: str) -> Any:
    names: dict[str, Any] = {}
    exec(text, names)
    return names["made"]


@pytest.fixture(scope="module")
def profile() -> Any:
    """One profile on every executor, in which each node runs for six items."""
    one = Node("one", exec=made_by_exec("def made(n):\n    total = 0\n    for i in range(3): total += i\n    return n\n"))
    two = Node("two", exec=made_by_exec("#\ndef made(n):\n    other = 1\n    return n\n"))
    graph = Graph(counted >> fan_out(Graph(twice >> tally >> use >> many >> one >> two)))
    return lines(graph, size=6, also=[Workshop, area, OwnRun], executors=EXECUTORS, workers=2)


@pytest.fixture(params=EXECUTORS)
def executor(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_the_lines_of_each_decorator_count_for_each_node(profile: Any, executor: str) -> None:
    frame = profile.frame[profile.frame["executor"] == executor]
    for name, calls in (("counted", [1]), ("twice", [6, 6]), ("tally", [6])):
        assert hits(frame, "layer = args", node=name) == calls
        assert hits(frame, "return function(*layer)  # of the layer", node=name) == calls
    assert hits(frame, "kept = args", node="tally") == [6]
    assert hits(frame, "return value + 100") == [6]
    assert hits(frame, "return value + 200") == [6]
    inside = frame.set_index("source")["inside"].to_dict()
    assert inside["    return value + 200"] == "Kept.__call__"


def test_threads_with_a_run_of_their_own_count(profile: Any, executor: str) -> None:
    frame = profile.frame[profile.frame["executor"] == executor]
    assert hits(frame, "# in the thread") == [12]
    assert hits(frame, "super().__init__()") == [12]


def test_functions_of_exec_have_their_own_hits_and_no_source(profile: Any, executor: str) -> None:
    frame = profile.frame[profile.frame["executor"] == executor]
    assert [of_line(frame, "one", line) for line in (2, 4)] == [[6], [6]]
    assert [of_line(frame, "two", line) for line in (3, 4)] == [[6], [6]]
    assert set(frame[frame["file"] == "<string>"]["source"]) == {""}
    (note,) = [caveat.message for caveat in profile.caveats if caveat.code == "no-source"]
    assert note.startswith('no source is known for made of "one", made of "two" (in <string>)')


def test_every_kind_of_method_is_followed_as_a_helper(profile: Any, executor: str) -> None:
    frame = profile.frame[profile.frame["executor"] == executor]
    for text in ("of_class", "static", "getter", "setter", "kept", "turn any", "turn int", "area int", "area str", "deep"):
        assert hits(frame, f"# {text}") == [6], text
    assert hits(frame, "# plain") == [12], "called by a partialmethod, too"
    assert hits(frame, "# area any") == [0]


def test_a_descriptor_alone_is_followed_in_the_measuring_process() -> None:
    also = [Workshop.state, vars(Workshop)["kept"], Workshop().turn]
    frame = lines(use, size=1, also=also).frame
    assert [hits(frame, f"# {text}") for text in ("getter", "setter", "kept", "turn int")] == [[1]] * 4
    assert not hits(frame, "# deep")


def test_functions_inside_a_node_have_their_own_lines() -> None:
    @node
    def outside(n: int) -> int:
        def inner(i: int) -> int:
            y = i + 1
            return y  # noqa: RET504

        doubled = lambda i: (  # noqa: E731
            i * 2
        )

        class Local:
            def method(self) -> int:
                return 7

        def lazily() -> Any:
            for i in range(n):
                yield i * 3

        squares = [
            i**2
            for i in range(n)
        ]  # fmt: skip
        return sum(inner(i) + doubled(i) + Local().method() for i in range(n)) + sum(lazily()) + sum(squares)

    frame = here(outside, size=50)
    for text in ("y = i + 1", "return y", "i * 2", "return 7", "yield i * 3", "i**2"):
        assert hits(frame, text) == [50], text
    assert hits(frame, "for i in range(n):") == [51]
    assert hits(frame, "def inner") == [1]
    total = hits(frame, "return sum(inner(i)")
    assert total[0] == 1, "the line itself, then the generator expression on it"
    assert len(total) == 2
    assert frame[frame["inside"] == ""]["share"].sum() == pytest.approx(1.0)


def test_decorators_that_keep_no_name_and_functions_of_combinators() -> None:
    def unnamed(function: Callable[..., Any]) -> Callable[..., Any]:
        def layer(*args: Any) -> Any:
            return function(*args)  # unnamed

        return layer

    def total(values: list[int]) -> int:
        return sum(values)  # total

    def each(value: int) -> int:
        return value * 5

    first = Node("a", exec=unnamed(each)) >> fan_in(total, Node("b", exec=each)) >> Node("c", exec=lambda n: [n])
    frame = here(Graph(first >> MapReduce(None, unnamed(each), total, name="reduced")), size=3)
    assert hits(frame, "return function(*args)  # unnamed", node="a") == [1]
    assert sum(hits(frame, "return sum(values)")) == 2
    assert sum(hits(frame, "return value * 5")) == 3


def test_threads_and_tasks_that_a_node_starts_count() -> None:
    with ThreadPoolExecutor(2) as ready:  # its threads run before the lines are counted
        list(ready.map(abs, range(20)))

        @node
        def own(n: int) -> int:
            def work(i: int) -> int:
                return i + 11

            def inner_of_a_thread() -> None:
                work(0)

            threads = [threading.Thread(target=inner_of_a_thread) for _ in range(n)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            with ThreadPoolExecutor(2) as pool, ThreadPool(2) as other:
                done = sum(pool.map(work, range(n))) + sum(other.map(work, range(n)))
            later = [ready.submit(work, i) for i in range(n)]
            return done + sum(future.result() for future in later) + asyncio.run(tasks(n))

        async def tasks(n: int) -> int:
            def in_a_thread(i: int) -> int:
                return i + 12

            async def task(i: int) -> int:
                await asyncio.sleep(0)
                return i + 13

            moved = [asyncio.to_thread(in_a_thread, i) for i in range(n)]
            return sum(await asyncio.gather(*moved, *(task(i) for i in range(n))))

        frame = here(own, size=9)
        again = here(own, size=9)
    for found in (frame, again):
        assert hits(found, "return i + 11") == [4 * 9]
        assert hits(found, "return i + 12") == [9]
        assert hits(found, "return i + 13") == [9]
        assert hits(found, "await asyncio.sleep(0)") == [9]
    assert threading.Thread.start.__module__ == "threading"
    assert sys.gettrace() is None


def test_dispatch_classes_partials_and_mocks_as_nodes() -> None:
    class Made:
        def __init__(self, value: int) -> None:
            self.value = value  # made

        def __call__(self, value: int) -> int:
            return value  # called

    service = Mock(return_value=3, side_effect=lambda value: value + 21)
    graph = Graph(
        Node("dispatch", exec=area)
        >> Node("partial", exec=functools.partial(lambda other, value: 1, 1))
        >> Node("mock", exec=service)
        >> Node("magic", exec=MagicMock(return_value=4))
        >> Node("object", exec=Made(1))
        >> Node("class", exec=Made)
    )
    frame = here(graph, size=1)
    assert hits(frame, "# area int", node="dispatch") == [1]
    assert hits(frame, "value + 21", node="mock")[-1] == 1
    assert hits(frame, "# called", node="object") == [1]
    assert hits(frame, "# made", node="class") == [1]
    assert frame[frame["node"] == "partial"]["hits"].sum() >= 1
    assert frame[frame["node"].str.contains("magic")]["hits"].sum() >= 1


def test_hooks_and_every_phase_count() -> None:
    def noted(store: Any) -> None:
        store.set("noted", True)

    def failing(value: int) -> int:
        raise ValueError("always")

    def instead(value: int, error: Exception) -> int:
        return 5  # instead

    graph = Graph(Node("a", exec=failing, fallback=instead, on_complete=noted, retry=Retry(2)))
    frame = here(graph, size=1)
    assert hits(frame, 'raise ValueError("always")') == [3]
    assert hits(frame, "# instead") == [1]
    assert hits(frame, 'store.set("noted", True)') == [1]


def test_async_nodes_are_counted_in_place_inside_a_running_loop() -> None:
    @node
    async def later(item: int) -> int:
        def inner() -> int:
            return item + 31

        await asyncio.sleep(0)
        return inner()

    async def measure() -> Any:
        return here(
            Graph(Node("split", exec=lambda n: list(range(n))) >> fan_out(later)), size=8, executor="asyncio", workers=3
        )

    inside, outside = asyncio.run(measure()), lines(later, size=1, isolation="kernel").frame
    assert hits(inside, "return item + 31") == hits(inside, "await asyncio.sleep(0)") == hits(inside, "return inner()") == [8]
    assert hits(outside, "return item + 31") == [1]


def test_a_function_that_sets_a_trace_function_is_counted_before_and_after() -> None:
    def debugging(size: int) -> int:
        found = sys.gettrace()
        sys.settrace(lambda *_: None)
        size += 1  # traced by another
        sys.settrace(found)
        for _ in range(3):
            size += 2
        return size

    assert hits(here(debugging, size=1), "size += 2") == [3]


def test_lines_that_ran_after_the_target_took_tracing_away_have_no_hits_and_a_caveat_says_so() -> None:
    def untraced(size: int) -> int:
        size += 1
        sys.settrace(None)
        size += 2
        return size

    def in_threads(size: int) -> int:
        threads = [threading.Thread(target=untraced, args=(size,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return size

    (found, threads) = (lines(target, size=1) for target in (untraced, in_threads))
    said = [[caveat.message for caveat in result.caveats if caveat.code == "line-untraced"] for result in (found, threads)]
    assert hits(found.frame, "size += 1") == [1]
    if sys.version_info >= (3, 12):  # line_profiler uses sys.monitoring
        assert hits(found.frame, "size += 2") == [1]
        assert said == [[], []]
    else:
        assert ["in a thread the target has set another trace function" in text for text in said[0]] == [True]
        assert ["in 2 threads the target has set another trace function" in text for text in said[1]] == [True]


def test_the_time_of_a_helper_counts_once() -> None:
    def helper(value: int) -> int:
        def inner(value: int) -> int:
            return sum(range(value))

        return inner(value)

    @node
    def work(value: int) -> int:
        return helper(value)

    result = lines(work, size=200_000, also=helper)
    frame = result.frame
    outermost = frame[frame["inside"] == ""]
    assert set(outermost["node"]) == {"work"}
    assert outermost["share"].sum() == pytest.approx(1.0)
    of_helper = frame[frame["inside"] == "(its callers)"]
    assert of_helper["time_s"].sum() <= outermost["time_s"].sum()
    assert of_helper["share"].sum() <= 1
    html = result.to_html()
    name = "test_the_time_of_a_helper_counts_once.<locals>.helper()"
    assert frame[(frame["node"] == name) & (frame["inside"] == f"{name[:-2]}")]["time_s"].sum() > 0
    assert "100 %" in html


def fibonacci(n: int) -> int:
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def in_threads(n: int) -> int:
    together = threading.Barrier(4)

    def work() -> None:
        together.wait()
        time.sleep(n / 1000)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return n


async def suspended(n: int) -> int:
    async def inner() -> int:
        await asyncio.sleep(0)
        return sum(range(n))

    return await inner()


@pytest.mark.parametrize(
    ("target", "also", "size"),
    [(fibonacci, (), 12), (Node("calls", exec=lambda n: fibonacci(n)), fibonacci, 12), (in_threads, (), 50)],
    ids=["recursive node", "recursive helper", "threads"],
)
def test_no_share_is_above_one_and_what_it_is_of_is_said(target: Any, also: Any, size: int) -> None:
    result = lines(target, size=size, also=also, isolation="kernel")
    frame = result.frame
    assert frame["share"].max() <= 1
    whole_s = max(frame[frame["inside"] == ""]["time_s"].sum(), frame.groupby(["node", "function"])["time_s"].sum().max())
    assert frame["share"].to_list() == pytest.approx((frame["time_s"] / whole_s).to_list())
    assert [c.code for c in result.caveats].count("line-share") == (target is not fibonacci)
    percents = [int(found) for found in re.findall(r"(\d+) %", result.to_html() + str(result))]
    assert max(percents) <= 100


def test_lines_beyond_an_await_have_no_share_above_one() -> None:
    result = lines(Node("suspended", exec=suspended), size=200_000, isolation="kernel")
    assert result.frame["share"].max() <= 1
    (caveat,) = [caveat for caveat in result.caveats if caveat.code == "line-share"]
    assert "the lines of inner add up to" in caveat
