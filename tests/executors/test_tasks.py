"""Items as tasks of an event loop: in order, bounded, and ended together."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Iterable
from contextlib import aclosing
from typing import Any

import pytest

from pocket_lab.errors import UsageError
from pocket_lab.executors.outcome import Outcome
from pocket_lab.executors.registry import open_pool
from pocket_lab.executors.tasks import TaskPool, imap_on_loop

FAR_S = 30.0


def outcomes(function: Callable[[Any], Any], items: Iterable[Any], workers: int = 3) -> list[Outcome]:
    async def collect() -> list[Outcome]:
        return [outcome async for outcome in imap_on_loop(function, items, workers)]

    return asyncio.run(asyncio.wait_for(collect(), FAR_S / 5))


async def double(item: int) -> int:
    await asyncio.sleep(0)
    return item * 2


@pytest.mark.parametrize("workers", [1, 2, 100])
def test_results_keep_the_order_of_the_items_whatever_each_takes(workers: int) -> None:
    async def slow_first(item: int) -> int:
        await asyncio.sleep(0.02 if item == 0 else 0.0)
        return item

    for items in (range(50), iter(range(50))):
        found = outcomes(slow_first, items, workers)
        assert [(outcome.index, outcome.value) for outcome in found] == [(number, number) for number in range(50)]
    assert outcomes(double, []) == []


def test_an_error_is_the_outcome_of_its_item_and_the_others_go_on() -> None:
    async def invert(item: int) -> int:
        await asyncio.sleep(0)
        return 12 // item

    found = outcomes(invert, [3, 0, 4, 0, 6])
    assert [outcome.value for outcome in found] == [4, None, 3, None, 2]
    assert [outcome.index for outcome in found if isinstance(outcome.error, ZeroDivisionError)] == [1, 3]


@pytest.mark.parametrize("workers", [1, 4])
def test_as_many_are_in_flight_as_there_are_workers_and_never_more(workers: int) -> None:
    now = most = 0

    async def count(item: int) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.001)
        now -= 1

    outcomes(count, range(40), workers)
    assert (now, most) == (0, workers)


def test_an_endless_input_is_read_only_as_far_as_needed() -> None:
    read: list[int] = []
    endless = (read.append(item) or item for item in itertools.count())  # type: ignore[func-returns-value]

    async def slow_first(item: int) -> int:
        await asyncio.sleep(0.2 if item == 0 else 0.0)
        return item

    async def first() -> list[int]:
        async with aclosing(imap_on_loop(slow_first, endless, 2)) as arriving:
            return [(await anext(arriving)).value for _ in range(5)]

    assert asyncio.run(first()) == [0, 1, 2, 3, 4]
    assert len(read) <= 5 + 20 * 2


class Endless:
    """Waits forever from the second item on, and cleans up slowly."""

    def __init__(self) -> None:
        self.begun, self.ended = 0, 0

    async def __call__(self, item: int) -> int:
        if item == 0:
            return item
        self.begun += 1
        try:
            await asyncio.sleep(FAR_S)
        finally:
            await asyncio.sleep(0.01)
            self.ended += 1
        return item


def test_leaving_early_cancels_what_is_running_and_waits_for_it() -> None:
    endless = Endless()

    async def first() -> int:
        async with aclosing(imap_on_loop(endless, range(9), 3)) as arriving:
            return (await anext(arriving)).value  # type: ignore[no-any-return]

    assert asyncio.run(first()) == 0
    assert endless.begun == endless.ended > 0


def test_cancelling_the_consumer_cancels_what_is_running_and_waits_for_it() -> None:
    endless = Endless()

    async def main() -> None:
        async def consume() -> None:
            async for _ in imap_on_loop(endless, range(9), 3):
                pass

        task = asyncio.create_task(consume())
        while endless.begun < 3:
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert endless.begun == endless.ended == 3

    asyncio.run(main())


def test_an_input_that_fails_on_the_way_raises_its_own_error_and_ends_the_others() -> None:
    endless = Endless()

    def source() -> Any:
        yield from (0, 1, 2)
        raise LookupError("the source")

    with pytest.raises(LookupError, match="the source"):
        outcomes(endless, source(), workers=9)
    assert endless.begun == endless.ended


def test_a_task_that_cancels_itself_does_not_leave_the_consumer_waiting_for_ever() -> None:
    async def gives_up(item: int) -> int:
        if item == 1:
            raise asyncio.CancelledError
        return item

    async def main() -> Any:
        async def collect() -> list[Outcome]:
            return [outcome async for outcome in imap_on_loop(gives_up, range(3), 3)]

        done, waiting = await asyncio.wait([asyncio.create_task(collect())], timeout=2.0)
        for task in waiting:
            task.cancel()
        return bool(done)

    assert asyncio.run(main()), "it hangs"


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_does_not_wait_for_the_items_before_it(error: type[BaseException]) -> None:
    async def interrupted(item: int) -> None:
        if item == 1:
            raise error("mine")
        await asyncio.sleep(FAR_S / 10)

    async def consume() -> None:
        async for outcome in imap_on_loop(interrupted, range(3), 3):
            outcome.get()

    start_s = time.monotonic()
    with pytest.raises(error, match="mine"):
        asyncio.run(consume())
    assert time.monotonic() - start_s < FAR_S / 20


@pytest.mark.parametrize("workers", [0, -1])
def test_less_than_one_worker_loses_no_item_in_silence(workers: int) -> None:
    with pytest.raises(UsageError, match=f"{workers}"):
        outcomes(double, [1, 2], workers)


def test_the_pool_keeps_one_loop_for_its_life_and_none_after_it() -> None:
    with open_pool("asyncio", 7) as pool:
        assert isinstance(pool, TaskPool)
        assert (pool.name, pool.size) == ("asyncio", 7)
        loop = pool.loop
        assert loop is not None
        assert loop.run(double(4)) == 8
        assert pool.loop is loop
    assert pool.loop is None
    pool.close()


def test_a_plain_function_runs_in_place_on_the_pool() -> None:
    with open_pool("asyncio", 2) as pool:
        assert [outcome.value for outcome in pool.imap(abs, [-1, -2])] == [1, 2]


@pytest.mark.parametrize("size", [0, -1])
def test_a_pool_of_less_than_one_task_is_a_usage_error(size: int) -> None:
    with pytest.raises(UsageError, match=f"asyncio: {size} workers make no pool, use at least 1"):
        TaskPool(size)
