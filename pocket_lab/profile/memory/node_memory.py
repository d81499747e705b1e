"""What the nodes of a run held: what captures say of nodes, lines, stacks and time, several processes together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from pocket_lab.profile.memory.allocation_ledger import Ledger
from pocket_lab.profile.memory.attribution import Attribution, attribute
from pocket_lab.profile.memory.capture import Frame, Ints, Snapshots, Stacks
from pocket_lab.profile.memory.capture_reader import read_capture
from pocket_lab.profile.node_code import OUTSIDE, NodeFinder
from pocket_lab.records.memory import HeapPoint, LineMemory, NodeMemory, RunMemory
from pocket_lab.records.point import Point
from pocket_lab.records.record import Record
from pocket_lab.records.sources import Stack

_MOST_STACKS, _SMALLEST_PART = 1000, 10_000
_MOST_MOMENTS = 500
SMALLER: Frame = ("(smaller stacks)", "", 0)

K = TypeVar("K")
Site = tuple[str, str, int]  # node, file, line
Calls = tuple[str, tuple[Frame, ...]]  # node, frames
Moments = tuple[NDArray[np.float64], Ints, Ints]  # Unix time, heap, resident bytes


@dataclass(slots=True)
class HeldMemory:
    """Sums over processes. Arrays by node have a row for each of the `names`, the last of which is all that is no node.

    `lines` has allocations, allocated bytes, bytes at the node's own peak and at the peak of the process, temporary
    allocations and bytes left; `stacks` has bytes and blocks alive at the peak of the process.
    """

    names: tuple[str, ...]
    nodes: Ints  # a row per node: own peak, inclusive peak, at the peak, allocations, allocated, temporary, left
    largest: Ints
    peak: int
    largest_peak: int
    processes: int = 1
    lines: dict[Site, Ints] = field(default_factory=dict)
    stacks: dict[Calls, Ints] = field(default_factory=dict)
    moments: Moments = field(default_factory=lambda: (np.empty(0), np.empty(0, np.int64), np.empty(0, np.int64)))

    @classmethod
    def of(cls, parts: Sequence[HeldMemory]) -> HeldMemory:
        """All processes together."""
        first, *others = parts
        for other in others:
            first.nodes = first.nodes + other.nodes
            first.largest = np.maximum(first.largest, other.largest)
            first.peak += other.peak
            first.largest_peak = max(first.largest_peak, other.largest_peak)
            first.processes += 1
            _add(first.lines, other.lines)
            _add(first.stacks, other.stacks)
        first.moments = _together([part.moments for part in parts])
        return first

    def totals(self, point: Point, begun_at: float, wall_s: float) -> Iterator[Record]:
        """A RunMemory, and a NodeMemory for each node."""
        allocations, allocated, temporary, left = self.nodes[:, 3:].sum(axis=0).tolist()
        sums = (allocations, allocated, temporary, left)
        yield RunMemory(point, self.peak, *sums, self.largest_peak, self.processes, begun_at, wall_s)
        for name, row, largest in zip(self.names, self.nodes.tolist(), self.largest.tolist(), strict=True):
            yield NodeMemory(point, name, *row, largest, self.processes)  # type: ignore[call-arg]

    def details(self, point: Point, begun_at: float) -> Iterator[Record]:
        """Lines, stacks and moments; `begun_at` is the Unix time at which the run began."""
        for (node, file, line), row in sorted(self.lines.items()):
            yield LineMemory(point, node, file, line, *row.tolist())
        yield from self._stacks(point)
        time, heap, rss = _thinned(self.moments)
        for at_s, held, resident in zip((time - begun_at).tolist(), heap.tolist(), rss.tolist(), strict=True):
            yield HeapPoint(point, max(at_s, 0.0), held, resident)

    def _stacks(self, point: Point) -> Iterator[Stack]:
        """The largest ones; what is left of each node is one more."""
        by_size = sorted(self.stacks.items(), key=lambda item: -int(item[1][0]))
        least = sum(int(row[0]) for _, row in by_size) / _SMALLEST_PART
        rest: dict[str, Ints] = {}
        for place, ((node, frames), row) in enumerate(by_size):
            if place < _MOST_STACKS and row[0] >= least:
                yield Stack(point, node, frames, float(row[0]), "B", int(row[1]))
            else:
                rest[node] = rest.get(node, 0) + row
        for node, row in rest.items():
            yield Stack(point, node, (SMALLER,), float(row[0]), "B", int(row[1]))


def read_held_memory(file: Path, finder: NodeFinder, nodes: Sequence[str], native: bool, with_details: bool) -> HeldMemory:
    """Read one process's capture, and attribute all of it."""
    capture = read_capture(file, native)
    stacks = capture.stacks
    ledger = Ledger(capture.events, len(stacks))
    found = attribute(stacks, finder, nodes, OUTSIDE)
    owner, names = found.owner, found.names
    peaks, at_own_peak = ledger.peaks_by(owner, len(names))
    own = [peak.bytes for peak in peaks]
    inclusive = [
        ledger.peak_of(found.under(node)).bytes if found.holds_others(node) else own[node] for node in range(len(names))
    ]
    at_peak, blocks = ledger.alive_at(ledger.peak.moment)
    by_stack = (at_peak, ledger.allocations, ledger.allocated, ledger.temporary, ledger.left)
    rows = np.array([own, inclusive, *(_sums(owner, column, len(names)) for column in by_stack)], np.int64).T
    peak = ledger.peak.bytes
    held_memory = HeldMemory(names, rows, np.array(own, np.int64), peak, peak)
    if with_details:
        columns = (ledger.allocations, ledger.allocated, at_own_peak, at_peak, ledger.temporary, ledger.left)
        held_memory.lines = _by_line(found, stacks, np.stack(columns, axis=1))
        held_memory.stacks = _by_calls(found, finder, stacks, np.stack((at_peak, blocks), axis=1))
        held_memory.moments = _moments(ledger, capture.snapshots)
    return held_memory


def _sums(owner: Ints, values: Ints, owners: int) -> Ints:
    return np.bincount(owner, values, owners).astype(np.int64)


def _by_line(found: Attribution, stacks: Stacks, table: Ints) -> dict[Site, Ints]:
    """Rows summed by the line of the innermost node; what no node did has no line."""
    lines: dict[Site, Ints] = {}
    for number in np.flatnonzero((found.site > 0) & table.any(axis=1)).tolist():
        _, file, line = stacks.frames[found.site[number]]
        site = found.names[found.owner[number]], file, line
        lines[site] = lines.get(site, 0) + table[number]
    return lines


def _by_calls(found: Attribution, finder: NodeFinder, stacks: Stacks, table: Ints) -> dict[Calls, Ints]:
    """Rows summed by the calls from the innermost node on; without a node, by all calls."""
    calls: dict[Calls, Ints] = {}
    for number in np.flatnonzero(table[:, 0] > 0).tolist():
        frames = stacks.of(number)
        owner = finder.owner(frames)
        key = (OUTSIDE, tuple(frames)) if owner is None else (owner[0], tuple(frames[owner[1] :]))
        calls[key] = calls.get(key, 0) + table[number]
    return calls


def _moments(ledger: Ledger, snapshots: Snapshots) -> Moments:
    heap = snapshots.heap if snapshots.seen is None else ledger.heap(snapshots.seen)
    assert heap is not None
    return snapshots.time_s, heap, snapshots.rss


def _together(parts: Sequence[Moments]) -> Moments:
    """The moments of all processes; at each, what every process was last seen to hold."""
    if len(parts) == 1:
        return parts[0]
    times = np.unique(np.concatenate([time for time, _, _ in parts]))
    heap, rss = np.zeros((2, len(times)), np.int64)
    for time, held, resident in parts:
        last = np.searchsorted(time, times, side="right")
        heap += np.concatenate(([0], held))[last]
        rss += np.concatenate((resident[:1], resident))[last] if len(resident) else 0
    return times, heap, rss


def _thinned(moments: Moments) -> Moments:
    """Of neighbouring moments the one with the most bytes, so that no more than 500 are left."""
    time, heap, rss = moments
    if len(time) <= _MOST_MOMENTS:
        return moments
    edges = np.linspace(0, len(time), _MOST_MOMENTS + 1).astype(int)[:-1]
    part = np.repeat(np.arange(len(edges)), np.diff(np.append(edges, len(time))))
    order = np.lexsort((heap, part))
    kept = order[np.append(np.flatnonzero(np.diff(part[order])), len(order) - 1)]
    return time[kept], heap[kept], rss[kept]


def _add(into: dict[K, Ints], other: dict[K, Ints]) -> None:
    for key, row in other.items():
        into[key] = into.get(key, 0) + row
