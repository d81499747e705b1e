"""The executor "processes": worker processes of loky, which accepts functions from notebook cells."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import Any

from pocket_lab.errors import ProcessDied, UsageError
from pocket_lab.executors.concurrent import ConcurrentPool
from pocket_lab.executors.outcome import Outcome
from pocket_lab.executors.pickling import dumps
from pocket_lab.executors.pool import Call, Check, T
from pocket_lab.executors.process_worker import call_together, ignore_interrupt, run_payload, unpack


class ProcessPool(ConcurrentPool):
    """Worker processes; a function is sent once to each of them.

    A worker that dies raises ProcessDied; the next call starts new workers.
    """

    name = "processes"
    is_remote = True

    def _open(self) -> Executor:
        from loky import ProcessPoolExecutor

        pool: Executor = ProcessPoolExecutor(self.size, initializer=ignore_interrupt)
        return pool

    def start(self) -> None:
        """Start every worker process."""
        self.everywhere(os.getpid)

    def everywhere(self, function: Callable[[], T]) -> list[T]:
        """Call the function once in each process: no call begins before every process has arrived."""
        from loky.process_executor import BrokenProcessPool

        pickled = _pickle("the function", function)
        with tempfile.TemporaryDirectory(prefix="pocket-lab-") as rendezvous:
            executor = self._opened()
            try:
                futures = [executor.submit(call_together, pickled, rendezvous, self.size) for _ in range(self.size)]
                return [future.result() for future in futures]
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
        result: Future[Any] = Future()
        result.set_running_or_notify_cancel()

        def receive(reply: Future[Any]) -> None:
            error = reply.exception()
            if error is not None:
                result.set_exception(error)
            elif reply.result() is None:  # this worker has not received the function yet
                try:
                    executor.submit(run_payload, payload.digest, payload.pickled, start, packed_items).add_done_callback(
                        receive
                    )
                except RuntimeError as closed:  # the pool was closed or broke meanwhile
                    result.set_exception(closed)
            else:
                result.set_result(reply.result())

        packed_items = _pickle(f"an item from number {start} on", chunk)
        try:
            executor.submit(run_payload, payload.digest, None, start, packed_items).add_done_callback(receive)
        except RuntimeError as broken:  # a worker died between two calls
            result.set_exception(broken)
        return result

    def _outcomes(self, done: Future[Any]) -> tuple[list[Outcome], float]:
        from loky.process_executor import BrokenProcessPool

        try:
            packed, seconds, (cpu_s, queued_s) = done.result()
        except BrokenProcessPool as broken:
            self.close()
            raise ProcessDied(f"a worker process died: {_first_line(broken)}") from broken
        self.cpu_s += cpu_s
        self.queued_s += queued_s
        return [unpack(*outcome) for outcome in packed], seconds

    def _interrupt(self) -> None:
        self.close()

    def close(self) -> None:
        """Kill the worker processes, running tasks included."""
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(wait=True, kill_workers=True)  # type: ignore[call-arg]


class _Payload:
    """A function in its present state, pickled once for all chunks of a call; workers identify it by its digest."""

    def __init__(self, function: Call) -> None:
        self.function = function
        self.pickled = _pickle("the function", function)
        self.digest = hashlib.blake2b(self.pickled, digest_size=16).hexdigest()

    def __call__(self, item: Any) -> Any:
        return self.function(item)


def _pickle(what: str, value: Any) -> bytes:
    try:
        return dumps(value)
    except Exception as error:  # any class may fail to pickle in its own way
        raise UsageError(f"{what} cannot be sent to another process: {error}") from error


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
