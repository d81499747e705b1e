"""memray's capture files read: in columns where their layout is known, else by memray's own reader."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain, islice
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np

from pocket_lab.profile.memory.capture import IS_RELEASE, Capture, Events, Frame, Ints, Snapshots, Stacks
from pocket_lab.profile.memory.raw_file import read_raw
from pocket_lab.profile.memory.raw_records import Unreadable

_FIELDS = ("tid", "address", "size", "allocator", "stack_id")
_READ_AT_ONCE = 100_000


def read_capture(file: Path, native: bool = False) -> Capture:
    """Read a file that memray wrote: where its layout is known in columns, else record by record (some five times slower).

    `native` has C frames in the stacks, for which memray's own reader is asked.
    """
    if not native:
        try:
            return read_raw(file)
        except Unreadable:
            pass
    return read_records(file, native)


def read_records(file: Path, native: bool = False) -> Capture:
    """The same by memray's reader, which makes an object of every record."""
    from memray import FileReader

    columns = []
    with FileReader(file) as reader:
        records = iter(reader.get_allocation_records())
        stacks = _KnownStacks(native)
        while batch := list(islice(records, _READ_AT_ONCE)):
            values = chain.from_iterable(map(attrgetter(*_FIELDS), batch))
            table = np.fromiter(values, np.int64, len(_FIELDS) * len(batch)).reshape(-1, len(_FIELDS))
            table[:, 4] = stacks.numbers(batch, np.flatnonzero(~IS_RELEASE[table[:, 3]]))
            columns.append(table)
        snapshots = list(reader.get_memory_snapshots())
    table = np.concatenate(columns) if columns else np.empty((0, len(_FIELDS)), np.int64)
    time_ms, rss, heap = np.array(snapshots or np.empty((0, 3)), np.int64).T
    thread, address, size, allocator, stack = table.T.copy()
    events = Events(thread, address, size, allocator.astype(np.uint8), stack)
    return Capture(events, stacks.tree, Snapshots(time_ms / 1000, rss, heap=heap))


class _KnownStacks:
    """Numbers memray's stacks anew; each is resolved once."""

    def __init__(self, native: bool) -> None:
        self.tree = Stacks()
        self._numbers: dict[Any, int] = {}
        self._key: Callable[[Any], Any] = attrgetter("stack_id")
        self._frames: Callable[[Any], list[Frame]] = _python_frames
        if native:
            self._key = attrgetter("stack_id", "native_stack_id", "native_segment_generation")
            self._frames = _hybrid_frames

    def numbers(self, records: list[Any], allocations: Ints) -> Ints:
        """The number of the stack of each record; releases have none."""
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
