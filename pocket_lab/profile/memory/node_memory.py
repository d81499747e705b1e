"""The capture of one process attributed to the nodes: their peaks, lines, stacks and moments."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pocket_lab.profile.memory.allocation_ledger import AllocationLedger
from pocket_lab.profile.memory.attribution import Attribution, attribute
from pocket_lab.profile.memory.capture import Ints, Snapshots, Stacks
from pocket_lab.profile.memory.capture_reader import read_capture
from pocket_lab.profile.memory.held.caveats import excess_of
from pocket_lab.profile.memory.held.residency import read_residency
from pocket_lab.profile.memory.held.touched import Touched, without_watch
from pocket_lab.profile.memory.memory_totals import Calls, MemoryTotals, Site
from pocket_lab.profile.memory.moments import Moments
from pocket_lab.profile.node_code import OUTSIDE, RUNTIME, NodeFinder, own_frames


def read_node_memory(file: Path, finder: NodeFinder, nodes: Sequence[str], native: bool, with_details: bool) -> MemoryTotals:
    """Read the capture of one process and attribute all of it; `with_details` adds lines, stacks and moments."""
    capture = read_capture(file, native)
    stacks = capture.stacks
    residency = read_residency(file)
    events = capture.events if residency is None else without_watch(capture.events, stacks)
    ledger = AllocationLedger(events, len(stacks), Touched(residency, capture.snapshots))
    attribution = attribute(stacks, finder, nodes, OUTSIDE)
    owner, names = attribution.owner, attribution.names
    peaks, at_own_peak = ledger.peaks_by(owner, len(names))
    own = [peak.bytes for peak in peaks]
    inclusive = [
        ledger.peak_of(attribution.under(node)).bytes if attribution.holds_others(node) else own[node]
        for node in range(len(names))
    ]
    at_peak, blocks = ledger.alive_after(ledger.peak.changes)
    by_stack = (at_peak, ledger.allocations, ledger.allocated, ledger.temporary, ledger.left)
    rows = np.array([own, inclusive, *(_sums(owner, column, len(names)) for column in by_stack)], np.int64).T
    peak = ledger.peak.bytes
    totals = MemoryTotals(names, rows, np.array(own, np.int64), peak, peak)
    totals.reserved = np.array([_sums(owner, column, len(names)) for column in ledger.reserved.T]).T
    totals.excess = [excess for excess in (excess_of(peak, residency),) if excess is not None]
    if with_details:
        columns = (ledger.allocations, ledger.allocated, at_own_peak, at_peak, ledger.temporary, ledger.left)
        totals.lines = _by_line(attribution, stacks, np.stack(columns, axis=1))
        totals.stacks = _by_calls(finder, stacks, np.stack((at_peak, blocks), axis=1))
        totals.moments = _moments(ledger, capture.snapshots)
    return totals


def _sums(owner: Ints, values: Ints, owners: int) -> Ints:
    return np.bincount(owner, values, owners).astype(np.int64)


def _by_line(attribution: Attribution, stacks: Stacks, table: Ints) -> dict[Site, Ints]:
    """Sum rows by the line of the innermost node; rows outside the nodes have no line."""
    lines: dict[Site, Ints] = {}
    for number in np.flatnonzero((attribution.site > 0) & table.any(axis=1)).tolist():
        _, file, line = stacks.frames[attribution.site[number]]
        site = attribution.names[attribution.owner[number]], file, line
        lines[site] = lines.get(site, 0) + table[number]
    return lines


def _by_calls(finder: NodeFinder, stacks: Stacks, table: Ints) -> dict[Calls, Ints]:
    """Sum rows by the frames from the innermost node inwards; outside the nodes, by all frames that are not of this package."""
    calls: dict[Calls, Ints] = {}
    for number in np.flatnonzero(table[:, 0] > 0).tolist():
        frames = stacks.trace(number)
        owner = finder.owner(frames)
        key = (OUTSIDE, own_frames(frames, 0) or (RUNTIME,)) if owner is None else (owner[0], own_frames(frames, owner[1]))
        calls[key] = calls.get(key, 0) + table[number]
    return calls


def _moments(ledger: AllocationLedger, snapshots: Snapshots) -> Moments:
    heap = snapshots.heap if snapshots.seen is None else ledger.heap(snapshots.seen)
    assert heap is not None
    return Moments(snapshots.time_s, heap, snapshots.rss)
