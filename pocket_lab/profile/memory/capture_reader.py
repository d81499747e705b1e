"""memray's capture files: decoded in columns where their layout is known, else read by memray's own reader."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain, islice
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np

from pocket_lab.profile.memory.capture import (
    ALLOCATORS,
    FREE,
    IS_RELEASE,
    MALLOC,
    Bytes,
    Capture,
    Events,
    Frame,
    Ints,
    Snapshots,
    Stacks,
)
from pocket_lab.profile.memory.raw.file import read_raw
from pocket_lab.profile.memory.raw.records import Unreadable

_FIELDS = ("tid", "address", "size", "allocator", "stack_id")
_BATCH = 100_000  # records


def read_capture(file: Path, native: bool = False) -> Capture:
    """Read a capture file of any memray version.

    The fast path decodes the one layout that it knows; memray's own reader, about five times slower, takes every other file,
    and every file whose C frames are wanted (`native`).
    """
    if not native:
        try:
            return read_raw(file)
        except Unreadable:
            pass
    return read_records(file, native)


def read_records(file: Path, native: bool = False) -> Capture:
    """Read a capture file by memray's own reader, which creates an object per record."""
    from memray import FileReader

    columns = []
    with FileReader(file) as reader:
        records = iter(reader.get_allocation_records())
        stacks, allocators = _StackNumbers(native), _allocators()
        while batch := list(islice(records, _BATCH)):
            values = chain.from_iterable(map(attrgetter(*_FIELDS), batch))
            table = np.fromiter(values, np.int64, len(_FIELDS) * len(batch)).reshape(-1, len(_FIELDS))
            table[:, 3] = allocators[table[:, 3]]
            table[:, 4] = stacks.numbers(batch, np.flatnonzero(~IS_RELEASE[table[:, 3]]))
            columns.append(table)
        snapshots = list(reader.get_memory_snapshots())
    table = np.concatenate(columns) if columns else np.empty((0, len(_FIELDS)), np.int64)
    time_ms, rss, heap = np.array(snapshots or np.empty((0, 3)), np.int64).T
    thread, address, size, allocator, stack = table.T.copy()
    events = Events(thread, address, size, allocator.astype(np.uint8), stack)
    return Capture(events, stacks.tree, Snapshots(time_ms / 1000, rss, heap=heap))


def _allocators() -> Bytes:
    """Return our number of each allocator by memray's number; memray renumbers them from version to version."""
    from memray import AllocatorType

    known = {name: number for number, name in enumerate(ALLOCATORS, 1)}
    numbers = np.full(256, MALLOC, np.uint8)
    for member in AllocatorType:
        numbers[member.value] = known.get(member.name, FREE if member.name.endswith("FREE") else MALLOC)
    return numbers


class _StackNumbers:
    """Numbers the stacks of memray's records; each distinct stack is resolved once."""

    def __init__(self, native: bool) -> None:
        self.tree = Stacks()
        self._numbers: dict[Any, int] = {}
        self._key: Callable[[Any], Any] = attrgetter("stack_id")
        self._frames: Callable[[Any], list[Frame]] = _python_frames
        if native:
            self._key = attrgetter("stack_id", "native_stack_id", "native_segment_generation")
            self._frames = _hybrid_frames

    def numbers(self, records: list[Any], allocations: Ints) -> Ints:
        """Return the stack number of each record; releases get 0."""
        numbers = np.zeros(len(records), np.int64)
        known = self._numbers
        for position in allocations.tolist():
            key = self._key(record := records[position])
            if key not in known:
                known[key] = self._number(self._frames(record))
            numbers[position] = known[key]
        return numbers

    def _number(self, frames: list[Frame]) -> int:
        number = 0
        for frame in reversed(frames):
            number = self.tree.add(number, frame)
        return number


def _python_frames(record: Any) -> list[Frame]:
    return list(record.stack_trace())


def _hybrid_frames(record: Any) -> list[Frame]:
    return list(record.hybrid_stack_trace())
