"""What was alive when: the allocations and releases of a capture set against each other, for every stack at once.

The book is kept in columns: a row is a change of what is alive, its bytes positive for a block that was handed out and
negative for one that was given back, both under the stack that allocated it. A peak is then the maximum of a running sum.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from pocket_lab.profile.memory.capture import IS_RANGED, IS_RELEASE, MMAP, Events, Ints, run_codes

Mask = np.ndarray[Any, np.dtype[np.bool_]]

_BETWEEN = 1  # allocations of its thread during the life of a temporary block: memray's own threshold


class Peak(NamedTuple):
    """The most bytes alive at once, and the number of the changes until then."""

    bytes: int
    moment: int


class Ledger:
    """The changes of one process, in their order; arrays by stack have a row for each number of a stack.

    `allocations`, `allocated` (bytes) and `temporary` (blocks given back by their own thread after at most one more
    allocation, as memray counts them) are totals by stack, `left` the bytes alive at the end.
    """

    def __init__(self, events: Events, stacks: int) -> None:
        self._stacks = stacks
        ranged = IS_RANGED.take(events.allocator)
        made = ~IS_RELEASE.take(events.allocator)
        block, end = _matched(events, ranged, made)
        parts = [_plain_changes(events, made & ~ranged, block, end)]
        is_temporary = _is_temporary(events, made, block, end)
        if ranged.any():
            changes, whole = _range_changes(events, np.flatnonzero(ranged))
            parts.append(changes)
            is_temporary[whole[_brief(events, made, *whole.T)][:, 0]] = True
        event, self._stack, self._bytes, self._blocks = _in_order(parts)
        self._seen = event
        self._alive = np.cumsum(self._bytes)
        self.peak = _highest(self._alive)
        self.allocations = self._count(events.stack[made])
        self.allocated = self._sum(events.stack[made], events.size[made])
        self.temporary = self._count(events.stack[made & is_temporary])
        self.left = self.alive_at(len(event))[0]

    def alive_at(self, moment: int) -> tuple[Ints, Ints]:
        """Bytes and blocks alive after so many changes, by stack."""
        stack = self._stack[:moment]
        return self._sum(stack, self._bytes[:moment]), self._sum(stack, self._blocks[:moment])

    def heap(self, seen: Ints) -> Ints:
        """Bytes alive after so many events of the capture."""
        changes = np.searchsorted(self._seen, seen)
        return np.concatenate(([0], self._alive))[changes]

    def peak_of(self, stacks: Mask) -> Peak:
        """The most bytes alive at once under the stacks that are chosen."""
        moments = np.flatnonzero(stacks[self._stack])
        peak = _highest(np.cumsum(self._bytes[moments]))
        return Peak(peak.bytes, int(moments[peak.moment - 1]) + 1 if peak.moment else 0)

    def peaks_by(self, owner: Ints, owners: int) -> tuple[list[Peak], Ints]:
        """The peak of each owner of stacks, and by stack the bytes alive at the peak of its own owner."""
        of = owner[self._stack]
        order = np.argsort(of.astype(np.uint16) if owners < 2**16 else of, kind="stable")
        ends = np.cumsum(np.bincount(of, minlength=owners))
        peaks, held = [], np.zeros(self._stacks, np.int64)
        for rows in np.split(order, ends[:-1]):
            peak = _highest(np.cumsum(self._bytes[rows]))
            until = rows[: peak.moment]
            held += self._sum(self._stack[until], self._bytes[until])
            peaks.append(Peak(peak.bytes, int(until[-1]) + 1 if peak.moment else 0))
        return peaks, held

    def _sum(self, stack: Ints, values: Ints) -> Ints:
        return np.bincount(stack, values, self._stacks).astype(np.int64)  # exact up to 2 ** 53

    def _count(self, stack: Ints) -> Ints:
        return np.bincount(stack, minlength=self._stacks).astype(np.int64)


def _highest(alive: Ints) -> Peak:
    """The last of the highest points, as memray has it."""
    if not len(alive) or (most := int(alive.max())) <= 0:
        return Peak(0, 0)
    return Peak(most, len(alive) - int(np.argmax(alive[::-1] == most)))


def _matched(events: Events, ranged: Mask, made: Mask) -> tuple[Ints, Ints]:
    """The number of each block's allocation, and of the event that ended it.

    That is the next event at its address: its release, or an allocation there where its release was not seen.
    """
    chosen = np.flatnonzero(~ranged)
    order, address = _by_address(events.address[chosen])
    order = chosen[order]
    follows = (address[1:] == address[:-1]) & made[order[:-1]]
    return order[:-1][follows], order[1:][follows]


def _by_address(address: Ints) -> tuple[Ints, Ints]:
    """The order by address and then by time, and something that tells addresses in that order apart.

    numpy sorts numbers several times faster than it sorts their places, so both go into one number where they fit: the
    addresses of a process lie in two regions, of which each counts from its own beginning.
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


def _plain_changes(events: Events, made: Mask, block: Ints, end: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    """(event, stack, bytes, blocks) of every change; a block that ends with an event does so before another one begins."""
    ends, begins = np.zeros(len(events), np.int64), np.flatnonzero(made)
    ends[end] = block + 1
    slots = np.zeros(2 * len(events), np.bool_)
    slots[2 * end], slots[2 * begins + 1] = True, True
    slot = np.flatnonzero(slots)
    event, is_begin = slot >> 1, (slot & 1).astype(np.bool_)
    of = np.where(is_begin, event, ends[event] - 1)
    sign = np.where(is_begin, 1, -1)
    return event, events.stack[of], sign * events.size[of], sign


def _is_temporary(events: Events, made: Mask, block: Ints, end: Ints) -> Mask:
    is_temporary = np.zeros(len(events), np.bool_)
    freed = ~made[end]
    block, end = block[freed], end[freed]
    is_temporary[block[_brief(events, made, block, end)]] = True
    return is_temporary


def _brief(events: Events, made: Mask, block: Ints, end: Ints) -> Mask:
    """Whether the thread that allocated a block also gave it back, with at most one other allocation in between."""
    thread = run_codes(events.thread)
    if int(thread.max(initial=0)) == 0:
        count = np.cumsum(made)
    else:
        order = np.argsort(thread.astype(np.uint16) if int(thread.max()) < 2**16 else thread, kind="stable")
        count = np.empty(len(events), np.int64)
        count[order] = np.cumsum(made[order])
    result: Mask = (thread[block] == thread[end]) & (count[end] - count[block] <= _BETWEEN)
    return result


def _range_changes(events: Events, places: Ints) -> tuple[tuple[Ints, Ints, Ints, Ints], Ints]:
    """The changes of ranges of addresses, which are taken whole and may be given back in parts; a Python loop, as they are few.

    Also (block, end) of each that was given back as it had been taken.
    """
    rows: list[tuple[int, int, int, int]] = []
    whole: list[tuple[int, int]] = []
    ranges: list[tuple[int, int, int]] = []  # begin, end, event
    for event in places.tolist():
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


def _in_order(parts: list[tuple[Ints, Ints, Ints, Ints]]) -> tuple[Ints, Ints, Ints, Ints]:
    """Changes of all kinds by their events; the few of the second kind are put in their places."""
    if len(parts) == 1:
        return parts[0]
    many, few = parts
    at = np.searchsorted(many[0], few[0])
    event, stack, size, blocks = (np.insert(one, at, other) for one, other in zip(many, few, strict=True))
    return event, stack, size, blocks
