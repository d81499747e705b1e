"""Executions, errors and latencies of the nodes of running graphs, in bounded memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from time import perf_counter

from pocket_lab.graph.observers import Event, Run, Sink, Yielded
from pocket_lab.profile.monitor.lazy_visits import LazyVisits
from pocket_lab.records.traffic import NodeTraffic
from pocket_lab.stats.histogram import Histogram

SLOTS = 60
_FULL = 512


class Traffic:
    """An observer of any number of graphs and runs; `records` has totals and the last window for every node.

    Each thread counts in its own shard, so that recording takes no lock; the shard of a thread that has ended is reused by
    the next new thread. Visits in worker processes are recorded when their results arrive, at the time at which they ended.
    A visit that returns a generator ends with it, and has its work instead of the visits that consume it.
    """

    lazy_results = "timed"

    def __init__(self, window_s: float) -> None:
        self._slot_s = window_s / SLOTS
        self._lock = threading.RLock()  # a finaliser or a signal handler may record or read while this thread holds it
        self._shards: list[_Shard] = []
        self._idle: list[_Shard] = []
        self._here = threading.local()
        self._lazy = LazyVisits()
        self._since_s = perf_counter()

    def begin(self, run: Run) -> Sink:
        """The sink for the events of a run: the shard of its thread."""
        return self._sink(run.graph, run.worker)

    def _sink(self, graph: str, worker: str) -> Sink:
        try:
            shard = self._here.lease.shard
        except AttributeError:
            shard = self._lease()
        sink: Sink | None = shard.sinks.get((graph, worker))
        if sink is None:
            sink = shard.sinks[graph, worker] = shard.sink(graph, worker)
        return sink

    def _ended(self, graph: str, event: Event) -> None:
        """Count a visit whose lazy result has ended, on the thread where it did; what others took is not in its time."""
        self._sink(graph, "")(event)

    def reset(self) -> None:
        """Forget all counts; runs may be active."""
        with self._lock:
            self._since_s = perf_counter()
            for shard in self._shards:
                for tallies in list(shard.tallies.values()):
                    tallies.clear()

    def records(self) -> Iterator[NodeTraffic]:
        """One record per graph and node, in the order of their first events."""
        found: dict[tuple[str, str], list[_Tally]] = {}
        with self._lock:
            now_s = perf_counter()
            since_s = self._since_s
            for shard in self._shards:
                for graph, tallies in list(shard.tallies.items()):
                    for node, tally in list(tallies.items()):
                        found.setdefault((graph, node), []).append(tally.copy())
        slot = int(now_s / self._slot_s)
        window_s = now_s - max((slot - SLOTS) * self._slot_s, since_s)
        wall_s = time.time() - now_s
        for (graph, node), copies in found.items():
            histogram = Histogram()
            recent: dict[int, int] = {}
            for tally in copies:
                tally.settle()
                histogram.add(tally.histogram.buckets)
                for at, count in tally.recent.items():
                    recent[at] = recent.get(at, 0) + count
            yield NodeTraffic(
                graph,
                node,
                executions=histogram.count,
                errors=sum(tally.errors for tally in copies),
                total_s=sum(tally.total_s for tally in copies),
                last_at=wall_s + max(tally.last_s for tally in copies),
                window_s=window_s,
                slot_s=self._slot_s,
                recent=tuple(sorted((at - slot, count) for at, count in recent.items() if count and at >= slot - SLOTS)),
                histogram=histogram.buckets,
            )

    def _lease(self) -> _Shard:
        with self._lock:
            if self._idle:
                shard = self._idle.pop()
            else:
                shard = _Shard(self._slot_s, self._lock, self._lazy, self._ended)
                self._shards.append(shard)
        self._here.lease = _Lease(shard, self._idle)
        return shard


class _Lease:
    """A reference that a thread keeps while it lives; afterwards the shard is free for another thread."""

    def __init__(self, shard: _Shard, idle: list[_Shard]) -> None:
        self.shard = shard
        self._idle = idle

    def __del__(self) -> None:
        self._idle.append(self.shard)


class _Shard:
    """The tallies of one thread by graph and node, and the sinks that update them."""

    def __init__(self, slot_s: float, lock: threading.RLock, lazy: LazyVisits, end: Callable[[str, Event], None]) -> None:
        self.tallies: dict[str, dict[str, _Tally]] = {}
        self.sinks: dict[tuple[str, str], Sink] = {}
        self._slot_s = slot_s
        self._lock = lock
        self._lazy = lazy
        self._end = end

    def sink(self, graph: str, worker: str) -> Sink:
        """A function that counts one event; expensive work is deferred until a tally is full."""
        tallies = self.tallies.setdefault(graph, {})
        slot_s, lock, lazy, end = self._slot_s, self._lock, self._lazy, self._end

        def record(event: Event) -> None:
            node, begun_s, ended_s, _, details = event
            if lazy.is_active or details.__class__ is Yielded:
                if isinstance(details, Yielded):
                    if (whole := lazy.yielded(event, details)) is not None:
                        end(graph, whole)
                    return
                if (visited := lazy.visited(event, worker)) is None:
                    return
                node, begun_s, ended_s, _, details = visited
            try:
                tally = tallies[node]
            except KeyError:
                tally = tallies[node] = _Tally()
            if not tally.begin_s <= ended_s < tally.end_s:
                with lock:
                    tally.change_slot(ended_s, slot_s)
            took_s = tally.took_s
            took_s.append(ended_s - begun_s)
            tally.last_s = ended_s
            if details is not None and details[3]:  # the phase that failed
                tally.errors += 1
            if len(took_s) >= _FULL:
                with lock:
                    tally.settle()

        return record


class _Tally:
    """One node on one thread: up to `_FULL` durations, older ones in the buckets of a histogram, and counts by time slot."""

    __slots__ = (
        "_before",
        "begin_s",
        "end_s",
        "errors",
        "histogram",
        "last_s",
        "recent",
        "settled",
        "slot",
        "took_s",
        "total_s",
    )

    def __init__(self) -> None:
        self.took_s: list[float] = []
        self.histogram = Histogram()
        self.errors = self.settled = self._before = 0
        self.total_s = self.last_s = 0.0
        self.recent: dict[int, int] = {}
        self.slot = -1
        self.begin_s = self.end_s = 0.0

    def change_slot(self, at_s: float, slot_s: float) -> None:
        """A visit ended outside the current slot: start its slot, or count it in the earlier slot to which it belongs."""
        slot = int(at_s / slot_s)
        if slot > self.slot:
            self.recent[self.slot] = self._in_slot()
            for old in [old for old in self.recent if old < slot - SLOTS]:
                del self.recent[old]
            self._before = self.settled + len(self.took_s)
            self.slot, self.begin_s, self.end_s = slot, slot * slot_s, (slot + 1) * slot_s
        elif slot < self.slot:  # from a worker process, whose results arrive late
            self.recent[slot] = self.recent.get(slot, 0) + 1
            self._before += 1

    def settle(self) -> None:
        """Move the durations into the histogram."""
        took_s = self.took_s[:]
        del self.took_s[: len(took_s)]  # its thread may have appended to it meanwhile
        self.settled += len(took_s)
        self.total_s += sum(took_s)
        self.histogram.record_all(took_s)

    def copy(self) -> _Tally:
        """An independent copy, with the current slot added to `recent`; its thread goes on counting."""
        copied = _Tally()
        copied.took_s, copied.errors, copied.total_s, copied.last_s = self.took_s[:], self.errors, self.total_s, self.last_s
        copied.histogram.add(self.histogram.buckets)
        copied.recent = {**self.recent, self.slot: self._in_slot()}
        return copied

    def _in_slot(self) -> int:
        return self.settled + len(self.took_s) - self._before
