"""Threads, tasks and callbacks that a node starts run below its marker, while they are watched and no longer."""

from __future__ import annotations

import _thread
import asyncio
import concurrent.futures
import multiprocessing.pool
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pocket_lab.graph.runtime.markers import CURRENT, current_node, marked
from pocket_lab.profile.inheritance import Inheritance

Way = Callable[[Callable[[], Any]], Any]


@pytest.fixture(autouse=True)
def _inheriting() -> Iterator[None]:
    before = _functions()
    inheritance = Inheritance().start()
    yield
    inheritance.close()
    assert _functions() == before


def _functions() -> list[Any]:
    pools = [
        vars(multiprocessing.pool.ThreadPool).get(name) for name in ("apply_async", "_map_async", "imap", "imap_unordered")
    ]
    made = [concurrent.futures.ThreadPoolExecutor.__init__, multiprocessing.pool.ThreadPool.__init__]
    given = [concurrent.futures.ThreadPoolExecutor.submit, concurrent.futures.Future.add_done_callback]
    low_level = [getattr(_thread, name, None) for name in ("start_new_thread", "start_new", "start_joinable_thread")]
    return [*low_level, threading.Thread.start, asyncio.Handle._run, *made, *given, *pools]


def by_thread(function: Callable[[], Any], kind: Any = threading.Thread) -> Any:
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
    thread = kind(target=lambda: answers.put(function()))
    thread.start()
    thread.join()
    return answers.get()


class Own(threading.Thread):
    def run(self) -> None:
        super().run()


def by_own_thread(function: Callable[[], Any]) -> Any:
    return by_thread(function, Own)


def by_timer(function: Callable[[], Any]) -> Any:
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
    timer = threading.Timer(0.0, lambda: answers.put(function()))
    timer.start()
    timer.join()
    return answers.get()


def by_low_level_thread(function: Callable[[], Any]) -> Any:
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def run(put: Callable[[Any], None]) -> None:
        answer = function()
        threading._active.pop(threading.get_ident(), None)  # type: ignore[attr-defined]  # of a thread that was made in this one
        put(answer)

    _thread.start_new_thread(run, (answers.put,))
    return answers.get()


def by_pool(function: Callable[[], Any]) -> Any:
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()


def by_old_pool(function: Callable[[], Any]) -> Any:
    with multiprocessing.pool.ThreadPool(1) as pool:
        found = {
            pool.apply(function),
            *pool.map(lambda _: function(), range(3)),
            *pool.imap(func=lambda _: function(), iterable=[0]),
        }
    (answer,) = found
    return answer


def by_task(function: Callable[[], Any]) -> Any:
    async def child() -> Any:
        await asyncio.sleep(0)
        return function()

    async def main() -> Any:
        return await asyncio.create_task(child())

    return asyncio.run(main())


def by_to_thread(function: Callable[[], Any]) -> Any:
    return asyncio.run(asyncio.to_thread(function))


def by_callback(function: Callable[[], Any]) -> Any:
    async def main() -> Any:
        loop = asyncio.get_running_loop()
        answer = loop.create_future()
        loop.call_later(0.0, lambda: answer.set_result(function()))
        return await answer

    return asyncio.run(main())


def by_done_callback(function: Callable[[], Any]) -> Any:
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pool.submit(time.sleep, 0.01).add_done_callback(lambda _: answers.put(function()))
        return answers.get()


def by_next_stage(function: Callable[[], Any]) -> Any:
    """benfred/py-spy 392: a pipeline whose stages are joined by callbacks; its second stage was missing there."""
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
    with concurrent.futures.ThreadPoolExecutor(1) as first, concurrent.futures.ThreadPoolExecutor(1) as second:
        first.submit(time.sleep, 0.01).add_done_callback(fn=lambda _: second.submit(lambda: answers.put(function())))
        return answers.get()


def by_initializer(function: Callable[[], Any]) -> Any:
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
    with concurrent.futures.ThreadPoolExecutor(1, "named", lambda: answers.put(function())) as pool:
        pool.submit(int).result()
    return answers.get()


def by_old_initializer(function: Callable[[], Any]) -> Any:
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
    with multiprocessing.pool.ThreadPool(1, initializer=lambda put: put(function()), initargs=(answers.put,)):
        return answers.get()


def by_old_callback(function: Callable[[], Any]) -> Any:
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
    with multiprocessing.pool.ThreadPool(1) as pool:
        pool.apply_async(int, callback=lambda _: answers.put(function()))
        return answers.get()


WAYS = (
    by_thread,
    by_own_thread,
    by_timer,
    by_low_level_thread,
    by_pool,
    by_old_pool,
    by_task,
    by_to_thread,
    by_callback,
    by_done_callback,
    by_next_stage,
    by_initializer,
    by_old_initializer,
    by_old_callback,
)


@pytest.mark.parametrize("way", WAYS)
def test_what_a_node_starts_has_its_node(way: Way) -> None:
    assert marked(way, "starts")(current_node) == "starts"
    assert way(current_node) is None


@pytest.mark.parametrize("way", WAYS)
def test_what_that_starts_has_it_too(way: Way) -> None:
    assert marked(by_pool, "starts")(lambda: way(current_node)) == "starts"
    assert marked(way, "starts")(lambda: by_thread(current_node)) == "starts"


@pytest.mark.parametrize("way", [asyncio.sleep, asyncio.to_thread], ids=["sleep", "to_thread"])
def test_a_task_has_the_node_of_a_visit_no_longer_when_that_has_ended(way: Any) -> None:
    async def visit() -> Any:
        await (way(0.001) if way is asyncio.sleep else way(int))
        return current_node(), await asyncio.create_task(child())

    async def child() -> str | None:
        await asyncio.sleep(0)
        return current_node()

    async def main() -> list[Any]:
        found = [await marked(visit, "first")(), current_node()]
        return [
            *found,
            await asyncio.to_thread(current_node),
            await marked(visit, "second")(),
            await asyncio.create_task(child()),
        ]

    assert asyncio.run(main()) == [("first", "first"), None, None, ("second", "second"), None]


def test_a_pool_serves_each_node_by_its_own_name() -> None:
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        found = [marked(pool.submit, name)(current_node).result() for name in ("a", "b")]
        assert [*found, pool.submit(current_node).result()] == ["a", "b", None]
        assert [pool.submit(CURRENT.get).result()] == [None]


def test_a_thread_that_is_started_at_a_low_level_has_the_hooks_of_new_threads() -> None:
    seen: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def hook(frame: Any, event: str, argument: Any) -> None:
        sys.setprofile(None)
        seen.put(event)

    before = threading.getprofile()
    threading.setprofile(hook)
    try:
        marked(by_low_level_thread, "n")(int)
    finally:
        threading.setprofile(before)  # type: ignore[arg-type]
    assert seen.get(timeout=5)


def test_a_thread_object_is_as_it_was() -> None:
    thread = Own(target=current_node)
    before = thread.__dict__.keys()
    marked(thread.start, "n")()
    thread.join()
    assert "run" not in thread.__dict__
    assert thread.__dict__.keys() <= before
    with pytest.raises(RuntimeError, match="once"):
        marked(thread.start, "n")()


def test_what_the_target_has_put_on_top_stays_and_works() -> None:
    calls = []
    inheritance = Inheritance().start()
    ours = threading.Thread.start

    def counted(thread: threading.Thread) -> None:
        calls.append(thread)
        ours(thread)

    threading.Thread.start = counted  # type: ignore[method-assign]
    try:
        assert marked(by_thread, "n")(current_node) == "n"
        inheritance.close()
        assert threading.Thread.start is counted
        assert marked(by_thread, "n")(current_node) == "n"  # the fixture's
        assert len(calls) == 2
    finally:
        threading.Thread.start = ours.__wrapped__  # type: ignore[attr-defined,method-assign]


def test_the_arguments_of_what_is_called_stay_as_they_are() -> None:
    def work(*args: Any, **options: Any) -> Any:
        return args, options

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        given = {"func": print, "callback": len, "fn": repr}
        args, options = marked(pool.submit, "n")(work, sorted, **given).result()
    assert args == (sorted,)
    assert options == given


def test_errors_and_results_pass_through() -> None:
    def fails() -> None:
        raise ValueError("own")

    with pytest.raises(ValueError, match="own"):
        marked(by_pool, "n")(fails)
    with pytest.raises(TypeError):
        concurrent.futures.ThreadPoolExecutor(1).submit()  # type: ignore[call-arg]
