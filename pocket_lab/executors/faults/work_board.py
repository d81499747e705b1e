"""A board in shared memory on which worker processes note what they do: it can be read after their death."""

from __future__ import annotations

import fcntl
import mmap
import os
import tempfile
from collections.abc import Iterator
from typing import TypeVar

from pocket_lab.executors.faults.lifeline import inherit

T = TypeVar("T")

_ROWS, _FIELDS = 4096, 4  # of each process: its number, the chunk and the item that it works on, its newest rendezvous
_PID, _CHUNK, _ITEM, _RENDEZVOUS = range(_FIELDS)
_BYTES = _ROWS * _FIELDS * 8


class WorkBoard:
    """A row for each worker process; a file without a name, which leaves with the last process that has it open."""

    def __init__(self, descriptor: int | None = None) -> None:
        if descriptor is None:
            with tempfile.TemporaryFile(prefix="pocket-lab-") as file:
                file.truncate(_BYTES)
                descriptor = os.dup(file.fileno())
        self._descriptor = descriptor
        self._map = mmap.mmap(descriptor, _BYTES)
        self._view = memoryview(self._map).cast("q")

    def __reduce__(self) -> tuple[type[WorkBoard], tuple[int]]:
        return WorkBoard, (inherit(self._descriptor),)

    def row_of_this_process(self) -> Row:
        """In a worker: its own row, the first that is free."""
        fcntl.lockf(self._descriptor, fcntl.LOCK_EX)
        try:
            start = min(len(list(_taken(self._view))), _ROWS - 1) * _FIELDS
            self._view[start + _ITEM] = -1
            self._view[start + _PID] = os.getpid()
        finally:
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN)
        return Row(self._view, start)

    def work_of(self, pid: int) -> tuple[int, int] | None:
        """The chunk and the item that a process works on, or did when it died; None where it had none."""
        for start in _taken(self._view):
            if self._view[start + _PID] == pid and self._view[start + _ITEM] >= 0:
                return self._view[start + _CHUNK], self._view[start + _ITEM]
        return None

    def close(self) -> None:
        """Give it back."""
        self._view.release()
        self._map.close()
        os.close(self._descriptor)


class Row:
    """The row of one worker process; `view[item_field]` is the number of the item that it works on."""

    def __init__(self, view: memoryview, start: int) -> None:
        self.view = view
        self.item_field = start + _ITEM
        self._start = start

    def begin_items(self, items: Iterator[object]) -> None:
        """The process begins a loop over these items."""

    def begin(self, chunk: int) -> None:
        """The process has received a chunk, and works on none of its items yet."""
        self.view[self._start + _ITEM] = -1
        self.view[self._start + _CHUNK] = chunk

    def noting(self, items: Iterator[tuple[int, T]]) -> Iterator[tuple[int, T]]:
        """The numbered items, each noted before it is worked on."""
        view, item = self.view, self.item_field
        for numbered in items:
            view[item] = numbered[0]
            yield numbered

    def end(self) -> None:
        """The process works on no item."""
        self.view[self._start + _ITEM] = -1

    def arrive(self, rendezvous: int) -> None:
        """The process has come to a rendezvous, a number from 1 on."""
        self.view[self._start + _RENDEZVOUS] = rendezvous

    def arrived(self, rendezvous: int) -> int:
        """How many processes have come."""
        return sum(self.view[start + _RENDEZVOUS] == rendezvous for start in _taken(self.view))


def _taken(view: memoryview) -> Iterator[int]:
    """Where the rows begin that a process has."""
    for start in range(0, len(view), _FIELDS):
        if not view[start + _PID]:
            return
        yield start
