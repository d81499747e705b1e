"""The allocation ledger of a capture against a slow, obvious model, which sums everything after each event."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pocket_lab.profile.memory.allocation_ledger import AllocationLedger
from pocket_lab.profile.memory.capture import FREE, MALLOC, MMAP, MUNMAP, Events

REALLOC = 7
STACKS = 4
Event = tuple[int, int, int, int, int]  # thread, address, size, allocator, stack

allocations = st.tuples(
    st.integers(1, 3), st.integers(1, 6), st.integers(0, 50), st.sampled_from([MALLOC, REALLOC]), st.integers(0, STACKS - 1)
)
frees = st.tuples(st.integers(1, 3), st.integers(1, 6), st.just(0), st.just(FREE), st.just(0))
maps = st.tuples(
    st.integers(1, 3), st.integers(0, 40), st.integers(1, 20), st.sampled_from([MMAP, MUNMAP]), st.integers(0, STACKS - 1)
)
played = st.lists(st.one_of(allocations, frees, maps), max_size=60)


@dataclass
class Model:
    """Blocks by address, and every mapped byte by address."""

    blocks: dict[int, tuple[int, int]] = field(default_factory=dict)
    mapped: dict[int, list[int]] = field(default_factory=dict)  # the stacks that map each address, the newest last

    def play(self, event: Event) -> None:
        _, address, size, allocator, stack = event
        if allocator == FREE:
            self.blocks.pop(address, None)
        elif allocator == MMAP:
            for byte in range(address, address + size):
                self.mapped.setdefault(byte, []).append(stack)
        elif allocator == MUNMAP:
            for byte in range(address, address + size):
                self.mapped.pop(byte, None)
        else:
            self.blocks[address] = size, stack

    def alive(self) -> list[int]:
        held = [0] * STACKS
        for size, stack in self.blocks.values():
            held[stack] += size
        for stacks in self.mapped.values():
            for stack in stacks:
                held[stack] += 1
        return held


def ledger_of(events: list[Event]) -> AllocationLedger:
    thread, address, size, allocator, stack = np.array(events, np.int64).reshape(-1, 5).T
    is_release = np.isin(allocator, (FREE, MUNMAP))
    return AllocationLedger(Events(thread, address, size, allocator.astype(np.uint8), np.where(is_release, 0, stack)), STACKS)


@given(played)
def test_peaks_and_totals_equal_the_sums_after_each_event(events: list[Event]) -> None:
    model, ledger = Model(), ledger_of(events)
    history = [model.alive()]
    for event in events:
        model.play(event)
        history.append(model.alive())
    alive = np.array(history)
    total = alive.sum(axis=1)
    assert ledger.peak.bytes == total.max()
    assert ledger.alive_after(ledger.peak.changes)[0].sum() == total.max()
    assert ledger.left.tolist() == alive[-1].tolist()
    assert ledger.heap(np.arange(len(events) + 1)).tolist() == total.tolist()
    for chosen in ([True, False, False, False], [False, True, True, False], [True] * STACKS):
        assert ledger.peak_of(np.array(chosen)).bytes == alive[:, chosen].sum(axis=1).max()
    allocating = [event for event in events if event[3] not in (FREE, MUNMAP)]
    assert ledger.allocations.tolist() == [sum(event[4] == stack for event in allocating) for stack in range(STACKS)]
    assert ledger.allocated.tolist() == [sum(event[2] for event in allocating if event[4] == stack) for stack in range(STACKS)]


@given(played, st.lists(st.integers(0, 2), min_size=STACKS, max_size=STACKS))
def test_the_bytes_of_an_owners_stacks_add_up_to_its_peak(events: list[Event], owner: list[int]) -> None:
    peaks, held = ledger_of(events).peaks_by(np.array(owner), 3)
    for number in range(3):
        mine = np.array(owner) == number
        assert peaks[number].bytes == ledger_of(events).peak_of(mine).bytes == held[mine].sum()


@given(played)
def test_a_temporary_block_is_released_by_its_thread_after_at_most_one_other_allocation(events: list[Event]) -> None:
    live: dict[int, tuple[int, int]] = {}  # the number of the allocation and its stack, by address
    newest: dict[int, deque[int]] = {}
    expected = [0] * STACKS
    for number, (thread, address, _, allocator, stack) in enumerate(events):
        recent = newest.setdefault(thread, deque(maxlen=2))
        if allocator == FREE:
            if address in live and (block := live.pop(address))[0] in recent:
                expected[block[1]] += 1
        elif allocator not in (MMAP, MUNMAP):
            live[address] = number, stack
            recent.append(number)
        elif allocator == MMAP:
            recent.append(number)
    found = ledger_of([event for event in events if event[3] != MUNMAP]).temporary
    assert found.tolist() == expected


def test_a_range_can_be_released_in_parts_and_is_temporary_when_released_in_one_piece() -> None:
    mapped = (1, 1000, 100, MMAP, 1)
    parts = ledger_of([mapped, (1, 1000, 30, MUNMAP, 0), (1, 1050, 10, MUNMAP, 0)])
    assert parts.left.tolist() == [0, 60, 0, 0]
    assert parts.alive_after(99)[1].tolist() == [0, 2, 0, 0]  # two pieces of one range, as memray counts
    assert parts.temporary.sum() == 0
    assert ledger_of([mapped, (1, 1000, 100, MUNMAP, 0)]).temporary.tolist() == [0, 1, 0, 0]


def test_addresses_of_two_distant_regions_are_distinguished() -> None:
    low, high = 0x5500_0000_0000, 0x7FFF_0000_0000
    events = [(1, base + 16 * number, 8, MALLOC, 1) for number in range(50) for base in (low, high)]
    frees = [(1, low + 16 * number, 0, FREE, 0) for number in range(50)]
    ledger = ledger_of(events + frees)
    assert ledger.peak.bytes == 800
    assert ledger.left.sum() == 400


def test_addresses_too_distant_for_packing_are_sorted_by_index() -> None:
    events = [(1, address, 8, MALLOC, 1) for address in (0, 2**40, 2**62 // 2, 2**62 // 2 - 2**58, 2**62)]
    assert ledger_of([*events, (1, 2**40, 0, FREE, 0)]).left.sum() == 32
