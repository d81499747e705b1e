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
from functools import partial
from typing import Any, Protocol

from pocket_lab.executors.pool import Pool
from pocket_lab.executors.worker_state import STATE
from pocket_lab.graph.runtime.markers import current_node
from pocket_lab.measure.own_processes.changes import Changes
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.point import Point, describe
from pocket_lab.units import format_duration

_STARTS = (
    *((os, name) for name in ("fork", "forkpty", "posix_spawn", "posix_spawnp", "system")),
    (subprocess.Popen, "__init__"),
    (multiprocessing.process.BaseProcess, "start"),
)


class Nodes(Protocol):
    """From `start` to `close` a call says which node runs here, if one does; `elsewhere` names where none does."""

    elsewhere: str

    def start(self) -> None:
        """Begin."""

    def close(self) -> None:
        """End."""

    def __call__(self) -> str | None:
        """The node that runs here."""


class MarkedNodes:
    """The nodes by their marker frames."""

    elsewhere = "outside the nodes"

    def start(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""

    def __call__(self) -> str | None:
        """The node of the innermost marker."""
        return current_node()


class NoNodes(MarkedNodes):
    """For a measurement that does not know which node runs."""

    elsewhere = "by the target"

    def __call__(self) -> str | None:
        """None."""
        return None


MARKED, NONE = MarkedNodes(), NoNodes()
OF_FIRST_RUNS = "CPU time, here of the first runs,"


class ChildProcesses:
    """Counts the processes that this one starts, by node ("" elsewhere), and their CPU seconds once they have ended."""

    def __init__(self, nodes: Nodes = MARKED) -> None:
        self._nodes = nodes
        self.by_node: Counter[str] = Counter()
        self.cpu_s = 0.0
        self._changes = Changes()
        self._here = threading.local()

    def start(self) -> ChildProcesses:
        """Begin to count."""
        self._nodes.start()
        self.cpu_s = -_children_cpu_s()
        for owner, name in _STARTS:
            self._changes.wrap(owner, name, self._counted)
        return self

    def stop(self) -> ChildProcesses:
        """Stop, and leave nothing changed."""
        self._changes.undo()
        self._nodes.close()
        self.cpu_s += _children_cpu_s()
        return self

    def close(self) -> None:
        """As `stop`."""
        self.stop()

    def _counted(self, function: Any) -> Any:
        here, by_node, nodes = self._here, self.by_node, self._nodes

        def start(*args: Any, **kwargs: Any) -> Any:
            if getattr(here, "is_starting", False):  # one of these functions uses another
                return function(*args, **kwargs)
            here.is_starting = True
            try:
                started = function(*args, **kwargs)
            finally:
                here.is_starting = False
            by_node[nodes() or ""] += 1
            return started

        return start


def _children_cpu_s() -> float:
    """CPU seconds of the children of this process that have ended, and of their children."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class Counted:
    """What a measurement has counted: a row for this process and one for each worker process."""

    def __init__(self, nodes: Nodes) -> None:
        self.nodes = nodes
        self.rows: list[tuple[Counter[str], float]] = []

    def caveats(self, point: Point, what: str) -> Iterator[Caveat]:
        """A Caveat that `what` they use is in no figure, if there were any, with the nodes that started them."""
        by_node: Counter[str] = sum((count for count, _ in self.rows), Counter())
        if not by_node:
            return
        parts = [f'{count} by node "{node}"' if node else f"{count} {self.nodes.elsewhere}" for node, count in by_node.items()]
        total, cpu_s = by_node.total(), sum(cpu_s for _, cpu_s in self.rows)
        started, whose, ended = f"{total} processes were", "their", "those that have ended"
        if total == 1:
            started, whose, ended = "1 process was", "its", "it"
        message = (
            f"{describe(point)}: {started} started ({', '.join(parts)}) and not followed: {whose} {what} is in no figure; "
            f"{ended} used {format_duration(cpu_s)} of CPU time"
        )
        yield Caveat("own-processes", message, point)


@contextmanager
def counted_children(pool: Pool, nodes: Nodes = MARKED) -> Iterator[Counted]:
    """Count the processes that this one and the workers of the pool start."""
    pool.in_worker_processes(partial(_start_in_worker, nodes))
    found = Counted(nodes)
    here = ChildProcesses(nodes).start()
    try:
        yield found
    finally:
        here.stop()
        found.rows.append((here.by_node, here.cpu_s))
    found.rows += pool.in_worker_processes(_stop_in_worker)


def _start_in_worker(nodes: Nodes) -> None:
    STATE.replace(ChildProcesses, lambda: ChildProcesses(nodes).start())


def _stop_in_worker() -> tuple[Counter[str], float]:
    counted = STATE.pop(ChildProcesses)
    return (Counter(), 0.0) if counted is None else (counted.stop().by_node, counted.cpu_s)
