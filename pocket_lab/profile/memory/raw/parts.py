"""The fields of a segment's records as columns, one set of columns for each kind of record."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pocket_lab.profile.memory.capture import IS_FREE, Bytes, Ints
from pocket_lab.profile.memory.raw.records import (
    ALLOCATION,
    BAD,
    CODE,
    KINDS,
    MEMORY,
    POP,
    PUSH,
    SWITCH,
    TRAILER,
    VARINTS,
    Segment,
    Unreadable,
    unzigzag,
)

_MISS = 15  # an address that is not one of the fifteen previous new addresses


class Part(NamedTuple):
    """The records of a segment by kind.

    One row per allocation or release: `difference` (address minus the previous new address, new addresses only), `recent`
    (which recent address it is), `size`, `allocator`, and the counts of stack moves and thread switches before it (`moves`,
    `switches`). One row per stack move: `change` (frames pushed or popped), `moved_switches` (switches before it), and for
    pushes `code`, `instruction`, `entry`. One row per thread switch: `switched`, the thread. One row per memory sample:
    `sampled_ms`, `rss`, `seen` (events before it). `codes` and `ends` are file offsets of code objects and trailers.
    """

    difference: Ints
    recent: Bytes
    size: Ints
    allocator: Bytes
    moves: Ints
    switches: NDArray[np.int32]
    change: NDArray[np.int8]
    moved_switches: NDArray[np.int32]
    code: Ints
    instruction: Ints
    entry: Bytes
    switched: Ints
    sampled_ms: Ints
    rss: Ints
    seen: Ints
    codes: list[int]
    ends: list[int]


def read_part(segment: Segment) -> Part:
    """Decode the records of a segment; raise Unreadable for a record of an unknown kind."""
    offsets, tokens = segment.offsets, segment.tokens
    kind = KINDS[tokens]
    if (kind == BAD).any():
        raise Unreadable("it has records of an unknown kind")
    is_switch, is_push = kind == SWITCH, kind == PUSH
    moves, events = np.flatnonzero(is_push | (kind == POP)), np.flatnonzero(kind == ALLOCATION)
    samples, pushes = offsets[kind == MEMORY], offsets[is_push]
    switches = np.cumsum(is_switch, dtype=np.int32) if is_switch.any() else np.zeros(len(kind), np.int32)
    moved = tokens[moves]
    return Part(
        *_allocations(segment, offsets[events], tokens[events]),
        moves=np.searchsorted(moves, events),
        switches=switches[events],
        change=np.where(moved >= 64, 1, -1 - (moved & 15).astype(np.int8)).astype(np.int8),
        moved_switches=switches[moves],
        code=segment.varint(pushes, 0).astype(np.int64),
        instruction=unzigzag(segment.varint(pushes, 1)),
        entry=(tokens[is_push] & 1).astype(np.uint8),
        switched=segment.word(offsets[is_switch] + 1).astype(np.int64),
        sampled_ms=segment.varint(samples, 1).astype(np.int64),
        rss=segment.varint(samples, 0).astype(np.int64),
        seen=np.searchsorted(offsets[events], samples),
        codes=(offsets[kind == CODE] + segment.begin).tolist(),
        ends=(offsets[kind == TRAILER] + segment.begin).tolist(),
    )


def _allocations(segment: Segment, offsets: Ints, tokens: Bytes) -> tuple[Ints, Bytes, Ints, Bytes]:
    """Return (difference, recent, size, allocator)."""
    recent: Bytes = (tokens >> 3 & 15).astype(np.uint8)
    allocator: Bytes = (tokens & 7).astype(np.uint8)
    is_new, is_rare = recent == _MISS, allocator == 0
    allocator[is_rare] = segment.varint(offsets[is_rare], is_new[is_rare].astype(np.int64)).astype(np.uint8)
    sized = ~IS_FREE.take(allocator)
    size = np.zeros(len(offsets), np.int64)
    size[sized] = segment.varint(offsets[sized], VARINTS[tokens[sized]] - 1).astype(np.int64)
    return unzigzag(segment.varint(offsets[is_new], 0)), recent, size, allocator


def addresses(difference: Ints, recent: Bytes) -> Ints:
    """Restore addresses: a new one is a difference from the previous new one, others refer to one of the last fifteen."""
    is_new = recent == _MISS
    new = np.cumsum(difference) << 3
    newest = np.cumsum(is_new) - 1
    index = np.where(is_new, newest, newest - recent.astype(np.int64))
    return np.where(index >= 0, np.append(new, 0)[index], 0)
