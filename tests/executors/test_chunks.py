"""How items are cut into chunks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pocket_lab.executors.chunks import LONGEST_CHUNK_S, Chunks, Grain

FINE = Grain()


def cut(count: int, workers: int, item_s: float, grain: Grain = FINE) -> list[list[int]]:
    """All chunks of a range whose items take equally long."""
    chunks, taken, done = Chunks(range(count), workers, grain), [], 0
    while (next_one := chunks.take()) is not None:
        start, chunk = next_one
        assert start == done
        done += len(chunk)
        taken.append(chunk)
        chunks.record_duration(len(chunk), len(chunk) * item_s)
    return taken


@given(st.integers(0, 5000), st.integers(1, 16), st.floats(1e-7, 1.0))
def test_every_item_is_in_one_chunk_in_order_and_no_chunk_is_long(count: int, workers: int, item_s: float) -> None:
    taken = cut(count, workers, item_s)
    assert [item for chunk in taken for item in chunk] == list(range(count))
    assert all(len(chunk) == 1 or len(chunk) * item_s <= LONGEST_CHUNK_S for chunk in taken)


def test_the_first_chunk_is_one_item_and_the_last_ones_are_small() -> None:
    lengths = [len(chunk) for chunk in cut(1000, 2, 1e-3)]
    assert lengths[0] == 1
    assert max(lengths) == 100
    assert lengths[-2:] == [1, 1]


def test_quick_items_go_together_so_that_sending_them_pays() -> None:
    assert [len(chunk) for chunk in cut(21, 2, 1e-5)] == [1, 10, 5, 2, 1, 1, 1]


def test_quick_items_of_unknown_number_go_at_most_sixty_four_together() -> None:
    chunks = Chunks((number for number in range(200)), 2)
    taken = []
    while (chunk := chunks.take()) is not None:
        taken.append(len(chunk[1]))
        chunks.record_duration(taken[-1], taken[-1] * 1e-7)
    assert taken == [1, 64, 64, 64, 7]


def test_slow_items_of_unknown_number_go_one_by_one() -> None:
    chunks = Chunks((number for number in range(3)), 2)
    chunks.record_duration(1, 0.5)
    assert [chunks.take(), chunks.take(), chunks.take(), chunks.take()] == [(0, [0]), (1, [1]), (2, [2]), None]


COARSE = Grain(shortest_s=0.05, longest_s=0.2, is_even=True)


def test_where_sending_is_dear_the_last_chunks_are_equally_long_one_for_each_worker() -> None:
    assert [len(chunk) for chunk in cut(99, 2, 1e-4, COARSE)] == [1, 49, 49]
    assert [len(chunk) for chunk in cut(101, 3, 1e-4, COARSE)] == [1, 34, 34, 32]


@given(st.integers(0, 5000), st.integers(1, 16), st.floats(1e-7, 1.0))
def test_that_grain_too_has_every_item_once_and_no_chunk_that_is_long(count: int, workers: int, item_s: float) -> None:
    taken = cut(count, workers, item_s, COARSE)
    assert [item for chunk in taken for item in chunk] == list(range(count))
    assert all(len(chunk) == 1 or len(chunk) * item_s <= COARSE.longest_s * 1.000001 for chunk in taken)


def test_large_items_go_a_few_together_however_quick_they_are() -> None:
    chunks = Chunks(range(10_000), 2)
    chunks.take()
    chunks.record_duration(1, 1e-6)
    chunks.record_bytes(1, 2 << 20)
    taken = chunks.take()
    assert taken is not None
    assert len(taken[1]) == 4


def test_a_duration_that_is_known_from_before_spares_the_first_single_item() -> None:
    chunks = Chunks(range(100), 2, COARSE)
    chunks.item_s = 1e-4
    assert [len(taken[1]) for taken in (chunks.take(), chunks.take()) if taken is not None] == [50, 50]


def test_items_of_which_one_may_end_its_worker_are_taken_in_parts_when_nothing_else_is_in_flight() -> None:
    chunks = Chunks(range(100), 2)
    chunks.take()
    chunks.suspect(40, list(range(40, 80)))
    chunks.give_back(0, [0])
    assert chunks.take(1) is None
    parts = []
    for _ in range(14):
        parts.append(chunks.take(0))
        assert chunks.take(1) is None  # it is alone
    assert [(part[0], len(part[1])) for part in parts if part is not None] == [
        (first, min(3, 80 - first)) for first in range(40, 80, 3)
    ]
    assert chunks.take(0) == (0, [0])
    assert chunks.take(1) == (1, [1])
