"""The processes that a target starts itself: no instrument follows them, so their number and CPU time become a Caveat."""

from __future__ import annotations

import multiprocessing.process
import os
import resource
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pocket_lab.executors.pool import Pool
from pocket_lab.executors.worker_state import STATE
from pocket_lab.graph.runtime.markers import current_node
from pocket_lab.profile.changes import Changes
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.point import Point, describe
from pocket_lab.units import format_duration

_STARTS = (
    *((os, name) for name in ("fork", "forkpty", "posix_spawn", "posix_spawnp", "system")),
    (subprocess.Popen, "__init__"),
    (multiprocessing.process.BaseProcess, "start"),
)


class ChildProcesses:
    """Counts the processes that this one starts, by node ("" outside the nodes), and their CPU seconds once they have ended."""

    def __init__(self) -> None:
        self.by_node: Counter[str] = Counter()
        self.cpu_s = 0.0
        self._changes = Changes()
        self._here = threading.local()

    def start(self) -> ChildProcesses:
        """Begin to count."""
        self.cpu_s = -_children_cpu_s()
        for owner, name in _STARTS:
            self._changes.wrap(owner, name, self._counted)
        return self

    def stop(self) -> ChildProcesses:
        """Stop, and leave nothing changed."""
        self._changes.undo()
        self.cpu_s += _children_cpu_s()
        return self

    def close(self) -> None:
        """As `stop`."""
        self.stop()

    def _counted(self, function: Any) -> Any:
        here, by_node = self._here, self.by_node

        def start(*args: Any, **kwargs: Any) -> Any:
            if getattr(here, "is_starting", False):  # one of these functions uses another
                return function(*args, **kwargs)
            here.is_starting = True
            try:
                started = function(*args, **kwargs)
            finally:
                here.is_starting = False
            by_node[current_node() or ""] += 1
            return started

        return start


def _children_cpu_s() -> float:
    """CPU seconds of the children of this process that have ended, and of their children."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@contextmanager
def counted_children(pool: Pool) -> Iterator[list[tuple[Counter[str], float]]]:
    """Count the processes that this one and the workers of the pool start; at the end the list has a row for each of these."""
    pool.in_worker_processes(_start_in_worker)
    found: list[tuple[Counter[str], float]] = []
    here = ChildProcesses().start()
    try:
        yield found
    finally:
        here.stop()
        found.append((here.by_node, here.cpu_s))
    found += pool.in_worker_processes(_stop_in_worker)


def _start_in_worker() -> None:
    STATE.replace(ChildProcesses, lambda: ChildProcesses().start())


def _stop_in_worker() -> tuple[Counter[str], float]:
    counted = STATE.pop(ChildProcesses)
    return (Counter(), 0.0) if counted is None else (counted.stop().by_node, counted.cpu_s)


def children_caveats(
    point: Point, found: list[tuple[Counter[str], float]], what: str, *, marks_nodes: bool = True
) -> Iterator[Caveat]:
    """A Caveat that `what` the processes use is in no figure, if there were any.

    It names the nodes that started them, unless the instrument has no marker frames (`marks_nodes` is False).
    """
    by_node: Counter[str] = sum((count for count, _ in found), Counter())
    if not by_node:
        return
    parts = [f'{count} by node "{node}"' if node else f"{count} outside the nodes" for node, count in by_node.items()]
    total, cpu_s = by_node.total(), sum(cpu_s for _, cpu_s in found)
    started = "1 process was" if total == 1 else f"{total} processes were"
    where = f" ({', '.join(parts)})" if marks_nodes else " by the target"
    message = (
        f"{describe(point)}: {started} started{where} and not followed: {what} is in no figure; those that have "
        f"ended used {format_duration(cpu_s)} of CPU time"
    )
    yield Caveat("own-processes", message, point)
