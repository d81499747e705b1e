"""How the workers of a batch spend the time in which they do not run: waiting voluntarily, or in the run queue."""

from __future__ import annotations

import resource
import time
from typing import NamedTuple

from pocket_lab.executors.pool import Pool
from pocket_lab.executors.process_worker import process_queued_s, queued_by_thread, thread_queued_s
from pocket_lab.graph.context import INLINE
from pocket_lab.stats.median_interval import NAN

_THREAD = getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF)
_MOST_HELP = 0.05


class ThreadWaits(NamedTuple):
    """Seconds in the run queue (NaN where they are not known), and voluntary context switches."""

    queued_s: float = 0.0
    switches: int = 0

    def __add__(self, other: tuple[float, int]) -> ThreadWaits:  # type: ignore[override]
        return ThreadWaits(self.queued_s + other[0], self.switches + other[1])

    def __sub__(self, other: ThreadWaits) -> ThreadWaits:
        return ThreadWaits(self.queued_s - other.queued_s, self.switches - other.switches)


def read_thread_waits() -> ThreadWaits:
    """The waits of this thread so far."""
    return ThreadWaits(thread_queued_s(), resource.getrusage(_THREAD).ru_nvcsw)


class WorkerWaits:
    """The waits of the workers of one batch: `begin` before it, `end` after it.

    Without a pool the worker is the calling thread. A pool of threads or an event loop is the whole process; a pool of
    processes adds what its workers report with their results. The one worker of a local pool and the thread that waits for it
    may be in the run queue at the same time, so that the larger of both counts: their sum would hide waits.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = None if pool is INLINE else pool
        self._is_single = self._pool is not None and self._pool.size == 1 and not self._pool.is_remote

    def begin(self) -> None:
        """Note the waits so far."""
        self._threads = queued_by_thread() if self._is_single else {}
        self._before = self._read()
        self._thread_cpu_s, self._cpu_s = time.thread_time(), time.process_time()

    def end(self) -> ThreadWaits:
        """The waits since `begin`; without a pool, where other threads worked too, the run queue is unknown (NaN)."""
        waits = self._read() - self._before
        if self._is_single:
            queued_s = [now_s - self._threads.get(thread, 0.0) for thread, now_s in queued_by_thread().items()]
            return ThreadWaits(max(queued_s, default=NAN), waits.switches)
        if self._pool is None:
            thread_cpu_s, cpu_s = time.thread_time() - self._thread_cpu_s, time.process_time() - self._cpu_s
            if cpu_s - thread_cpu_s > _MOST_HELP * cpu_s + 1e-4:
                return ThreadWaits(NAN, waits.switches)
        return waits

    def _read(self) -> ThreadWaits:
        if self._pool is None:
            return read_thread_waits()
        queued_s = 0.0 if self._is_single else process_queued_s() + self._pool.queued_s
        return ThreadWaits(queued_s, resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw)
