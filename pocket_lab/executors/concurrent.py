"""What the pools on a `concurrent.futures.Executor` share: chunks in flight, ordered outcomes, and how a call ends early."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, wait
from itertools import count
from queue import Empty, SimpleQueue
from typing import Any

from pocket_lab.errors import Cancelled, DeadlineExceeded, UsageError
from pocket_lab.executors.chunks import Chunks, Grain
from pocket_lab.executors.faults.foreign import is_a
from pocket_lab.executors.faults.forks import FORKS
from pocket_lab.executors.faults.interrupt_gate import GATE
from pocket_lab.executors.faults.work_board import Row
from pocket_lab.executors.outcome import Outcome, Outcomes
from pocket_lab.executors.pool import Call, Check, Pool

Chunk = tuple[int, list[Any]]  # the number of its first item
Arrived = Callable[[Future[Any], Chunk], Iterator[Outcomes]]

_CHUNKS_AHEAD = 16
_CHECK_EVERY_S = 0.05
RENDEZVOUS_TIMEOUT_S = 60.0  # for all workers to arrive at a call of `everywhere`


class ConcurrentPool(Pool):
    """Chunks of items on a `concurrent.futures.Executor`, ordered, with a bounded number ahead of the oldest."""

    grain = Grain()

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

    def _packed(self, chunk: Chunk) -> Any:
        """What `_submit` sends of the items of a chunk; user code may run here."""
        return chunk[1]

    @abstractmethod
    def _submit(self, function: Call, start: int, packed: Any) -> Future[Any]: ...

    def _tasks_in_flight(self, workers: int | None) -> int:
        if workers is not None and workers < 1:
            raise UsageError(f"{self.name}: {workers} workers do no work, use at least 1")
        return min(workers or self.size, self.size)

    def imap(
        self, function: Call, items: Iterable[Any], workers: int | None = None, check: Check | None = None
    ) -> Iterator[Outcome]:
        """As `Pool.imap`; closing the iterator early cancels pending chunks and waits for running ones."""
        chunks = Chunks(items, self._tasks_in_flight(workers), self.grain)

        def arrived(done: Future[Any], chunk: Chunk) -> Iterator[Outcomes]:
            outcomes, seconds = self._outcomes(done)
            chunks.record_duration(len(outcomes), seconds)
            yield outcomes

        return self._imap(function, chunks, check, arrived)

    def _imap(self, function: Call, chunks: Chunks, check: Check | None, arrived: Arrived) -> Iterator[Outcome]:
        """`arrived` gives the outcomes of a chunk that has ended, in parts."""
        most = chunks.workers
        finished: SimpleQueue[int] = SimpleQueue()
        in_flight: dict[int, tuple[Future[Any], Chunk]] = {}
        ready: dict[int, Outcomes] = {}
        oldest = 0
        try:
            while True:
                while (
                    len(in_flight) < most
                    and (chunks.has_returned or len(ready) < _CHUNKS_AHEAD * most)
                    and (chunk := chunks.take(len(in_flight))) is not None
                ):
                    packed, start = self._packed(chunk), chunk[0]
                    with GATE:
                        future = self._submit(function, start, packed)
                        in_flight[start] = future, chunk
                        future.add_done_callback(lambda _, start=start: finished.put(start))  # type: ignore[misc]
                if not in_flight:
                    return
                start = finished.get() if check is None else _wait(finished, check)
                done, chunk = in_flight.pop(start)
                if check is not None:
                    check()
                for outcomes in arrived(done, chunk):
                    ready[outcomes.first] = outcomes
                    outcomes.raise_end()
                while oldest in ready:
                    outcomes = ready.pop(oldest)
                    oldest += len(outcomes)
                    yield from outcomes
        except (KeyboardInterrupt, Cancelled, DeadlineExceeded):
            self._interrupt()
            raise
        finally:
            _cancel_and_wait([future for future, _ in in_flight.values()])

    def _outcomes(self, done: Future[Any]) -> tuple[Outcomes, float]:
        """The outcomes of a chunk, and its duration in seconds."""
        outcomes: tuple[Outcomes, float] = done.result()
        return outcomes

    def _interrupt(self) -> None:
        """Stop running tasks where that is possible (a thread cannot be stopped from outside)."""

    def close(self) -> None:
        """Cancel pending tasks, wait for running ones, and end the workers."""
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(wait=True, cancel_futures=True)


def run_chunk(function: Call, items: list[Any], first: int, row: Row | None = None) -> tuple[Outcomes, float]:
    """The outcomes of items, the first of which has this number, and their duration in seconds.

    One that ends the call is the last. `row` has the number of the item that is at work. As `attempt` for each, in a loop that
    costs a trivial item a tenth of a microsecond: a process that an item forks finds the items at their end.
    """
    begun_s = time.perf_counter()
    values: list[Any] = []
    errors: dict[int, BaseException] = {}
    remaining = iter(items)
    if row is not None:
        row.begin_items(remaining)
    forks, outer = FORKS.count, FORKS.begin_batch(remaining)
    while True:
        try:
            if row is None:
                for item in remaining:
                    values.append(function(item))
            else:
                view, field = row.view, row.item_field
                for view[field], item in zip(count(first + len(values)), remaining, strict=False):
                    values.append(function(item))
        except BaseException as error:
            if FORKS.count != forks:
                FORKS.end_child(error)
            errors[first + len(values)] = error
            values.append(None)
            if not is_a(error, Exception):
                break
        else:
            if FORKS.count != forks:
                FORKS.end_child()
            break
    FORKS.begin_batch(outer)
    return Outcomes(first, values, errors), time.perf_counter() - begun_s


def wait_for_all(futures: list[Future[Any]]) -> list[Any]:
    """The results; Ctrl-C in the meantime leaves no lock of theirs taken."""
    finished: SimpleQueue[None] = SimpleQueue()
    with GATE:
        for future in futures:
            future.add_done_callback(lambda _: finished.put(None))
    for _ in futures:
        finished.get()
    return [future.result() for future in futures]


def _wait(finished: SimpleQueue[int], check: Check) -> int:
    """The next finished chunk; calls `check` repeatedly while waiting."""
    while True:
        try:
            return finished.get(timeout=_CHECK_EVERY_S)
        except Empty:
            check()


def _cancel_and_wait(futures: list[Future[Any]]) -> None:
    """Cancel pending chunks and wait for running ones; what has arrived unseen counts as ended, whoever saw it."""
    with GATE:
        for future in futures:
            future.cancel()
    wait(futures)
