"""The memory of one run by node, line and stack, summed over its processes, and its records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from pocket_lab.profile.memory.capture import Frame, Ints
from pocket_lab.profile.memory.held.caveats import Excess, Reserved, excess_caveat, reserved_caveat
from pocket_lab.profile.memory.moments import NO_MOMENTS, Moments, add_processes, thin
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.memory import HeapPoint, LineMemory, NodeMemory, RunMemory
from pocket_lab.records.point import Point
from pocket_lab.records.record import Record
from pocket_lab.records.sources import Stack

_MOST_STACKS, _SMALLEST_PART = 1000, 10_000
SMALLER: Frame = ("(smaller stacks)", "", 0)

K = TypeVar("K")
Site = tuple[str, str, int]  # node, file, line
Calls = tuple[str, tuple[Frame, ...]]  # node, frames


@dataclass(slots=True)
class MemoryTotals:
    """Sums over processes; arrays by node have one row for each of the `names`, the last of which is "outside the nodes".

    Columns of `nodes`: own peak, inclusive peak, bytes at the peak of the process, allocations, allocated bytes, temporary
    allocations, bytes left. Of `lines`: allocations, allocated bytes, bytes at the node's own peak and at the peak of the
    process, temporary allocations, bytes left. Of `stacks`: bytes and blocks alive at the peak of the process. `excess` has
    the processes whose peak is above all that they had resident.
    """

    names: tuple[str, ...]
    nodes: Ints
    largest: Ints  # the largest own peak within one process, by node
    peak: int
    largest_peak: int
    processes: int = 1
    lines: dict[Site, Ints] = field(default_factory=dict)
    stacks: dict[Calls, Ints] = field(default_factory=dict)
    moments: Moments = NO_MOMENTS
    reserved: Ints | None = None  # by node, the columns of Reserved
    excess: list[Excess] = field(default_factory=list)

    @classmethod
    def of(cls, parts: Sequence[MemoryTotals]) -> MemoryTotals:
        """Add up the processes of a run; the first part is changed and returned."""
        first, *others = parts
        for other in others:
            first.nodes = first.nodes + other.nodes
            first.largest = np.maximum(first.largest, other.largest)
            first.peak += other.peak
            first.largest_peak = max(first.largest_peak, other.largest_peak)
            first.processes += 1
            if first.reserved is not None and other.reserved is not None:
                first.reserved = first.reserved + other.reserved
            first.excess += other.excess
            _add(first.lines, other.lines)
            _add(first.stacks, other.stacks)
        first.moments = add_processes([part.moments for part in parts])
        return first

    def totals(self, point: Point, begun_at: float, wall_s: float) -> Iterator[Record]:
        """Yield a RunMemory, and a NodeMemory for each node."""
        allocations, allocated, temporary, left = self.nodes[:, 3:].sum(axis=0).tolist()
        sums = (allocations, allocated, temporary, left)
        yield RunMemory(point, self.peak, *sums, self.largest_peak, self.processes, begun_at, wall_s)
        for name, row, largest in zip(self.names, self.nodes.tolist(), self.largest.tolist(), strict=True):
            yield NodeMemory(point, name, *row, largest, self.processes)  # type: ignore[call-arg]

    def caveats(self, point: Point) -> Iterator[Caveat]:
        """Yield what was reserved and not held, and where a process is said to have held more than it had resident."""
        if self.reserved is not None:
            rows = zip(self.names, self.reserved.tolist(), strict=True)
            yield from reserved_caveat(point, {node: Reserved(*row) for node, row in rows})
        if self.excess:
            yield excess_caveat(point, max(self.excess, key=lambda excess: excess.peak - excess.most_rss))

    def details(self, point: Point, begun_at: float) -> Iterator[Record]:
        """Yield LineMemory, Stacks and HeapPoints; `begun_at` is the Unix time of the start of the run."""
        for (node, file, line), row in sorted(self.lines.items()):
            yield LineMemory(point, node, file, line, *row.tolist())
        yield from self._stacks(point)
        time_s, heap, rss = thin(self.moments)
        for at_s, held, resident in zip((time_s - begun_at).tolist(), heap.tolist(), rss.tolist(), strict=True):
            yield HeapPoint(point, max(at_s, 0.0), held, resident)

    def _stacks(self, point: Point) -> Iterator[Stack]:
        """Yield the largest stacks, and for each node one more with the sum of the others."""
        by_size = sorted(self.stacks.items(), key=lambda item: -int(item[1][0]))
        least = sum(int(row[0]) for _, row in by_size) / _SMALLEST_PART
        rest: dict[str, Ints] = {}
        for rank, ((node, frames), row) in enumerate(by_size):
            if rank < _MOST_STACKS and row[0] >= least:
                yield Stack(point, node, frames, float(row[0]), "B", int(row[1]))
            else:
                rest[node] = rest.get(node, 0) + row
        for node, row in rest.items():
            yield Stack(point, node, (SMALLER,), float(row[0]), "B", int(row[1]))


def _add(totals: dict[K, Ints], other: dict[K, Ints]) -> None:
    for key, row in other.items():
        totals[key] = totals.get(key, 0) + row
