"""Whether work is CPU-bound, from what its threads did while the clock ran."""

from __future__ import annotations

MOST_WAITING, MOST_SWITCHES = 0.02, 0.2
_MOST_HELP = 0.05
_HARDLY_WAITING = 0.005  # of the time: then a switch now and then, as in long batches, is no sleep that matters
_IN_PROCESS = ("serial", "threads", "asyncio", "own")


def is_cpu_bound(waits: float, switches: float = 0.0) -> bool:
    """Whether one worker kept one core busy: it barely waited, and never voluntarily; False where that is not known (NaN).

    `waits` is the share of the time in which it neither ran nor stood in the run queue: below zero where other threads ran too.
    `switches` are the voluntary context switches of a batch. Being preempted is no wait.
    """
    return -_MOST_HELP <= waits <= MOST_WAITING and switches <= MOST_SWITCHES


def is_cpu_bound_at(workers: int, executor: str, waits: float, switches: float) -> bool:
    """The same for a point of a sweep: never several workers, whose waits include those for each other, nor a worker process.

    A thread of a pool waits for each of its tasks, so only the share of its waits counts, not their number. A worker process
    and its parent may be in the run queue at the same time, so that the sum of both hides waits.
    """
    if workers != 1 or executor not in _IN_PROCESS:
        return False
    if executor == "serial":  # the calling thread alone, so that no help explains waits below zero
        return is_cpu_bound(max(waits, 0.0), 0.0 if waits <= _HARDLY_WAITING else switches)
    return is_cpu_bound(waits)


def share_waiting(wall_s: float, cpu_s: float, queued_s: float, workers: int = 1) -> float:
    """The share of the workers' time in which they neither ran nor stood in the run queue; NaN without a time."""
    return 1 - (cpu_s + queued_s) / (wall_s * workers) if wall_s else float("nan")
