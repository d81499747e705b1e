"""A whole capture file decoded in columns.

The layout is that of memray's record_writer.cpp (header version 13, memray 1.20). Every file of another layout is Unreadable
here; tests/profile/memory proves that both readers return the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from pocket_lab.profile.memory.capture import IS_RELEASE, Capture, Events, Ints, Snapshots, Stacks
from pocket_lab.profile.memory.raw.code_objects import CodeObject, read_code_objects
from pocket_lab.profile.memory.raw.header import read_header
from pocket_lab.profile.memory.raw.parts import Part, addresses, read_part
from pocket_lab.profile.memory.raw.records import Segment, Unreadable
from pocket_lab.profile.memory.raw.stacks import Moves, NumberedStacks, number_stacks

_SEGMENT = 2**23  # bytes


def read_raw(file: Path) -> Capture:
    """Decode a whole file; raise Unreadable where its layout is another one, or where it was cut short."""
    data = file.read_bytes().rstrip(b"\0")
    header = read_header(data)
    parts = [read_part(segment) for segment in _segments(data, header.end)]
    if not parts or parts[-1].ends != [len(data) - 1] or any(part.ends for part in parts[:-1]):
        raise Unreadable("it has no end, or more than one")
    counts = np.array([(len(part.size), len(part.change), len(part.switched)) for part in parts])
    if counts[:, 0].sum() != header.events:
        raise Unreadable("its header counts other events than were decoded")
    base = np.cumsum(counts, axis=0) - counts
    threads = np.append(_joined(parts, "switched"), 0)
    thread = threads[_joined(parts, "switches", base[:, 2]) - 1]
    moved = threads[_joined(parts, "moved_switches", base[:, 2]) - 1]
    columns = (_joined(parts, name).astype(np.int64) for name in ("change", "code", "instruction", "entry"))
    numbered = number_stacks(Moves(moved, *columns), thread, _joined(parts, "moves", base[:, 1]))
    allocator, recent = (_joined(parts, name).astype(np.uint8) for name in ("allocator", "recent"))
    events = Events(
        thread,
        addresses(_joined(parts, "difference"), recent),
        _joined(parts, "size"),
        allocator,
        np.where(IS_RELEASE.take(allocator), 0, numbered.at),
    )
    stacks = _stacks(numbered, read_code_objects(data, [offset for part in parts for offset in part.codes]))
    time_s = (_joined(parts, "sampled_ms") + header.start_ms) / 1000
    return Capture(events, stacks, Snapshots(time_s, _joined(parts, "rss"), seen=_joined(parts, "seen", base[:, 0])))


def _segments(data: bytes, begin: int) -> Iterator[Segment]:
    while begin < len(data):
        segment = Segment(data, begin, min(begin + _SEGMENT, len(data)))
        yield segment
        begin = segment.leave


def _joined(parts: Sequence[Part], name: str, base: Ints | None = None) -> Ints:
    """Join one column of all parts; `base` is added to the counts of each part, which begin at 0 there."""
    columns = [getattr(part, name) for part in parts]
    if base is not None:
        columns = [column + first for column, first in zip(columns, base.tolist(), strict=True)]
    return np.concatenate(columns)


def _stacks(numbered: NumberedStacks, code_objects: dict[int, CodeObject]) -> Stacks:
    stacks = Stacks()
    for parent, (code, instruction) in zip(numbered.parents.tolist(), numbered.frames.tolist(), strict=True):
        stacks.append(parent, code_objects[code].frame(instruction) if code in code_objects else ("", "", 0))
    return stacks
