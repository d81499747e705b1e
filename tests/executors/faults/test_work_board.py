"""The board of worker processes: read from the parent, also after a death."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from pocket_lab.executors.faults.work_board import WorkBoard


@pytest.fixture
def board() -> Iterator[WorkBoard]:
    opened = WorkBoard()
    yield opened
    opened.close()


def in_child(board: WorkBoard, item: int | None) -> int:
    """A forked process that works on an item of chunk 7, or on none, and dies."""
    if pid := os.fork():
        os.waitpid(pid, 0)
        return pid
    row = board.row_of_this_process()
    row.begin(7)
    for index, _ in row.noting(iter(enumerate("abc", 40))):
        if index == item:
            os._exit(1)
    row.end()
    os._exit(0)


def test_the_item_of_a_dead_process_is_that_on_which_it_was_at_work(board: WorkBoard) -> None:
    idle, busy = in_child(board, None), in_child(board, 41)
    assert board.work_of(idle) is None
    assert board.work_of(busy) == (7, 41)
    assert board.work_of(os.getpid()) is None


def test_a_rendezvous_counts_the_processes_that_have_come_to_it(board: WorkBoard) -> None:
    row = board.row_of_this_process()
    assert row.arrived(1) == 0
    row.arrive(1)
    assert (row.arrived(1), row.arrived(2)) == (1, 0)
    row.arrive(2)
    assert (row.arrived(1), row.arrived(2)) == (0, 1)


def test_it_is_sent_only_to_a_process_that_starts(board: WorkBoard) -> None:
    import pickle

    with pytest.raises(TypeError, match="only for a process that is being started"):
        pickle.dumps(board)
