"""Pools of workers: one interface, three kinds (serial, threads, loky processes)."""

from __future__ import annotations

import hashlib
import os
import pickle
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Self

import cloudpickle

from pocket_lab.errors import ProcessDied, UsageError
from pocket_lab.run.chunks import Chunks
from pocket_lab.run.outcome import Link, Outcome, pack_error, unpack_error

Call = Callable[[Any], Any]
Answer = tuple[int, bytes, tuple[Link, ...] | None]

_CHUNKS_AHEAD = 16
_STARTING_TRIES = 20
_MOST_SEEN = 16


class Pool(ABC):
    """Workers that outlive many calls of `imap`; a context manager.

    `size` is the largest number of tasks in flight, `cpu_s` the CPU seconds spent in worker processes so far.
    """

    name: str
    size: int
    cpu_s: float = 0.0

    @abstractmethod
    def imap(self, function: Call, items: Iterable[Any], workers: int | None = None) -> Iterator[Outcome]:
        """Call the function on each item, at most `workers` tasks in flight; outcomes come in the order of the items."""

    def prepare(self, function: Call) -> Call:
        """The function as it is now, for many calls of `imap`: pools of processes pickle it here instead of at each call."""
        return function

    def start(self) -> None:  # noqa: B027 (most pools have nothing to wait for)
        """Wait until the workers are there, so that the next call does not pay for them."""

    def close(self) -> None:  # noqa: B027 (a pool without workers has none to let go)
        """Let the workers go; tasks that have not started are dropped."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


class SerialPool(Pool):
    """One worker: the caller itself."""

    name = "serial"
    size = 1

    def imap(self, function: Call, items: Iterable[Any], workers: int | None = None) -> Iterator[Outcome]:
        """One item after the other."""
        for index, item in enumerate(items):
            yield _attempt(function, index, item)


class _ConcurrentPool(Pool):
    """Chunks of items on a `concurrent.futures.Executor`, ordered, with a bounded number ahead of the oldest."""

    def __init__(self, size: int) -> None:
        if size < 1:
            raise UsageError(f"{self.name}: {size} workers make no pool, use at least 1")
        self.size = size
        self._executor: Executor | None = None

    @abstractmethod
    def _open(self) -> Executor: ...

    @abstractmethod
    def _submit(self, executor: Executor, function: Call, start: int, chunk: list[Any]) -> Future[Any]: ...

    def _in_flight(self, workers: int | None) -> int:
        if workers is not None and workers < 1:
            raise UsageError(f"{self.name}: {workers} workers do no work, use at least 1")
        return min(workers or self.size, self.size)

    def imap(self, function: Call, items: Iterable[Any], workers: int | None = None) -> Iterator[Outcome]:
        """As `Pool.imap`; leaving it early drops what has not started and waits for what has."""
        if self._executor is None:
            self._executor = self._open()
        executor = self._executor
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
                start, done = arrived.get()
                del in_flight[start]
                ready[start], seconds = self._outcomes(done)
                chunks.timed(len(ready[start]), seconds)
                while oldest in ready:
                    outcomes = ready.pop(oldest)
                    oldest += len(outcomes)
                    yield from outcomes
        except KeyboardInterrupt:
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


class ThreadPool(_ConcurrentPool):
    """Threads of this process: they share memory, and the interpreter lock."""

    name = "threads"

    def _open(self) -> Executor:
        return ThreadPoolExecutor(self.size, thread_name_prefix="pocket-lab-worker")

    def _submit(self, executor: Executor, function: Call, start: int, chunk: list[Any]) -> Future[Any]:
        return executor.submit(_run_chunk, function, start, chunk)


class ProcessPool(_ConcurrentPool):
    """Processes (loky, which takes functions from notebook cells); a function is sent once to each worker.

    A worker that dies is a ProcessDied; the next call starts new ones.
    """

    name = "processes"

    def _open(self) -> Executor:
        from loky import ProcessPoolExecutor

        pool: Executor = ProcessPoolExecutor(self.size, initializer=_ignore_interrupt)
        return pool

    def start(self) -> None:
        """Start every worker process; tasks that take a moment find each of them, as a quick one would not."""
        for _ in range(_STARTING_TRIES):
            pids = {outcome.value for outcome in self.imap(_own_pid, range(self.size))}
            if len(pids) == self.size:
                return

    def imap(self, function: Call, items: Iterable[Any], workers: int | None = None) -> Iterator[Outcome]:
        """As `Pool.imap`; the function is pickled once, and sent once to each worker."""
        return super().imap(self.prepare(function), items, workers)

    def prepare(self, function: Call) -> Call:
        """The function pickled, once."""
        return function if isinstance(function, _Payload) else _Payload(function)

    def _submit(self, executor: Executor, payload: Call, start: int, chunk: list[Any]) -> Future[Any]:
        assert isinstance(payload, _Payload)
        sent: Future[Any] = Future()
        sent.set_running_or_notify_cancel()

        def receive(answer: Future[Any]) -> None:
            error = answer.exception()
            if error is not None:
                sent.set_exception(error)
            elif answer.result() is None:  # this worker has not seen the function yet
                try:
                    executor.submit(_run_payload, payload.digest, payload.pickled, start, packed).add_done_callback(receive)
                except RuntimeError as closed:  # the pool was closed or broke meanwhile
                    sent.set_exception(closed)
            else:
                sent.set_result(answer.result())

        packed = _send(f"an item from number {start} on", chunk)
        try:
            executor.submit(_run_payload, payload.digest, None, start, packed).add_done_callback(receive)
        except RuntimeError as broken:  # a worker died between two calls
            sent.set_exception(broken)
        return sent

    def _outcomes(self, done: Future[Any]) -> tuple[list[Outcome], float]:
        from loky.process_executor import BrokenProcessPool

        try:
            answers, seconds, cpu_s = done.result()
        except BrokenProcessPool as broken:
            self.close()
            raise ProcessDied(f"a worker process died: {_first_line(broken)}") from broken
        self.cpu_s += cpu_s
        return [_rebuild(*answer) for answer in answers], seconds

    def _interrupt(self) -> None:
        self.close()

    def close(self) -> None:
        """End the worker processes, also in the middle of a task."""
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(wait=True, kill_workers=True)  # type: ignore[call-arg]


class _Payload:
    """A function as it is now, pickled once for all the chunks of a call; the workers know it by its digest."""

    def __init__(self, function: Call) -> None:
        self.function = function
        self.pickled = _send("the function", function)
        self.digest = hashlib.blake2b(self.pickled, digest_size=16).hexdigest()

    def __call__(self, item: Any) -> Any:
        return self.function(item)


def _send(what: str, thing: Any) -> bytes:
    try:
        pickled: bytes = cloudpickle.dumps(thing)
    except Exception as error:  # any class may fail to pickle in its own way
        raise UsageError(f"{what} cannot be sent to another process: {error}") from error
    return pickled


_KINDS: dict[str, type[ThreadPool] | type[ProcessPool]] = {"threads": ThreadPool, "processes": ProcessPool}
EXECUTORS = ("serial", *_KINDS)


def open_pool(executor: str, size: int = 1) -> Pool:
    """A pool of the named kind ("serial", "threads" or "processes"); raises UsageError for another name."""
    if executor == "serial":
        return SerialPool()
    if executor not in _KINDS:
        raise UsageError(f"executor {executor!r} is not known; choose from {', '.join(EXECUTORS)}")
    return _KINDS[executor](size)


def _attempt(function: Call, index: int, item: Any) -> Outcome:
    try:
        return Outcome(index, function(item))
    except Exception as error:
        return Outcome(index, None, error)


def _run_chunk(function: Call, start: int, chunk: list[Any]) -> tuple[list[Outcome], float]:
    begun = time.perf_counter()
    return [_attempt(function, index, item) for index, item in enumerate(chunk, start)], time.perf_counter() - begun


_seen: dict[str, Call] = {}
_cpu_told = 0.0


def _run_payload(digest: str, pickled: bytes | None, start: int, packed: bytes) -> tuple[list[Answer], float, float] | None:
    """In a worker: an answer for each item, the seconds, the CPU seconds since the last call; None asks for the function."""
    global _cpu_told
    if digest not in _seen:
        if pickled is None:
            return None
        while len(_seen) >= _MOST_SEEN:
            del _seen[next(iter(_seen))]
        _seen[digest] = cloudpickle.loads(pickled)
    outcomes, seconds = _run_chunk(_seen[digest], start, cloudpickle.loads(packed))
    answers = [_answer(outcome) for outcome in outcomes]
    told, _cpu_told = _cpu_told, time.process_time()
    return answers, seconds, _cpu_told - told


def _answer(outcome: Outcome) -> Answer:
    """Values are pickled one by one, so that one that cannot be is the error of its own item."""
    if outcome.error is None:
        try:
            return outcome.index, _pickle(outcome.value), None
        except Exception as error:  # any class may fail to pickle in its own way
            unsent = TypeError(f"the result cannot be sent back from its process: {error}")
            return outcome.index, b"", pack_error(unsent)
    return outcome.index, b"", pack_error(outcome.error)


def _pickle(value: Any) -> bytes:
    """Pickled by the fast standard way, or by cloudpickle what that cannot do."""
    try:
        return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    except Exception:  # as above
        pickled: bytes = cloudpickle.dumps(value)
        return pickled


def _rebuild(index: int, value: bytes, error: tuple[Link, ...] | None) -> Outcome:
    if error is not None:
        return Outcome(index, None, unpack_error(error))
    try:
        return Outcome(index, pickle.loads(value))
    except Exception as failure:  # as above
        return Outcome(index, None, failure)


def _own_pid(_: Any) -> int:
    time.sleep(0.02)
    return os.getpid()


def _ignore_interrupt() -> None:
    """Ctrl-C is for the parent, which then closes the pool."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _settle(in_flight: dict[int, Future[Any]], arrived: SimpleQueue[tuple[int, Future[Any]]]) -> None:
    """Drop what has not started and wait for what has, so that nothing runs on behind the caller's back."""
    waiting = sum(not future.cancel() for future in in_flight.values())
    while waiting:
        _, future = arrived.get()
        waiting -= not future.cancelled()


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
