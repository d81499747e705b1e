"""Which bytes were alive when: the allocations and releases of a capture matched with each other, for all stacks at once.

The ledger is a table with one row per change. Its bytes are positive for an allocation and negative for a release, and both
belong to the stack that allocated the block. A peak is the maximum of a running sum.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pocket_lab.profile.memory.capture import IS_RANGED, IS_RELEASE, MMAP, Events, Ints, Mask, run_codes
from pocket_lab.profile.memory.held.residency import LEAST_BYTES
from pocket_lab.profile.memory.held.touched import Held, Pieces, Touched

Changes = tuple[Ints, Ints, Ints, Ints]  # event, stack, bytes, blocks

_MOST_BETWEEN = 1  # further allocations of its thread during the life of a temporary block: memray's own threshold


class Peak(NamedTuple):
    """The largest number of bytes alive at once, and how many changes led to it."""

    bytes: int
    changes: int


class AllocationLedger:
    """The changes of one process in time order; arrays by stack are indexed by stack number.

    Totals by stack: `allocations`, `allocated` (bytes), `temporary` (blocks released by the allocating thread after at most
    one other allocation, as memray counts them), `left` (bytes alive at the end) and `reserved`, with the columns of Reserved.
    A block or mapping has as many bytes as `touched` says that it held.
    """

    def __init__(self, events: Events, stacks: int, touched: Touched | None = None) -> None:
        self._stacks = stacks
        touched = touched or Touched()
        ranged = IS_RANGED.take(events.allocator)
        is_allocation = ~IS_RELEASE.take(events.allocator)
        block, end = _match_blocks(events, ranged, is_allocation)
        is_temporary = _is_temporary(events, is_allocation, block, end)
        ranges = _Ranges(events, np.flatnonzero(ranged))
        whole = ranges.released_whole
        is_temporary[whole[_is_short_lived(events, is_allocation, *whole.T)][:, 0]] = True
        pieces = _large_blocks(events, is_allocation & ~ranged, block, end).joined(ranges.pieces)
        held = touched.held(pieces, len(events))
        size = _held_sizes(events, pieces, held)
        many = _block_changes(events, is_allocation & ~ranged, block, end, size)
        few = _merge(ranges.changes(size, held.most[pieces.is_ranged]), _given_back(events, pieces, held))
        self._event, self._stack, self._bytes, self._blocks = _merge(many, few)
        self._alive = np.cumsum(self._bytes)
        self.peak = _highest(self._alive)
        self.reserved = self._reserved(events, pieces, held)
        self.allocations = self._count(events.stack[is_allocation])
        self.allocated = self._sum(events.stack[is_allocation], size[is_allocation])
        self.temporary = self._count(events.stack[is_allocation & is_temporary])
        self.left = self.alive_after(len(self._event))[0]

    def alive_after(self, changes: int) -> tuple[Ints, Ints]:
        """Return the bytes and blocks alive after this number of changes, by stack."""
        stack = self._stack[:changes]
        return self._sum(stack, self._bytes[:changes]), self._sum(stack, self._blocks[:changes])

    def heap(self, events: Ints) -> Ints:
        """Return the bytes alive after these numbers of events of the capture."""
        changes = np.searchsorted(self._event, events)
        return np.concatenate(([0], self._alive))[changes]

    def peak_of(self, stacks: Mask) -> Peak:
        """Return the peak of the selected stacks."""
        rows = np.flatnonzero(stacks[self._stack])
        peak = _highest(np.cumsum(self._bytes[rows]))
        return Peak(peak.bytes, int(rows[peak.changes - 1]) + 1 if peak.changes else 0)

    def peaks_by(self, owner: Ints, owners: int) -> tuple[list[Peak], Ints]:
        """Return the peak of each owner of stacks, and by stack the bytes alive at the peak of its owner."""
        row_owner = owner[self._stack]
        order = np.argsort(row_owner.astype(np.uint16) if owners < 2**16 else row_owner, kind="stable")
        ends = np.cumsum(np.bincount(row_owner, minlength=owners))
        peaks, held = [], np.zeros(self._stacks, np.int64)
        for rows in np.split(order, ends[:-1]):
            peak = _highest(np.cumsum(self._bytes[rows]))
            until = rows[: peak.changes]
            held += self._sum(self._stack[until], self._bytes[until])
            peaks.append(Peak(peak.bytes, int(until[-1]) + 1 if peak.changes else 0))
        return peaks, held

    def _reserved(self, events: Events, pieces: Pieces, held: Held) -> Ints:
        requested = pieces.end - pieces.begin
        less = np.flatnonzero(held.most < requested)
        stack = events.stack[pieces.born[less]]
        columns = (requested[less], held.most[less], held.of_file[less], held.is_most[less].astype(np.int64))
        return np.stack((self._count(stack), *(self._sum(stack, column) for column in columns)), axis=1)

    def _sum(self, stack: Ints, values: Ints) -> Ints:
        return np.bincount(stack, values, self._stacks).astype(np.int64)  # exact up to 2 ** 53

    def _count(self, stack: Ints) -> Ints:
        return np.bincount(stack, minlength=self._stacks).astype(np.int64)


def _highest(alive: Ints) -> Peak:
    """Return the last maximum, as memray does."""
    if not len(alive) or (most := int(alive.max())) <= 0:
        return Peak(0, 0)
    return Peak(most, len(alive) - int(np.argmax(alive[::-1] == most)))


def _match_blocks(events: Events, ranged: Mask, is_allocation: Mask) -> tuple[Ints, Ints]:
    """Return the index of each block's allocation, and of the event that ended it.

    That is the next event at its address: its release, or another allocation if memray did not see the release.
    """
    plain = np.flatnonzero(~ranged)
    order, address = _by_address(events.address[plain])
    order = plain[order]
    follows = (address[1:] == address[:-1]) & is_allocation[order[:-1]]
    return order[:-1][follows], order[1:][follows]


def _by_address(address: Ints) -> tuple[Ints, Ints]:
    """Return the order by address and then by time, and in that order a key that is equal for equal addresses.

    numpy sorts numbers several times faster than it computes their order, so address and index are packed into one number
    where they fit: the addresses of a process are in two regions, and each is counted from its first address.
    """
    if not len(address):
        return address, address
    low, high = int(address.min()), int(address.max())
    near = address < (low + high) // 2
    first_end = int(address[near].max(initial=low))
    second = int(address[~near].min(initial=high))
    bits = len(address).bit_length()
    if high - second + first_end - low + 1 < 2 ** (63 - bits):
        close = np.where(near, address - low, address - (second - first_end + low - 1))
        packed = np.sort((close << bits) | np.arange(len(address)))
        return packed & (2**bits - 1), packed >> bits
    order = np.argsort(address, kind="stable")
    return order, address[order]


def _large_blocks(events: Events, is_block: Mask, block: Ints, end: Ints) -> Pieces:
    born = np.flatnonzero(is_block & (events.size >= LEAST_BYTES))
    died = np.full(len(events), len(events))
    died[block] = end
    begin = events.address[born]
    return Pieces(born, died[born], begin, begin + events.size[born], np.zeros(len(born), np.bool_))


def _held_sizes(events: Events, pieces: Pieces, held: Held) -> Ints:
    """Return the size of each allocation, of those in pieces as much as the pieces held."""
    if not len(pieces.born):
        return events.size
    born, piece = np.unique(pieces.born, return_inverse=True)
    size = events.size.copy()
    size[born] = np.bincount(piece, held.most).astype(np.int64)
    return size


def _given_back(events: Events, pieces: Pieces, held: Held) -> Changes:
    """Return what is alive at the end and holds less then than before, as changes after the last event."""
    less = np.flatnonzero((pieces.died >= len(events)) & (held.last < held.most))
    end = np.full(len(less), len(events))
    return end, events.stack[pieces.born[less]], (held.last - held.most)[less], np.zeros(len(less), np.int64)


def _block_changes(events: Events, is_block: Mask, block: Ints, end: Ints, size: Ints) -> Changes:
    """Return every change; within one event the end of a block precedes the next begin."""
    ends, begins = np.zeros(len(events), np.int64), np.flatnonzero(is_block)
    ends[end] = block + 1
    slots = np.zeros(2 * len(events), np.bool_)
    slots[2 * end], slots[2 * begins + 1] = True, True
    slot = np.flatnonzero(slots)
    event, is_begin = slot >> 1, (slot & 1).astype(np.bool_)
    source = np.where(is_begin, event, ends[event] - 1)
    sign = np.where(is_begin, 1, -1)
    return event, events.stack[source], sign * size[source], sign


def _is_temporary(events: Events, is_allocation: Mask, block: Ints, end: Ints) -> Mask:
    is_temporary = np.zeros(len(events), np.bool_)
    freed = ~is_allocation[end]
    block, end = block[freed], end[freed]
    is_temporary[block[_is_short_lived(events, is_allocation, block, end)]] = True
    return is_temporary


def _is_short_lived(events: Events, is_allocation: Mask, block: Ints, end: Ints) -> Mask:
    """Return whether the thread that allocated a block also released it, with at most one other allocation in between."""
    thread = run_codes(events.thread)
    if int(thread.max(initial=0)) == 0:
        count = np.cumsum(is_allocation)
    else:
        order = np.argsort(thread.astype(np.uint16) if int(thread.max()) < 2**16 else thread, kind="stable")
        count = np.empty(len(events), np.int64)
        count[order] = np.cumsum(is_allocation[order])
    result: Mask = (thread[block] == thread[end]) & (count[end] - count[block] <= _MOST_BETWEEN)
    return result


class _Ranges:
    """The address ranges of a capture: a range is mapped as a whole and may be unmapped in `pieces`.

    `released_whole` has rows (allocation, release) of those that were released in one piece. A Python loop suffices, since
    ranges are few.
    """

    def __init__(self, events: Events, ranged: Ints) -> None:
        pieces: list[tuple[int, int, int, int]] = []  # born, died, begin, end
        rows: list[tuple[int, int, int, int]] = []  # event, allocation, piece released, blocks
        whole: list[tuple[int, int]] = []
        ranges: list[tuple[int, int, int]] = []  # begin, end, allocation
        for event in ranged.tolist():
            begin, size = int(events.address[event]), int(events.size[event])
            end = begin + size
            if events.allocator[event] == MMAP:
                ranges.append((begin, end, event))
                rows.append((event, event, -1, 1))
                continue
            kept = []
            for first, last, block in ranges:
                left, right = max(first, begin), min(last, end)
                if left >= right:
                    kept.append((first, last, block))
                    continue
                rest = [part for part in ((first, left, block), (right, last, block)) if part[0] < part[1]]
                kept += rest
                rows.append((event, block, len(pieces), len(rest) - 1))
                pieces.append((block, event, left, right))
                if (first, last) == (begin, end):
                    whole.append((block, event))
            ranges = kept
        pieces += [(block, len(events), left, right) for left, right, block in ranges]
        table = np.array(pieces, np.int64).reshape(-1, 4)
        self._rows = np.array(rows, np.int64).reshape(-1, 4)
        self._stack = events.stack
        columns: list[Ints] = list(table.T)
        self.pieces = Pieces(columns[0], columns[1], columns[2], columns[3], np.ones(len(table), np.bool_))
        self.released_whole = np.array(whole, np.int64).reshape(-1, 2)

    def changes(self, size: Ints, held: Ints) -> Changes:
        """Return the changes; `size` is what each allocation held, `held` what each piece did."""
        event, allocation, piece, blocks = self._rows.T
        is_release = piece >= 0
        bytes_ = size[allocation]
        bytes_[is_release] = -held[piece[is_release]]
        return event, self._stack[allocation], bytes_, blocks


def _merge(many: Changes, few: Changes) -> Changes:
    """Merge two tables of changes in the order of their events."""
    if not len(few[0]):
        return many
    index = np.searchsorted(many[0], few[0], side="right")
    event, stack, size, blocks = (np.insert(one, index, other) for one, other in zip(many, few, strict=True))
    return event, stack, size, blocks
