"""An event loop for plain code, in this thread or, where one is running here, in a helper thread."""

from __future__ import annotations

import asyncio
import contextvars
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from pocket_lab.executors.event_loop import Loop, is_running
from pocket_lab.executors.faults.foreign import answer_of
from pocket_lab.executors.tasks import TaskPool

FAR_S = 30.0
VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


def outside(call: Callable[[], Any]) -> Any:
    return contextvars.copy_context().run(call)


def inside(call: Callable[[], Any]) -> Any:
    async def main() -> Any:
        return call()

    return asyncio.run(main())


@pytest.fixture(params=[outside, inside])
def called(request: pytest.FixtureRequest) -> Callable[[Callable[[], Any]], Any]:
    """A caller outside a running loop, and one inside."""
    return request.param  # type: ignore[no-any-return]


def run(coroutine_function: Callable[[], Any]) -> Any:
    with Loop() as loop:
        return loop.run(coroutine_function())


def test_a_pool_calls_everywhere_where_its_tasks_run() -> None:
    async def thread() -> int:
        return threading.get_ident()

    def threads() -> tuple[list[int], int]:
        with TaskPool(2) as pool:
            assert pool.loop is not None
            return pool.everywhere(threading.get_ident), pool.loop.run(thread())

    assert outside(threads) == ([], threading.get_ident())
    called, ran = inside(threads)
    assert called == [ran] != [threading.get_ident()]


def test_a_loop_is_seen_only_by_what_it_runs() -> None:
    assert (outside(is_running), inside(is_running)) == (False, True)


def test_results_and_errors_come_back(called: Any) -> None:
    async def work() -> int:
        await asyncio.sleep(0)
        return 3

    async def fails() -> None:
        await asyncio.sleep(0)
        raise LookupError("no")

    assert called(lambda: run(work)) == 3
    with pytest.raises(LookupError, match="no"):
        called(lambda: run(fails))


def test_the_loop_is_one_for_as_long_as_the_context_manager_lives(called: Any) -> None:
    async def where() -> tuple[int, int]:
        return id(asyncio.get_running_loop()), threading.get_ident()

    def work() -> tuple[Any, Any, int]:
        with Loop() as loop:
            return loop.run(where()), loop.run(where()), threading.get_ident()

    one, other, here = called(work)
    assert one == other
    assert (one[1] == here) == (called is outside)


def test_a_loop_inside_what_a_loop_runs_is_another_one(called: Any) -> None:
    async def inner() -> str:
        return "inner"

    async def outer() -> str:
        return "outer " + run(inner)

    assert called(lambda: run(outer)) == "outer inner"


def test_context_variables_are_those_of_each_call(called: Any) -> None:
    async def read() -> str:
        seen = VARIABLE.get()
        VARIABLE.set("changed inside")
        return seen

    def work() -> list[str]:
        seen = []
        with Loop() as loop:
            for text in ("one", "two"):
                VARIABLE.set(text)
                seen += [loop.run(read()), loop.run(read()), VARIABLE.get()]
        return seen

    assert called(work) == ["one", "one", "one", "two", "two", "two"]


def test_leaving_cancels_what_the_coroutines_left_running_and_waits_for_it(called: Any) -> None:
    ended: list[str] = []

    async def endless() -> None:
        try:
            await asyncio.sleep(FAR_S)
        finally:
            await asyncio.sleep(0.01)
            ended.append("ended")

    kept: list[Any] = []

    async def start() -> None:
        kept.append(asyncio.create_task(endless()))
        await asyncio.sleep(0)

    start_s = time.monotonic()
    called(lambda: run(start))
    assert ended == ["ended"]
    assert time.monotonic() - start_s < FAR_S / 2


def test_a_coroutine_that_is_cancelled_from_inside_is_a_cancelled_error(called: Any) -> None:
    async def gives_up() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        called(lambda: run(gives_up))


def test_a_loop_that_runs_nothing_leaves_nothing(called: Any) -> None:
    def work() -> None:
        with Loop():
            pass
        Loop()

    called(work)


def test_it_works_in_a_thread_that_is_not_the_main_one(called: Any) -> None:
    async def work() -> str:
        return threading.current_thread().name

    seen: list[str] = []
    thread = threading.Thread(target=lambda: seen.append(called(lambda: run(work))), name="mine")
    thread.start()
    thread.join(20)
    assert seen == ["mine" if called is outside else "pocket-lab-loop"]


def test_an_interrupt_cancels_the_coroutine_and_waits_until_it_has_ended(called: Any) -> None:
    """Inside a running loop asyncio handles Ctrl-C: it cancels the main task of that loop, which is the task of this test."""
    events: list[str] = []

    async def endless() -> None:
        try:
            await asyncio.sleep(FAR_S)
        except asyncio.CancelledError:
            events.append("cancelled")
            await asyncio.sleep(0.05)
            events.append("cleaned up")
            raise

    def work() -> None:
        with Loop() as loop:
            main = threading.get_ident()
            timer = threading.Timer(0.2, lambda: signal.pthread_kill(main, signal.SIGINT))
            previous = signal.signal(signal.SIGINT, signal.default_int_handler)  # as the kernel of a notebook has it
            timer.start()
            try:
                with pytest.raises(KeyboardInterrupt):
                    loop.run(endless())
                events.append("raised")
            finally:
                signal.signal(signal.SIGINT, previous)
                timer.join()

    start_s = time.monotonic()
    called(work)
    assert events == ["cancelled", "cleaned up", "raised"]
    assert time.monotonic() - start_s < FAR_S / 2


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_interrupt_raised_inside_reaches_the_caller_and_is_not_blocked(called: Any, error: Any) -> None:
    async def interrupted() -> None:
        await asyncio.sleep(0.001)
        raise error("mine")

    async def waits_for_another() -> None:
        await asyncio.gather(asyncio.create_task(interrupted()), asyncio.sleep(FAR_S))

    events: list[Any] = []

    def work(coroutine_function: Any) -> None:
        try:
            events.append(called(lambda: run(coroutine_function)))
        except BaseException as raised:
            events.append(repr(raised))

    for coroutine_function in (interrupted, waits_for_another):
        thread = threading.Thread(target=work, args=[coroutine_function], daemon=True)
        thread.start()
        thread.join(5)
    assert events == [f"{error.__name__}('mine')"] * 2


def test_a_loop_made_outside_is_usable_where_a_loop_has_started_meanwhile() -> None:
    async def work() -> int:
        return 3

    with Loop() as loop:
        assert loop.run(work()) == 3
        assert inside(lambda: loop.run(work())) == 3
        assert loop.run(work()) == 3


def test_an_interrupt_of_a_loop_is_over_with_it_and_a_later_one_of_a_foreign_class_is_not_taken_for_it() -> None:
    async def interrupted() -> None:
        signal.raise_signal(signal.SIGINT)
        await asyncio.sleep(FAR_S)

    def of_its_own() -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Loop() as loop:
        loop.run(interrupted())
    assert answer_of(of_its_own, lambda: "no answer") == "no answer"
