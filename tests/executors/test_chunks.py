"""How items are cut into chunks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pocket_lab.executors.chunks import LONGEST_CHUNK_S, Chunks


def cut(count: int, workers: int, item_s: float) -> list[list[int]]:
    """All chunks of a range whose items take equally long."""
    chunks, taken, done = Chunks(range(count), workers), [], 0
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
