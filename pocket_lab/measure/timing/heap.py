"""The heap of a measuring process, kept in one state: memory that a run frees stays in the process for the next run.

By default the runs of a target that builds something may return memory to the kernel and fetch it again, page by page.
Whether they do depends on what lies at the end of the heap and in its arenas: it differs between processes, and may change
during a measurement. The CPU time of a run then changes by 5 to 30 %, which looks like a drift of that target alone;
tests/benchmarks/drift.py measures it. Two layers return memory:

- glibc returns the end of its heap, and maps large blocks one by one, beyond thresholds that it raises as blocks are
  freed, up to 32 MiB a block and 64 MiB at the end (mallopt(3), M_MMAP_THRESHOLD). Freeing one block of almost 32 MiB
  brings it to that state at once; the block is never touched, so it costs nothing. Other C libraries ignore it.
- CPython returns an arena of small objects, 1 MiB, as soon as all of them are freed. One object that stays in it keeps it.

Functions that build nothing are within about 1 % as fast in an old process as in a copy of it that has just begun. Their CPU
time follows the neighbours on the machine, and that of memory, calls and arithmetic follows them differently: ratios to an
integer loop drift in both copies alike where the load changes.
"""

from __future__ import annotations

_LARGEST_RAISING = (32 << 20) - 8192  # with its header still below the limit of glibc
_RESERVED = 16 << 20  # where a run needs more, one arena more or less matters little
_BLOCK = 512  # the largest that CPython counts as small
_HEADER = 33  # of a bytes object
_APART = (512 << 10) // _BLOCK  # at least one block of each arena


def keep_freed_memory() -> list[bytes]:
    """Stop the return of freed memory to the kernel; arenas of 16 MiB stay as long as the caller keeps the result.

    Takes about 20 ms. Inputs should exist by then, since later ones would take the reserve.
    """
    bytes(_LARGEST_RAISING)
    return [bytes(_BLOCK - _HEADER) for _ in range(_RESERVED // _BLOCK)][::_APART]
