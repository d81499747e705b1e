"""What memray captured of one process: its events as columns, and the stacks that they name as a tree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Frame = tuple[str, str, int]
Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]

MMAP, MUNMAP = 14, 15  # of memray.AllocatorType: they give and take ranges of addresses
IS_FREE = np.isin(np.arange(256), (1, 5))  # PYMALLOC_FREE and FREE, which tell no size
IS_RANGED = np.isin(np.arange(256), (MMAP, MUNMAP))
IS_RELEASE = IS_FREE | (np.arange(256) == MUNMAP)


@dataclass(frozen=True, slots=True)
class Events:
    """One row per allocation or release, in their order: thread, address, bytes, memray's AllocatorType, number of the stack.

    A release has neither bytes (but for MUNMAP) nor a stack.
    """

    thread: Ints
    address: Ints
    size: Ints
    allocator: Bytes
    stack: Ints

    def __len__(self) -> int:
        return len(self.stack)


class Stacks:
    """Stacks as a tree: number n is the frame `frames[n]` called under the stack `parents[n]`; 0 is the empty stack."""

    def __init__(self) -> None:
        self.parents = [0]
        self.frames: list[Frame] = [("", "", 0)]
        self._numbers: dict[tuple[int, Frame], int] = {}

    def add(self, parent: int, frame: Frame) -> int:
        """The number of the stack that has one more frame; the same for the same frame."""
        number = self._numbers.setdefault((parent, frame), len(self.parents))
        if number == len(self.parents):
            self.append(parent, frame)
        return number

    def append(self, parent: int, frame: Frame) -> None:
        """The next number."""
        self.parents.append(parent)
        self.frames.append(frame)

    def of(self, number: int) -> list[Frame]:
        """The frames of a stack, outermost first."""
        frames = []
        while number:
            frames.append(self.frames[number])
            number = self.parents[number]
        return frames[::-1]

    def __len__(self) -> int:
        return len(self.parents)


@dataclass(frozen=True, slots=True)
class Snapshots:
    """The resident memory of the process now and then: Unix time in seconds, bytes, and the events that came before.

    `heap` is what the process held then, where the reader knows no number of events.
    """

    time_s: NDArray[np.float64]
    rss: Ints
    seen: Ints | None = None
    heap: Ints | None = None


@dataclass(frozen=True, slots=True)
class Capture:
    """All of a capture file."""

    events: Events
    stacks: Stacks
    snapshots: Snapshots


def run_codes(values: Ints) -> Ints:
    """Small numbers for values that stay the same for long, such as the thread of an event: equal for equal ones."""
    if not len(values):
        return values
    known = np.unique(values[np.flatnonzero(np.diff(values, prepend=values[0] + 1))])
    return np.searchsorted(known, values)
