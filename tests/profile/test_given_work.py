"""What threads are given is wrapped, and nothing else is."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import ThreadPool
from typing import Any

from pocket_lab.profile.given_work import GivenWork


def work(value: Any = None, callback: Any = None) -> Any:
    return value, callback


class OwnRun(threading.Thread):
    def run(self) -> None:
        work()


def test_each_function_is_wrapped_once_until_the_end() -> None:
    wrapped: list[Any] = []

    def wrap(function: Callable[..., Any]) -> Callable[..., Any]:
        wrapped.append(function)
        return function

    originals = [threading.Thread.start, ThreadPoolExecutor.submit, ThreadPool.imap]
    given = GivenWork(wrap)
    given.start()
    try:
        with ThreadPoolExecutor(1, initializer=work) as pool, ThreadPool(1) as other:
            wrapped.clear()
            pool.submit(work, 1).add_done_callback(work)
            assert pool.submit(work, 2, callback=work).result() == (2, work), "the argument of a function is its own"
            assert other.apply_async(work, (3,), callback=print).get() == (3, None)
            assert other.map(work, [4, 5]) == [(4, None), (5, None)]
            assert list(other.imap(func=work, iterable=[6])) == [(6, None)]
            for thread in (threading.Thread(target=work), OwnRun()):
                thread.start()
                thread.join()
        assert [function for function in wrapped if function in (work, print)] == [work] * 3 + [work, print] + [work] * 3
        assert wrapped[-1].__func__ is OwnRun.run
    finally:
        given.close()
    assert [threading.Thread.start, ThreadPoolExecutor.submit, ThreadPool.imap] == originals
