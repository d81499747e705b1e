"""How much of each large block a process ever touched, by what was seen of its pages and of its resident memory.

A block counts in full unless something shows that a part of it held nothing: the look at the end of the run for a block that
is alive then; for one that was released, at least two looks that agree, so that a block that is being filled is not taken for
an empty one. No block that the system gave fresh pages can hold more than resident memory rose.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from pocket_lab.profile.memory.capture import FREE, IS_RANGED, IS_RELEASE, Events, Ints, Mask, Snapshots, Stacks
from pocket_lab.profile.memory.held.residency import FILE, LEAST_BYTES, Residency, is_of_watch

_SLACK = 2**21  # Linux counts resident pages per core and adds the counts up late
_PATIENCE = 2.0  # a block was seen to its end if it was released within so many times the pause between looks
_SHORTEST_S = 0.02
_UNKNOWN = 2**62
_LARGEST_REUSED = 2**25  # larger blocks glibc always takes from the system (mallopt(3), M_MMAP_THRESHOLD)
_MALLOC_HEADER, _PAGE = 16, 4096  # such a block begins 16 bytes into a page


class Pieces(NamedTuple):
    """Blocks and parts of mapped ranges: event of the allocation and of the release, addresses, whether it was mapped.

    `died` is the number of events where the piece is alive at the end.
    """

    born: Ints
    died: Ints
    begin: Ints
    end: Ints
    is_ranged: Mask

    def selected(self, chosen: Ints) -> Pieces:
        """Return some of them."""
        return Pieces(self.born[chosen], self.died[chosen], self.begin[chosen], self.end[chosen], self.is_ranged[chosen])

    def joined(self, other: Pieces) -> Pieces:
        """Return those of both."""
        columns: list[Any] = [np.concatenate(pair) for pair in zip(self, other, strict=True)]
        return Pieces(*columns)


class Held(NamedTuple):
    """Bytes by piece: the most that it held, what it held at the end, what of it belongs to a file.

    `is_most` is whether a piece is known to hold at most that much, and not exactly.
    """

    most: Ints
    last: Ints
    of_file: Ints
    is_most: Mask


@dataclass(frozen=True, slots=True)
class Touched:
    """Says of pieces how many of their bytes were held; without a Residency, all."""

    residency: Residency | None = None
    snapshots: Snapshots | None = None

    def held(self, pieces: Pieces, events: int) -> Held:
        """Return what the pieces of a capture with this many events held."""
        size = pieces.end - pieces.begin
        held = Held(size.copy(), size.copy(), np.zeros_like(size), np.zeros(len(size), np.bool_))
        large = np.flatnonzero(size >= LEAST_BYTES)
        if self.residency is not None and len(large):
            some = pieces.selected(large)
            columns: tuple[np.ndarray[Any, Any], ...] = held
            for column, value in zip(columns, self._of_large(some, events, self.residency), strict=True):
                column[large] = value
        return held

    def most_rss(self) -> int:
        """Return the most bytes that were resident at once; 0 where that is unknown or some were swapped out."""
        residency, seen = self.residency, self._rss()
        if residency is None or residency.swapped:
            return 0
        return max(residency.most_rss, int(seen.max(initial=0))) if residency.most_rss else 0

    def _of_large(self, pieces: Pieces, events: int, residency: Residency) -> Held:
        size = pieces.end - pieces.begin
        most, last, of_file, unseen = size.copy(), size.copy(), np.zeros_like(size), np.zeros_like(size)
        if residency.looked and len(residency.begun_s):
            most, last, of_file, unseen = _Looks(residency, self.snapshots, events).of(pieces)
        full = size - most < LEAST_BYTES
        most[full] = size[full]
        last = np.where(size - last < LEAST_BYTES, np.minimum(size, most), np.minimum(last, most))
        unseen = np.minimum(unseen, size - most)
        most += unseen
        bound = self._bound(pieces)
        is_most = (most > bound + LEAST_BYTES) | (unseen >= LEAST_BYTES)
        most = np.minimum(most, np.where(is_most, bound, most))
        return Held(most, np.minimum(last, most), of_file, is_most)

    def _bound(self, pieces: Pieces) -> Ints:
        """Return the most that each piece can have held by resident memory."""
        highest = self.most_rss()
        if not highest:
            return np.full(len(pieces.born), _UNKNOWN)
        known = [value for value in (*self._rss().tolist(), self.residency.first_rss if self.residency else 0) if value]
        rise = max(highest - min(known, default=0), 0) + _SLACK
        is_own_mapping = (pieces.begin % _PAGE == _MALLOC_HEADER) & (pieces.end - pieces.begin > _LARGEST_REUSED)
        is_fresh = pieces.is_ranged | is_own_mapping
        return np.where(is_fresh, min(rise, highest), highest)

    def _rss(self) -> Ints:
        return np.empty(0, np.int64) if self.snapshots is None else self.snapshots.rss


class _Looks:
    """The looks of a process at the events of its capture, which memray's own snapshots date."""

    def __init__(self, residency: Residency, snapshots: Snapshots | None, events: int) -> None:
        self._events = events
        self._begun_s, self._ended_s = residency.begun_s, residency.ended_s
        starts = np.searchsorted(residency.holes[:, 0], np.arange(len(residency.begun_s) + 1))
        self._holes = [residency.holes[first:last, 1:] for first, last in pairwise(starts.tolist())]
        seen = None if snapshots is None else snapshots.seen
        self._has_times = seen is not None and len(seen) > 0
        self._snapshot_s = snapshots.time_s if snapshots is not None else np.empty(0)
        self._rss = snapshots.rss if snapshots is not None else np.empty(0, np.int64)
        self._seen = np.concatenate(([0], np.empty(0, np.int64) if seen is None else seen, [events]))
        within = slice(0, -1 if self._has_times else 0)  # the last look is of the end
        self._before = self._seen[np.searchsorted(self._snapshot_s, self._begun_s[within])]
        self._after = self._seen[np.searchsorted(self._snapshot_s, self._ended_s[within]) + 1]

    def of(self, pieces: Pieces) -> tuple[Ints, Ints, Ints, Ints]:
        """Return the most that each piece held, what it held at last, what belongs to a file, and what may have been unseen."""
        size = pieces.end - pieces.begin
        most, last, of_file = size.copy(), size.copy(), np.zeros_like(size)
        alive = np.flatnonzero(pieces.died >= self._events)
        if len(alive):
            last[alive], of_file[alive] = self._at(len(self._holes) - 1, pieces, alive)
            most[alive] = last[alive]
        first = np.searchsorted(self._before, pieces.born, side="right")
        until = np.searchsorted(self._after, pieces.died, side="right")
        ended = np.flatnonzero((until - first >= 2) & (pieces.died < self._events))
        for look in np.unique(until[ended]).tolist():
            here = ended[until[ended] == look]
            before, _ = self._at(look - 2, pieces, here)
            now, files = self._at(look - 1, pieces, here)
            rise, is_seen = self._after_look(look - 1, pieces.died[here])
            stable = is_seen & (np.abs(now - before) < LEAST_BYTES)
            chosen = here[stable]
            most[chosen] = np.minimum(now[stable] + rise[stable], size[chosen])
            last[chosen], of_file[chosen] = most[chosen], files[stable]
        for look in range(len(self._before)):  # what was given back before the last look
            here = np.flatnonzero((first <= look) & (look < until) & (most < size))
            if len(here):
                most[here] = np.maximum(most[here], self._at(look, pieces, here)[0])
        few = np.flatnonzero((pieces.died >= self._events) & (until - first < 2) & (size - most >= LEAST_BYTES))
        unseen = np.zeros_like(size)
        if len(few):
            unseen[few] = self._given_back(pieces, few)
        return most, last, of_file, unseen

    def _given_back(self, pieces: Pieces, few: Ints) -> Ints:
        """Return the most that pieces can have held and given back before the end, by how far resident memory fell.

        The release of other large blocks explains a part of the fall.
        """
        if not self._has_times:
            return np.full(len(few), _UNKNOWN)
        others = np.ones(len(pieces.born), np.bool_)
        others[few] = False
        size = (pieces.end - pieces.begin)[others]
        seen = self._seen[1:-1]
        alive = _sum_before(pieces.born[others], size, seen) - _sum_before(pieces.died[others], size, seen)
        fall = self._rss - self._rss[-1] - (alive - alive[-1])
        largest = np.append(np.maximum.accumulate(fall[::-1])[::-1], 0)
        fell = largest[np.searchsorted(seen, pieces.born[few], side="right")]
        return np.where(fell >= LEAST_BYTES, fell, 0)

    def _at(self, look: int, pieces: Pieces, chosen: Ints) -> tuple[Ints, Ints]:
        """Return the bytes that pieces held at a look, and those of files."""
        begin, end = pieces.begin[chosen], pieces.end[chosen]
        holes = self._holes[look]
        empty = _overlap(holes, begin, end)
        files = _overlap(holes[holes[:, 2] == FILE], begin, end)
        return end - begin - empty, files

    def _after_look(self, look: int, died: Ints) -> tuple[Ints, Mask]:
        """Return how far resident memory rose between a look and the release of pieces, and whether it came soon enough."""
        at_s = float(self._begun_s[look])
        pause_s = max(at_s - float(self._begun_s[look - 1]), _SHORTEST_S)
        ends = np.minimum(np.searchsorted(self._seen[1:-1], died), len(self._snapshot_s) - 1)
        start = max(int(np.searchsorted(self._snapshot_s, at_s)) - 1, 0)
        highest = np.maximum.accumulate(self._rss[start:])
        rise = highest[np.maximum(ends - start, 0)] - self._rss[start]
        return np.where(rise >= LEAST_BYTES, rise, 0), self._snapshot_s[ends] - at_s <= _PATIENCE * pause_s


def _sum_before(event: Ints, size: Ints, moments: Ints) -> Ints:
    """Return the sum of the sizes of all events before each moment."""
    order = np.argsort(event, kind="stable")
    return np.concatenate(([0], np.cumsum(size[order])))[np.searchsorted(event[order], moments)]


def _overlap(holes: Ints, begin: Ints, end: Ints) -> Ints:
    """Return how many bytes between each begin and end are in holes, which are in ascending order."""
    if not len(holes):
        return np.zeros(len(begin), np.int64)
    first, length = holes[:, 0], holes[:, 1] - holes[:, 0]
    before = np.concatenate(([0], np.cumsum(length)))

    def below(address: Ints) -> Ints:
        index = np.searchsorted(first, address, side="right") - 1
        inside = np.clip(address - first[index], 0, length[index])
        return np.where(index < 0, 0, before[np.maximum(index, 0)] + inside)

    return below(end) - below(begin)


def without_watch(events: Events, stacks: Stacks) -> Events:
    """Return the events without what the thread of a watch allocated, which becomes a release of what was at the address."""
    threads = np.unique(events.thread[_under_watch(stacks)[events.stack]])
    own = np.isin(events.thread, threads) & ~IS_RELEASE.take(events.allocator) & ~IS_RANGED.take(events.allocator)
    if not own.any():
        return events
    allocator, stack, size = events.allocator.copy(), events.stack.copy(), events.size.copy()
    allocator[own], stack[own], size[own] = FREE, 0, 0
    return Events(events.thread, events.address, size, allocator, stack)


def _under_watch(stacks: Stacks) -> Mask:
    """Return by stack whether it is one of the thread of a watch; a stack follows its parent."""
    under = [is_of_watch(frame) for frame in stacks.frames]
    if any(under):
        for number, parent in enumerate(stacks.parents):
            under[number] = under[number] or under[parent]
    return np.array(under)
