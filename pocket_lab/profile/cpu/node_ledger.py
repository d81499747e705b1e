"""The seconds that this process has worked for each node: exact, since the clocks are read where a node begins and ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from time import perf_counter, thread_time
from typing import Any

from pocket_lab.graph.runtime.markers import CHARGES


class NodeLedger:
    """Charges time to nodes from `start` to `stop`, in all threads, where a visit or what a node has started changes.

    That takes a microsecond for each of them. The work of a generator is charged to the node that consumes it. Wall time is
    charged in threads in which nodes are visited: what they start elsewhere works beside the visit.
    """

    def __init__(self, is_visiting: Callable[[threading.Thread], bool]) -> None:
        self._is_visiting = is_visiting
        self._here = threading.local()
        self._walls: list[dict[str | None, float]] = []
        self._threads: list[dict[str | None, float]] = []
        self._read_s: dict[int, float] = {}  # what the clock of a thread said last, by its native id: identities are used again
        self.native_ids: dict[int, int] = {}  # of the threads that have worked for a node, also where `threading` has none

    def start(self) -> None:
        """Begin to charge."""
        CHARGES.append(self.charge)

    def stop(self) -> None:
        """End."""
        if self.charge in CHARGES:
            CHARGES.remove(self.charge)

    def seconds(self, unfinished: Iterable[tuple[int, str, float]]) -> dict[str, float]:
        """The seconds of each node; of threads that still work for one, by their native ids and what their clocks say now."""
        total: dict[str, float] = {}
        for thread in self._threads:
            for node, cpu_s in thread.items():
                if node is not None:
                    total[node] = total.get(node, 0.0) + cpu_s
        for native_id, node, now_s in unfinished:
            if native_id in self._read_s:
                total[node] = total.get(node, 0.0) + max(now_s - self._read_s[native_id], 0.0)
        return total

    def wall_seconds(self) -> dict[str, float]:
        """The wall seconds of each node in the threads in which nodes are visited, without those inside it."""
        total: dict[str, float] = {}
        for thread in self._walls:
            for node, wall_s in thread.items():
                if node is not None:
                    total[node] = total.get(node, 0.0) + wall_s
        return total

    def charge(self, node: str | None) -> None:
        """The node has used the CPU time, and the wall time, of this thread since the last call in it."""
        now_s, wall_now_s = thread_time(), perf_counter()
        here: Any = self._here.__dict__
        if (seconds := here.get("seconds")) is None:
            here["seconds"] = seconds = {}
            walls: dict[str | None, float] = {}
            here["walls"] = walls
            ident = threading.get_ident()
            here["native_id"] = self.native_ids[ident] = threading.get_native_id()
            self._threads.append(seconds)
            thread = threading._active.get(ident)  # type: ignore[attr-defined]  # `current_thread` would add one
            if thread is not None and self._is_visiting(thread):
                self._walls.append(walls)
        else:
            seconds[node] = seconds.get(node, 0.0) + now_s - here["now_s"]
            walls = here["walls"]
            walls[node] = walls.get(node, 0.0) + wall_now_s - here["wall_now_s"]
        here["wall_now_s"] = wall_now_s
        here["now_s"] = self._read_s[here["native_id"]] = now_s
