"""What runs leave behind."""

from __future__ import annotations

from dataclasses import dataclass

from pocket_lab.records.point import Point


@dataclass(frozen=True, slots=True)
class Leftover:
    """A thing that one of several runs left and that is still there after the last: since run number `run`, from 1 on.

    `kind` is "thread", "daemon thread", "task", "process", "file", "socket", "pipe" or "descriptor"; `node`, `function`, `file`
    and `line` tell where it was made, empty where that is not known. `place` is "" for the measuring process, or "worker".
    """

    point: Point
    run: int
    kind: str
    name: str
    node: str
    function: str
    file: str
    line: int
    place: str


@dataclass(frozen=True, slots=True)
class MemoryReading:
    """Memory after the garbage of a run was collected; run 0 is after the warm-up. Worker processes are added up in `place`.

    `blocks` are those of Python's own allocator, `heap_bytes` what malloc has handed out (None where it does not tell),
    `rss_bytes` the resident memory.
    """

    point: Point
    run: int
    place: str
    blocks: int
    heap_bytes: int | None
    rss_bytes: int


@dataclass(frozen=True, slots=True)
class TracedMemory:
    """What Python has allocated and not freed, by tracemalloc, after a run of a second pass (run 0 is after its warm-up)."""

    point: Point
    run: int
    traced_bytes: int


@dataclass(frozen=True, slots=True)
class Retained:
    """Bytes and blocks that each run kept, by the source line that allocated them: from runs under tracemalloc."""

    point: Point
    node: str
    file: str
    line: int
    bytes_per_run: float
    blocks_per_run: float
