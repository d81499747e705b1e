"""The memory of this process: blocks of Python's allocator, bytes that malloc has handed out, resident bytes."""

from __future__ import annotations

import ctypes
import gc
import os
import subprocess
import sys
from array import array
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple


class Footprint(NamedTuple):
    """`heap_bytes` is -1 where malloc does not report it; `rss_bytes` excludes file-backed pages if the system reports them."""

    blocks: int
    heap_bytes: int
    rss_bytes: int


def footprint() -> Footprint:
    """Return the memory of this process after a garbage collection."""
    gc.collect()
    return Footprint(sys.getallocatedblocks(), _heap_bytes(), _rss_bytes())


class _Mallinfo2(ctypes.Structure):
    """glibc's struct of that name (malloc.h), from 2.33 on."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")
    ]


class Footprints:
    """A footprint before the first run and after each run, in memory that is allocated in advance for this many runs."""

    def __init__(self, most_runs: int) -> None:
        self._columns = tuple(array("q", bytes(8 * (most_runs + 1))) for _ in Footprint._fields)
        self._kept = 0

    def keep(self, run: int, several: Sequence[Footprint]) -> None:
        """Store the sum of the footprints of one or more processes after a run, the next one."""
        self._kept = run + 1
        for column, parts in zip(self._columns, zip(*several, strict=True), strict=True):
            column[run] = sum(parts)

    @property
    def last(self) -> Footprint:
        """The footprint that was kept last."""
        return Footprint(*(column[self._kept - 1] for column in self._columns))

    def series(self) -> tuple[array[int], ...]:
        """Return blocks, heap bytes and resident bytes by run."""
        return tuple(column[: self._kept] for column in self._columns)

    def __iter__(self) -> Iterator[Footprint]:
        return map(Footprint, *self.series())


@cache
def _mallinfo2() -> Any:
    """Return glibc's function, or None with another C library."""
    function = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if function is not None:
        function.restype = _Mallinfo2
    return function


def _heap_bytes() -> int:
    function = _mallinfo2()
    if function is None:
        return -1
    info = function()
    return int(info.uordblks + info.hblkhd)


def _rss_bytes() -> int:
    try:
        _, resident, shared, *_ = map(int, read_bytes("/proc/self/statm").split())
    except OSError:
        listing = subprocess.run(["ps", "-o", "rss=", "-p", str(os.getpid())], capture_output=True, text=True, check=False)
        return int(listing.stdout or 0) * 1024
    return (resident - shared) * os.sysconf("SC_PAGE_SIZE")


def read_bytes(path: str) -> bytes:
    """Read a small file of /proc without the objects that a text file leaves for a while."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, 1 << 16)
    finally:
        os.close(descriptor)
