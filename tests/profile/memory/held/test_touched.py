"""What of a block counts, from looks at its pages and from resident memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pocket_lab.profile.memory.allocation_ledger import AllocationLedger
from pocket_lab.profile.memory.capture import FREE, MALLOC, MMAP, MUNMAP, Events, Snapshots, Stacks
from pocket_lab.profile.memory.held import residency as watch
from pocket_lab.profile.memory.held.residency import FILE, UNTOUCHED, Residency
from pocket_lab.profile.memory.held.touched import Held, Pieces, Touched, _overlap, without_watch

MIB = 2**20
BASE = 2**40
EVENTS = 1000  # one a millisecond, and a snapshot every 10 ms


def touched(looks: dict[float, list[tuple[int, int, int]]], rss: dict[int, int] | None = None, **facts: Any) -> Touched:
    """From the holes (begin, end, kind; in MiB of the block) seen at each second, and resident MiB from each millisecond on."""
    rows = [
        (number, BASE + a * MIB, BASE + b * MIB, kind) for number, holes in enumerate(looks.values()) for a, b, kind in holes
    ]
    seen = np.arange(0, EVENTS, 10)
    levels = rss or {0: 100, 100: 3000}
    resident = np.array([next(level for start, level in reversed(levels.items()) if start <= at) for at in seen]) * MIB
    times = np.array(list(looks))
    known = {"looked": True, "first_rss": int(resident[0]), "most_rss": int(resident.max()), "swapped": False} | facts
    residency = Residency(times, times, np.array(rows, np.int64).reshape(-1, 4), **known)
    return Touched(residency, Snapshots(seen / 1000, resident, seen=seen))


def held(by: Touched, born: int = 100, died: int = EVENTS, size: int = 1024, address: int = BASE, mapped: bool = True) -> Held:
    columns = [np.array([number]) for number in (born, died, address, address + size * MIB)]
    return by.held(Pieces(columns[0], columns[1], columns[2], columns[3], np.array([mapped])), EVENTS)


def mib(held: Held) -> tuple[float, float]:
    return held.most[0] / MIB, held.last[0] / MIB


HOLE = [(16, 1024, UNTOUCHED)]


def test_without_anything_seen_a_block_counts_in_full() -> None:
    assert mib(held(Touched())) == (1024, 1024)
    assert mib(held(touched({0.99: HOLE}, looked=False, most_rss=0))) == (1024, 1024)


def test_a_block_that_is_alive_counts_by_the_last_look() -> None:
    assert mib(held(touched({0.3: HOLE, 0.6: HOLE, 0.99: HOLE}))) == (16, 16)
    grown = {0.3: [(8, 1024, UNTOUCHED)], 0.6: HOLE, 0.99: HOLE}
    assert mib(held(touched(grown))) == (16, 16)


def test_what_was_given_back_before_the_end_counts_for_the_peak() -> None:
    assert mib(held(touched({0.3: [], 0.6: [], 0.99: HOLE}))) == (1024, 16)
    unseen = held(touched({0.99: HOLE}, {0: 100, 200: 400, 900: 130}))
    assert mib(unseen) == (16 + 270, 16)
    assert unseen.is_most[0]


def test_a_released_block_counts_by_two_looks_that_agree_shortly_before() -> None:
    assert mib(held(touched({0.3: HOLE, 0.5: HOLE, 0.99: []}), died=600)) == (16, 16)
    growing = {0.3: [(8, 1024, UNTOUCHED)], 0.5: HOLE, 0.99: []}
    assert mib(held(touched(growing, {0: 100, 100: 3000}), died=600))[0] == 1024, "it may be in the middle of being filled"
    assert mib(held(touched({0.3: HOLE, 0.32: HOLE, 0.99: []}, {0: 100, 100: 3000}), died=600))[0] == 1024, "too long ago"
    assert mib(held(touched({0.5: HOLE, 0.99: []}, {0: 100, 100: 3000}), died=600))[0] == 1024, "one look shows no rest"


def test_resident_memory_that_rose_after_the_look_counts_too() -> None:
    late = touched({0.3: HOLE, 0.5: HOLE, 0.99: []}, {0: 100, 550: 140})
    assert mib(held(late, died=600))[0] == 16 + 40 - 14, "42 MiB: how far resident memory ever rose, and 2 MiB"


def test_no_fresh_block_holds_more_than_resident_memory_rose() -> None:
    rose = {0: 100, 200: 150}
    assert mib(held(touched({0.99: []}, rose), died=105))[0] == 52
    assert mib(held(touched({0.99: []}, rose), died=105, mapped=False))[0] == 150, "malloc may use what was resident before"
    assert mib(held(touched({0.99: []}, rose), died=105, mapped=False, address=BASE + 16))[0] == 52, "its own mapping"
    assert mib(held(touched({0.99: []}, rose), died=105, mapped=False, address=BASE + 16, size=30))[0] == 30
    assert mib(held(touched({0.99: []}, rose, swapped=True), died=105))[0] == 1024


def test_the_pages_of_a_file_are_shown_apart() -> None:
    found = held(touched({0.3: [(0, 1024, FILE)], 0.6: [(0, 1024, FILE)], 0.99: [(0, 1024, FILE)]}))
    assert mib(found) == (0, 0)
    assert found.of_file[0] == 1024 * MIB


def test_small_blocks_and_small_holes_count_in_full() -> None:
    assert held(touched({0.99: [(0, 1, UNTOUCHED)]}), size=1).most[0] == 0
    assert mib(held(touched({0.99: []}), size=1)) == (1, 1)
    by = touched({0.3: [], 0.6: [], 0.99: []})
    assert by.residency is not None
    almost = np.array([(2, BASE, BASE + MIB - 1, UNTOUCHED)])
    assert mib(held(Touched(by.residency._replace(holes=almost), by.snapshots), size=4)) == (4, 4)


def test_a_range_that_is_released_in_parts_counts_part_by_part() -> None:
    rows = [(1, BASE, 64 * MIB, MMAP, 1), (1, BASE + 32 * MIB, 32 * MIB, MUNMAP, 0)]
    thread, address, size, allocator, stack = np.array(rows, np.int64).T
    events = Events(thread, address, size, allocator.astype(np.uint8), stack)
    assert AllocationLedger(events, 2).left.tolist() == [0, 32 * MIB]
    holes = np.array([(0, BASE + 8 * MIB, BASE + 32 * MIB, UNTOUCHED)])
    times = np.array([1.0])
    by = Touched(
        Residency(times, times, holes, True, 0, 0, False), Snapshots(np.zeros(1), np.zeros(1, np.int64), np.array([0]))
    )
    ledger = AllocationLedger(events, 2, by)
    assert ledger.left.tolist() == [0, 8 * MIB]
    assert ledger.peak.bytes == 40 * MIB
    assert ledger.allocated.tolist() == [0, 40 * MIB]
    assert ledger.reserved.tolist() == [[0] * 5, [1, 32 * MIB, 8 * MIB, 0, 0]]


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(1, 5)), max_size=6),
    st.lists(st.tuples(st.integers(0, 70), st.integers(0, 20)), min_size=1, max_size=6),
)
def test_the_overlap_with_holes_is_what_counting_gives(gaps: list[tuple[int, int]], pieces: list[tuple[int, int]]) -> None:
    at, holes = 0, []
    for gap, length in gaps:
        holes.append((at + gap, at + gap + length, 0))
        at += gap + length
    inside = {address for begin, end, _ in holes for address in range(begin, end)}
    begin = np.array([first for first, _ in pieces])
    end = begin + np.array([length for _, length in pieces])
    counted = [len(inside & set(range(a, b))) for a, b in zip(begin.tolist(), end.tolist(), strict=True)]
    assert _overlap(np.array(holes, np.int64).reshape(-1, 3), begin, end).tolist() == counted


@pytest.mark.parametrize("is_watched", [True, False])
def test_what_the_watch_allocates_is_left_out_and_what_it_releases_is_released(is_watched: bool) -> None:
    stacks = Stacks()
    root = stacks.add(0, ("_watch" if is_watched else "other", watch.__file__, 1))
    inner = stacks.add(root, ("_look", watch.__file__, 2))
    mine = stacks.add(0, ("work", "user.py", 3))
    rows = [(1, 64, 100, MALLOC, mine), (2, 640, 50, MALLOC, inner), (2, 64, 0, FREE, 0), (2, 64, 9, MALLOC, 0)]
    rows.append((2, 4096, 7, MMAP, inner))
    thread, address, size, allocator, stack = np.array(rows, np.int64).T
    events = without_watch(Events(thread, address, size, allocator.astype(np.uint8), stack), stacks)
    ledger = AllocationLedger(events, len(stacks))
    assert ledger.left.sum() == (7 if is_watched else 7 + 50 + 9)
    assert ledger.allocated[mine] == 100
