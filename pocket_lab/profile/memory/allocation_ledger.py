"""Which bytes were alive when: the allocations and releases of a capture matched with each other, for all stacks at once.

The ledger is a table with one row per change. Its bytes are positive for an allocation and negative for a release, and both
belong to the stack that allocated the block. A peak is the maximum of a running sum.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from pocket_lab.profile.memory.capture import IS_RANGED, IS_RELEASE, MMAP, Events, Ints, run_codes

Mask = np.ndarray[Any, np.dtype[np.bool_]]

_MOST_BETWEEN = 1  # further allocations of its thread during the life of a temporary block: memray's own threshold


class Peak(NamedTuple):
    """The largest number of bytes alive at once, and how many changes led to it."""

    bytes: int
    changes: int


class AllocationLedger:
    """The changes of one process in time order; arrays by stack are indexed by stack number.

    Totals by stack: `allocations`, `allocated` (bytes), `temporary` (blocks released by the allocating thread after at most
    one other allocation, as memray counts them) and `left` (bytes alive at the end).
    """

    def __init__(self, events: Events, stacks: int) -> None:
        self._stacks = stacks
        ranged = IS_RANGED.take(events.allocator)
        is_allocation = ~IS_RELEASE.take(events.allocator)
        block, end = _match_blocks(events, ranged, is_allocation)
        parts = [_block_changes(events, is_allocation & ~ranged, block, end)]
        is_temporary = _is_temporary(events, is_allocation, block, end)
        if ranged.any():
            changes, whole = _range_changes(events, np.flatnonzero(ranged))
            parts.append(changes)
            is_temporary[whole[_is_short_lived(events, is_allocation, *whole.T)][:, 0]] = True
        self._event, self._stack, self._bytes, self._blocks = _merge(parts)
        self._alive = np.cumsum(self._bytes)
        self.peak = _highest(self._alive)
        self.allocations = self._count(events.stack[is_allocation])
        self.allocated = self._sum(events.stack[is_allocation], events.size[is_allocation])
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


def _block_changes(events: Events, is_allocation: Mask, block: Ints, end: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    """Return (event, stack, bytes, blocks) of every change; within one event the end of a block precedes the next begin."""
    ends, begins = np.zeros(len(events), np.int64), np.flatnonzero(is_allocation)
    ends[end] = block + 1
    slots = np.zeros(2 * len(events), np.bool_)
    slots[2 * end], slots[2 * begins + 1] = True, True
    slot = np.flatnonzero(slots)
    event, is_begin = slot >> 1, (slot & 1).astype(np.bool_)
    source = np.where(is_begin, event, ends[event] - 1)
    sign = np.where(is_begin, 1, -1)
    return event, events.stack[source], sign * events.size[source], sign


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


def _range_changes(events: Events, ranged: Ints) -> tuple[tuple[Ints, Ints, Ints, Ints], Ints]:
    """Return the changes of address ranges, and (allocation, release) of each range that was released in one piece.

    A range is mapped as a whole and may be unmapped in parts. A Python loop suffices, since ranges are few.
    """
    rows: list[tuple[int, int, int, int]] = []
    whole: list[tuple[int, int]] = []
    ranges: list[tuple[int, int, int]] = []  # begin, end, event
    for event in ranged.tolist():
        begin, size = int(events.address[event]), int(events.size[event])
        end = begin + size
        if events.allocator[event] == MMAP:
            ranges.append((begin, end, event))
            rows.append((event, int(events.stack[event]), size, 1))
            continue
        kept = []
        for first, last, block in ranges:
            left, right = max(first, begin), min(last, end)
            if left >= right:
                kept.append((first, last, block))
                continue
            rest = [part for part in ((first, left, block), (right, last, block)) if part[0] < part[1]]
            kept += rest
            rows.append((event, int(events.stack[block]), left - right, len(rest) - 1))
            if (first, last) == (begin, end):
                whole.append((block, event))
        ranges = kept
    changes = np.array(rows, np.int64).reshape(-1, 4)
    return (changes[:, 0], changes[:, 1], changes[:, 2], changes[:, 3]), np.array(whole, np.int64).reshape(-1, 2)


def _merge(parts: list[tuple[Ints, Ints, Ints, Ints]]) -> tuple[Ints, Ints, Ints, Ints]:
    """Merge the changes of blocks and of ranges in the order of their events; changes of ranges are few."""
    if len(parts) == 1:
        return parts[0]
    many, few = parts
    index = np.searchsorted(many[0], few[0])
    event, stack, size, blocks = (np.insert(one, index, other) for one, other in zip(many, few, strict=True))
    return event, stack, size, blocks
