"""Pools on a `concurrent.futures.Executor`, and the threads of this process as one."""

from __future__ import annotations

import contextvars
import threading
import time
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import Any

from pocket_lab.errors import Cancelled, DeadlineExceeded, UsageError
from pocket_lab.executors.chunks import Chunks
from pocket_lab.executors.outcome import Outcome
from pocket_lab.executors.pool import Call, Check, Pool, T, attempt

_CHUNKS_AHEAD = 16
_CHECK_EVERY_S = 0.05
MEETING_S = 60.0  # in which every worker comes to be asked


class ConcurrentPool(Pool):
    """Chunks of items on a `concurrent.futures.Executor`, ordered, with a bounded number ahead of the oldest."""

    def __init__(self, size: int) -> None:
        if size < 1:
            raise UsageError(f"{self.name}: {size} workers make no pool, use at least 1")
        self.size = size
        self._executor: Executor | None = None

    @abstractmethod
    def _open(self) -> Executor: ...

    def _opened(self) -> Executor:
        if self._executor is None:
            self._executor = self._open()
        return self._executor

    @abstractmethod
    def _submit(self, executor: Executor, function: Call, start: int, chunk: list[Any]) -> Future[Any]: ...

    def _in_flight(self, workers: int | None) -> int:
        if workers is not None and workers < 1:
            raise UsageError(f"{self.name}: {workers} workers do no work, use at least 1")
        return min(workers or self.size, self.size)

    def imap(
        self, function: Call, items: Iterable[Any], workers: int | None = None, check: Check | None = None
    ) -> Iterator[Outcome]:
        """As `Pool.imap`; leaving it early drops what has not started and waits for what has."""
        executor = self._opened()
        most = self._in_flight(workers)
        chunks = Chunks(items, most)
        arrived: SimpleQueue[tuple[int, Future[Any]]] = SimpleQueue()
        in_flight: dict[int, Future[Any]] = {}
        ready: dict[int, list[Outcome]] = {}
        oldest = 0
        try:
            while True:
                while len(in_flight) < most and len(ready) < _CHUNKS_AHEAD * most and (taken := chunks.take()):
                    start, chunk = taken
                    future = in_flight[start] = self._submit(executor, function, start, chunk)
                    future.add_done_callback(lambda done, start=start: arrived.put((start, done)))  # type: ignore[misc]
                if not in_flight:
                    return
                start, done = arrived.get() if check is None else _wait(arrived, check)
                del in_flight[start]
                if check is not None:
                    check()
                ready[start], seconds = self._outcomes(done)
                chunks.timed(len(ready[start]), seconds)
                while oldest in ready:
                    outcomes = ready.pop(oldest)
                    oldest += len(outcomes)
                    yield from outcomes
        except (KeyboardInterrupt, Cancelled, DeadlineExceeded):
            self._interrupt()
            raise
        finally:
            _settle(in_flight, arrived)

    def _outcomes(self, done: Future[Any]) -> tuple[list[Outcome], float]:
        """The outcomes of a chunk, and the seconds that it took."""
        outcomes: tuple[list[Outcome], float] = done.result()
        return outcomes

    def _interrupt(self) -> None:
        """Stop what is in flight where that is possible (a thread cannot be stopped from outside)."""

    def close(self) -> None:
        """Let the threads go once their tasks end."""
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(wait=True, cancel_futures=True)


class ThreadPool(ConcurrentPool):
    """Threads of this process: they share memory, and the interpreter lock."""

    name = "threads"

    def _open(self) -> Executor:
        return ThreadPoolExecutor(self.size, thread_name_prefix="pocket-lab-worker")

    def everywhere(self, function: Callable[[], T]) -> list[T]:
        """What the function returns, called once in each thread: none comes back before all have come."""
        meeting = threading.Barrier(self.size)

        def once() -> T:
            meeting.wait(MEETING_S)
            return function()

        executor = self._opened()
        return [future.result() for future in [executor.submit(once) for _ in range(self.size)]]

    def _submit(self, executor: Executor, function: Call, start: int, chunk: list[Any]) -> Future[Any]:
        return executor.submit(contextvars.copy_context().run, run_chunk, function, start, chunk)


def run_chunk(function: Call, start: int, chunk: list[Any]) -> tuple[list[Outcome], float]:
    """The outcomes of a chunk of items, and the seconds that it took."""
    begun = time.perf_counter()
    return [attempt(function, index, item) for index, item in enumerate(chunk, start)], time.perf_counter() - begun


def _wait(arrived: SimpleQueue[tuple[int, Future[Any]]], check: Check) -> tuple[int, Future[Any]]:
    while True:
        try:
            return arrived.get(timeout=_CHECK_EVERY_S)
        except Empty:
            check()


def _settle(in_flight: dict[int, Future[Any]], arrived: SimpleQueue[tuple[int, Future[Any]]]) -> None:
    """Drop what has not started and wait for what has, so that nothing runs on behind the caller's back."""
    waiting = sum(not future.cancel() for future in in_flight.values())
    while waiting:
        _, future = arrived.get()
        waiting -= not future.cancelled()
