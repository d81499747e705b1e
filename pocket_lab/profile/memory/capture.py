"""The content of one memray capture: its events as columns, and the call stacks of these events as a tree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Frame = tuple[str, str, int]  # function, file, line
Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]
Mask = NDArray[np.bool_]

# The members of memray.AllocatorType from 1 on, in the order of memray 1.19 and 1.20; earlier versions have another order.
ALLOCATORS = (
    *("PYMALLOC_FREE", "PYMALLOC_MALLOC", "PYMALLOC_CALLOC", "PYMALLOC_REALLOC", "FREE", "MALLOC", "REALLOC", "CALLOC"),
    *("POSIX_MEMALIGN", "ALIGNED_ALLOC", "MEMALIGN", "VALLOC", "PVALLOC", "MMAP", "MUNMAP"),
)
PYMALLOC_FREE, FREE, MALLOC, MMAP, MUNMAP = 1, 5, 6, 14, 15  # MMAP and MUNMAP allocate and release address ranges
IS_FREE = np.isin(np.arange(256), (PYMALLOC_FREE, FREE))  # these are recorded without a size
IS_RANGED = np.isin(np.arange(256), (MMAP, MUNMAP))
IS_RELEASE = IS_FREE | (np.arange(256) == MUNMAP)


@dataclass(frozen=True, slots=True)
class Events:
    """One row per allocation or release, in time order: thread, address, bytes, allocator, stack number.

    The allocator is a position in ALLOCATORS, from 1. A release has stack number 0, and size 0 unless it is a MUNMAP.
    """

    thread: Ints
    address: Ints
    size: Ints
    allocator: Bytes
    stack: Ints

    def __len__(self) -> int:
        return len(self.stack)


class Stacks:
    """Call stacks as a tree: stack n is the frame `frames[n]` called from the stack `parents[n]`; stack 0 is empty."""

    def __init__(self) -> None:
        self.parents = [0]
        self.frames: list[Frame] = [("", "", 0)]
        self._numbers: dict[tuple[int, Frame], int] = {}

    def add(self, parent: int, frame: Frame) -> int:
        """Return the number of the stack that is `parent` plus this frame; equal stacks get one number."""
        number = self._numbers.setdefault((parent, frame), len(self.parents))
        if number == len(self.parents):
            self.append(parent, frame)
        return number

    def append(self, parent: int, frame: Frame) -> None:
        """Add a stack under the next free number."""
        self.parents.append(parent)
        self.frames.append(frame)

    def trace(self, number: int) -> list[Frame]:
        """Return the frames of a stack, outermost first."""
        frames = []
        while number:
            frames.append(self.frames[number])
            number = self.parents[number]
        return frames[::-1]

    def __len__(self) -> int:
        return len(self.parents)


@dataclass(frozen=True, slots=True)
class Snapshots:
    """Periodic samples of the process: Unix time in seconds, resident bytes, and the number of events recorded before.

    A reader that does not know the number of events gives `heap`, the bytes allocated at that time, instead of `seen`.
    """

    time_s: NDArray[np.float64]
    rss: Ints
    seen: Ints | None = None
    heap: Ints | None = None


@dataclass(frozen=True, slots=True)
class Capture:
    """The whole content of a capture file."""

    events: Events
    stacks: Stacks
    snapshots: Snapshots


def run_codes(values: Ints) -> Ints:
    """Map values to small integers, equal for equal values; fast where long runs of values are equal, as thread ids are."""
    if not len(values):
        return values
    known = np.unique(values[np.flatnonzero(np.diff(values, prepend=values[0] + 1))])
    return np.searchsorted(known, values)
