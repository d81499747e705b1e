"""How much memory this process has now: Python's blocks, what malloc has handed out, and resident memory."""

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
    """`heap_bytes` is -1 where malloc does not tell; `rss_bytes` leaves out what files back, where the system tells that."""

    blocks: int
    heap_bytes: int
    rss_bytes: int


def footprint() -> Footprint:
    """The memory of this process after its garbage was collected."""
    gc.collect()
    return Footprint(sys.getallocatedblocks(), _heap_bytes(), _rss_bytes())


class _Mallinfo2(ctypes.Structure):
    """glibc's struct of that name (malloc.h), from 2.33 on."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")
    ]


class Footprints:
    """A footprint after each of so many runs and one before them, in a memory that is taken beforehand."""

    def __init__(self, runs: int) -> None:
        self._columns = tuple(array("q", bytes(8 * (runs + 1))) for _ in Footprint._fields)

    def keep(self, run: int, several: Sequence[Footprint]) -> None:
        """Those of one or more processes after a run, added up."""
        for column, parts in zip(self._columns, zip(*several, strict=True), strict=True):
            column[run] = sum(parts)

    def series(self) -> tuple[array[int], ...]:
        """Blocks, heap bytes and resident bytes by run."""
        return self._columns

    def __iter__(self) -> Iterator[Footprint]:
        return map(Footprint, *self._columns)


@cache
def _mallinfo2() -> Any:
    """glibc's function, or None with another C library."""
    function = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if function is not None:
        function.restype = _Mallinfo2
    return function


def _heap_bytes() -> int:
    function = _mallinfo2()
    if function is None:
        return -1
    told = function()
    return int(told.uordblks + told.hblkhd)


def _rss_bytes() -> int:
    try:
        _, resident, shared, *_ = map(int, read_bytes("/proc/self/statm").split())
    except OSError:
        listing = subprocess.run(["ps", "-o", "rss=", "-p", str(os.getpid())], capture_output=True, text=True, check=False)
        return int(listing.stdout or 0) * 1024
    return (resident - shared) * os.sysconf("SC_PAGE_SIZE")


def read_bytes(path: str) -> bytes:
    """A small file of /proc, without the objects that opening it as a text leaves for a while."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, 1 << 16)
    finally:
        os.close(descriptor)
