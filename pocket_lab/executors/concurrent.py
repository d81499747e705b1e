"""What the pools on a `concurrent.futures.Executor` share: chunks in flight, ordered outcomes, and how a call ends early."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, Future
from queue import Empty, SimpleQueue
from typing import Any

from pocket_lab.errors import Cancelled, DeadlineExceeded, UsageError
from pocket_lab.executors.chunks import Chunks
from pocket_lab.executors.outcome import Outcome, attempt
from pocket_lab.executors.pool import Call, Check, Pool

_CHUNKS_AHEAD = 16
_CHECK_EVERY_S = 0.05
RENDEZVOUS_TIMEOUT_S = 60.0  # for all workers to arrive at a call of `everywhere`


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

    def _tasks_in_flight(self, workers: int | None) -> int:
        if workers is not None and workers < 1:
            raise UsageError(f"{self.name}: {workers} workers do no work, use at least 1")
        return min(workers or self.size, self.size)

    def imap(
        self, function: Call, items: Iterable[Any], workers: int | None = None, check: Check | None = None
    ) -> Iterator[Outcome]:
        """As `Pool.imap`; closing the iterator early cancels pending chunks and waits for running ones."""
        executor = self._opened()
        most = self._tasks_in_flight(workers)
        chunks = Chunks(items, most)
        finished: SimpleQueue[tuple[int, Future[Any]]] = SimpleQueue()
        in_flight: dict[int, Future[Any]] = {}
        ready: dict[int, list[Outcome]] = {}
        oldest = 0
        try:
            while True:
                while len(in_flight) < most and len(ready) < _CHUNKS_AHEAD * most and (taken := chunks.take()):
                    start, chunk = taken
                    future = in_flight[start] = self._submit(executor, function, start, chunk)
                    future.add_done_callback(lambda done, start=start: finished.put((start, done)))  # type: ignore[misc]
                if not in_flight:
                    return
                start, done = finished.get() if check is None else _wait(finished, check)
                del in_flight[start]
                if check is not None:
                    check()
                ready[start], seconds = self._outcomes(done)
                chunks.record_duration(len(ready[start]), seconds)
                while oldest in ready:
                    outcomes = ready.pop(oldest)
                    oldest += len(outcomes)
                    yield from outcomes
        except (KeyboardInterrupt, Cancelled, DeadlineExceeded):
            self._interrupt()
            raise
        finally:
            _cancel_and_wait(in_flight, finished)

    def _outcomes(self, done: Future[Any]) -> tuple[list[Outcome], float]:
        """The outcomes of a chunk, and its duration in seconds."""
        outcomes: tuple[list[Outcome], float] = done.result()
        return outcomes

    def _interrupt(self) -> None:
        """Stop running tasks where that is possible (a thread cannot be stopped from outside)."""

    def close(self) -> None:
        """Cancel pending tasks, wait for running ones, and end the workers."""
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(wait=True, cancel_futures=True)


def run_chunk(function: Call, start: int, chunk: list[Any]) -> tuple[list[Outcome], float]:
    """The outcomes of a chunk of items, and its duration in seconds."""
    begun = time.perf_counter()
    return [attempt(function, index, item) for index, item in enumerate(chunk, start)], time.perf_counter() - begun


def _wait(finished: SimpleQueue[tuple[int, Future[Any]]], check: Check) -> tuple[int, Future[Any]]:
    """The next finished chunk; calls `check` repeatedly while waiting."""
    while True:
        try:
            return finished.get(timeout=_CHECK_EVERY_S)
        except Empty:
            check()


def _cancel_and_wait(in_flight: dict[int, Future[Any]], finished: SimpleQueue[tuple[int, Future[Any]]]) -> None:
    """Cancel pending chunks and wait for running ones."""
    running = sum(not future.cancel() for future in in_flight.values())
    while running:
        _, future = finished.get()
        running -= not future.cancelled()
