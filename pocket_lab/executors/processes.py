"""Worker processes (loky, which takes functions from notebook cells), and what runs inside them."""

from __future__ import annotations

import hashlib
import os
import pickle
import signal
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import cloudpickle

from pocket_lab.errors import ProcessDied, UsageError
from pocket_lab.executors.concurrent import MEETING_S, ConcurrentPool, run_chunk
from pocket_lab.executors.outcome import Link, Outcome, pack_error, unpack_error
from pocket_lab.executors.pickling import dumps
from pocket_lab.executors.pool import Call, Check, T

Answer = tuple[int, bytes, tuple[Link, ...] | None]

_MOST_SEEN = 64


class ProcessPool(ConcurrentPool):
    """Processes (loky, which takes functions from notebook cells); a function is sent once to each worker.

    A worker that dies is a ProcessDied; the next call starts new ones.
    """

    name = "processes"

    def _open(self) -> Executor:
        from loky import ProcessPoolExecutor

        pool: Executor = ProcessPoolExecutor(self.size, initializer=_ignore_interrupt)
        return pool

    def start(self) -> None:
        """Start every worker process."""
        self.everywhere(os.getpid)

    def everywhere(self, function: Callable[[], T]) -> list[T]:
        """What the function returns, called once in each process: none comes back before all have come."""
        from loky.process_executor import BrokenProcessPool

        pickled = _send("the function", function)
        with tempfile.TemporaryDirectory(prefix="pocket-lab-") as meeting:
            executor = self._opened()
            try:
                told = [executor.submit(_meet, pickled, meeting, self.size) for _ in range(self.size)]
                return [future.result() for future in told]
            except BrokenProcessPool as broken:
                self.close()
                raise ProcessDied(f"a worker process died: {_first_line(broken)}") from broken

    def imap(
        self, function: Call, items: Iterable[Any], workers: int | None = None, check: Check | None = None
    ) -> Iterator[Outcome]:
        """As `Pool.imap`; the function is pickled once, and sent once to each worker."""
        return super().imap(self.prepare(function), items, workers, check)

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
        return dumps(thing)
    except Exception as error:  # any class may fail to pickle in its own way
        raise UsageError(f"{what} cannot be sent to another process: {error}") from error


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
    outcomes, seconds = run_chunk(_seen[digest], start, cloudpickle.loads(packed))
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
        return dumps(value)


def _rebuild(index: int, value: bytes, error: tuple[Link, ...] | None) -> Outcome:
    if error is not None:
        return Outcome(index, None, unpack_error(error))
    try:
        return Outcome(index, pickle.loads(value))
    except Exception as failure:  # as above
        return Outcome(index, None, failure)


def _meet(pickled: bytes, meeting: str, size: int) -> Any:
    """In a worker: call the function once as many workers have come, so that none of them is asked twice."""
    function = cloudpickle.loads(pickled)
    (Path(meeting) / str(os.getpid())).touch()
    end = time.monotonic() + MEETING_S
    while len(os.listdir(meeting)) < size:
        if time.monotonic() > end:
            raise ProcessDied(f"fewer than {size} worker processes came within {MEETING_S:g} s")
        time.sleep(0.001)
    return function()


def _ignore_interrupt() -> None:
    """Ctrl-C is for the parent, which then closes the pool."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
