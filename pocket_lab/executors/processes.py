"""The executor "processes": worker processes of loky, which accepts functions from notebook cells."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from multiprocessing import active_children
from typing import Any

from pocket_lab.errors import ProcessDied
from pocket_lab.executors.chunks import Chunks, Grain
from pocket_lab.executors.concurrent import Chunk, ConcurrentPool, wait_for_all
from pocket_lab.executors.faults.deaths import Deaths, error_of
from pocket_lab.executors.faults.interrupt_gate import GATE, Uninterrupted
from pocket_lab.executors.faults.lifeline import Lifeline
from pocket_lab.executors.faults.work_board import WorkBoard
from pocket_lab.executors.outcome import Outcome, Outcomes, unpack_error
from pocket_lab.executors.pool import Call, Check, T
from pocket_lab.executors.process_worker import Refusal, Request, call_together, run_payload, start_worker, unpack_all
from pocket_lab.executors.remote.options import environment_of_options
from pocket_lab.executors.remote.payload import Items, Payload, pickle_or_refuse
from pocket_lab.executors.remote.survivors import Reply, Survivors
from pocket_lab.executors.world.settings import Settings


class ProcessPool(ConcurrentPool):
    """Worker processes with the settings of this one, with which they end, however it ends.

    A function is sent once to each of them, with the context of its caller.
    A worker that dies raises ProcessDied; the next call starts new workers.
    """

    name = "processes"
    is_remote = True
    grain = Grain(is_even=True)

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self._numbers = itertools.count(1)

    def _open(self) -> Executor:
        from loky import ProcessPoolExecutor

        self._lifeline = Lifeline()
        self._deaths = Deaths(WorkBoard())
        begin = (self._lifeline, self._deaths.board, Settings.here())
        options = environment_of_options()
        pool: Executor = ProcessPoolExecutor(self.size, initializer=start_worker, initargs=begin, env=options)
        return pool

    def start(self) -> None:
        """Start every worker process."""
        self.everywhere(os.getpid)

    def everywhere(self, function: Callable[[], T]) -> list[T]:
        """Call the function once in each process: no call begins before every process has arrived."""
        from loky.process_executor import BrokenProcessPool

        pickled, rendezvous = pickle_or_refuse("the function", function), next(self._numbers)
        try:
            with GATE, Uninterrupted():
                executor = self._opened()
                called = [executor.submit(call_together, pickled, rendezvous, self.size) for _ in range(self.size)]
                look = self._looking(executor)
                for future in called:
                    future.add_done_callback(look)
            return wait_for_all(called)
        except BrokenProcessPool as broken:
            deaths = self._deaths
            self.close()
            raise deaths.error(_reason(broken)) from broken

    def imap(
        self, function: Call, items: Iterable[Any], workers: int | None = None, check: Check | None = None
    ) -> Iterator[Outcome]:
        """As `Pool.imap`; the function is pickled once, and sent once to each worker."""
        return super().imap(self.prepare(function), items, workers, check)

    def imap_collect(
        self, function: Call, items: Iterable[Any], workers: int | None = None, check: Check | None = None
    ) -> Iterator[Outcome]:
        """As `Pool.imap_collect`: items that were under way in other workers, which end too, run again in new ones."""
        chunks = Chunks(items, self._tasks_in_flight(workers), self.grain)
        return self._imap(self.prepare(function), chunks, check, Survivors(self._outcomes, chunks).arrived)

    def prepare(self, function: Call) -> Call:
        """The function pickled, once."""
        return function if isinstance(function, Payload) else Payload(function)

    def _packed(self, chunk: Chunk) -> Items:
        return Items(chunk[1])

    def _submit(self, payload: Call, start: int, items: Any) -> Future[Any]:
        assert isinstance(payload, Payload)
        with Uninterrupted():
            executor = self._opened()
            result = _Reply(next(self._numbers), self._deaths)
            look = self._looking(executor)

            def receive(reply: Future[Any]) -> None:
                look(reply)
                error = reply.exception()
                answer = None if error is not None else reply.result()
                if error is not None:
                    result.set_exception(error)
                elif isinstance(answer, Refusal):
                    result.set_exception(unpack_error(answer.error))
                elif isinstance(answer, Request):
                    if answer is Request.ITEMS_APART:
                        items.take_apart()
                    send(payload.pickled)
                else:
                    result.set_result(answer)

            def send(pickled: bytes | None) -> None:
                try:
                    sent = executor.submit(run_payload, payload.digest, pickled, start, items.pickled, result.chunk)
                except RuntimeError as closed:  # the pool was closed or broke meanwhile, or between two calls
                    result.set_exception(closed)
                else:
                    sent.add_done_callback(receive)

            send(None)
        return result

    def _looking(self, executor: Any) -> Callable[[Future[Any]], None]:
        """A callback of a future of the executor: where that has broken, it looks which workers have ended by then."""
        from loky.process_executor import BrokenProcessPool

        deaths = self._deaths

        def look(done: Future[Any]) -> None:
            if not done.cancelled() and isinstance(done.exception(), BrokenProcessPool):
                deaths.look(executor._processes)

        return look

    def _outcomes(self, done: Future[Any]) -> tuple[Outcomes, float]:
        from loky.process_executor import BrokenProcessPool

        assert isinstance(done, _Reply)
        try:
            packed, seconds, (cpu_s, queued_s) = done.result()
        except BrokenProcessPool as broken:
            if self._executor is not None and self._deaths is done.deaths:
                self.close()
            raise done.deaths.error(_reason(broken)) from broken
        self.cpu_s += cpu_s
        self.queued_s += queued_s
        return unpack_all(packed), seconds

    def _interrupt(self) -> None:
        self.close()

    def close(self) -> None:
        """Kill the worker processes, running tasks included."""
        with GATE:
            executor, self._executor = self._executor, None
            if executor is not None:
                try:
                    executor.shutdown(wait=True, kill_workers=True)  # type: ignore[call-arg]
                finally:
                    self._lifeline.close()
                    self._deaths.board.close()
                    active_children()  # which lets go of those that have ended: loky does not join a dead one


class _Reply(Reply):
    """The outcomes of a chunk that a worker process has, under the number by which the board knows the chunk."""

    def __init__(self, chunk: int, deaths: Deaths) -> None:
        super().__init__(chunk)
        self.deaths = deaths

    def blamed(self) -> ProcessDied | None:
        """As `Reply.blamed`."""
        death = self.deaths.of_chunk(self.chunk)
        return None if death is None else error_of(death)

    def unexplained(self) -> object | None:
        """As `Reply.unexplained`."""
        return None if self.deaths.have_reason else self.deaths


def _reason(error: BaseException) -> str:
    """The first line of loky's message, with the exit codes that it names further down."""
    text = str(error).strip()
    codes = re.search(r"exit codes of the workers are \{(.+)\}", text)
    first = text.splitlines()[0] if text else type(error).__name__
    return f"{first} Exit codes: {codes[1]}" if codes else first
