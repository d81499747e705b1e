"""The executor "threads": threads of this process."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

from pocket_lab.executors.concurrent import RENDEZVOUS_TIMEOUT_S, ConcurrentPool, run_chunk, wait_for_all
from pocket_lab.executors.faults.interrupt_gate import GATE
from pocket_lab.executors.pool import Call, T


class ThreadPool(ConcurrentPool):
    """Threads of this process: they share memory and the interpreter lock."""

    name = "threads"

    def _open(self) -> Executor:
        return ThreadPoolExecutor(self.size, thread_name_prefix="pocket-lab-worker")

    def everywhere(self, function: Callable[[], T]) -> list[T]:
        """Call the function once in each thread: no call begins before every thread has arrived."""
        barrier = threading.Barrier(self.size)

        def call_once() -> T:
            barrier.wait(RENDEZVOUS_TIMEOUT_S)
            return function()

        with GATE:
            executor = self._opened()
            called = [executor.submit(call_once) for _ in range(self.size)]
        return wait_for_all(called)

    def _submit(self, function: Call, start: int, packed: Any) -> Future[Any]:
        return self._opened().submit(contextvars.copy_context().run, run_chunk, function, packed, start)
