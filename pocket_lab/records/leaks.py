"""What runs leave behind."""

from __future__ import annotations

from dataclasses import dataclass

from pocket_lab.records.point import Point

MAIN, WORKER = "main", "worker"


@dataclass(frozen=True, slots=True)
class Leftover:
    """A resource that one of several runs left and that still exists after the last run.

    `run` is the number of the run after which it was first seen, counted from 1. `kind` is "thread", "daemon thread", "task",
    "process", "file", "socket", "pipe" or "descriptor". `node`, `function`, `file` and `line` say where it was created; they
    are empty where that is unknown. `process` is "main" for the measuring process, "worker" for a worker process.
    """

    point: Point
    run: int
    kind: str
    name: str
    node: str
    function: str
    file: str
    line: int
    process: str


@dataclass(frozen=True, slots=True)
class MemoryReading:
    """Memory after a run and a garbage collection; run 0 is the state after the warm-up.

    `process` is "main" for the measuring process, "worker" for the sum of all worker processes. `blocks` are the blocks of
    Python's own allocator, `heap_bytes` the bytes that malloc has handed out (None where the C library does not report them),
    `rss_bytes` the resident memory. `is_further` is whether the run was added because memory rose before.
    """

    point: Point
    run: int
    process: str
    blocks: int
    heap_bytes: int | None
    rss_bytes: int
    is_further: bool = False


@dataclass(frozen=True, slots=True)
class TracedMemory:
    """Bytes that tracemalloc counts as allocated after a run of the second pass; run 0 is the state after its warm-up."""

    point: Point
    run: int
    traced_bytes: int


@dataclass(frozen=True, slots=True)
class Filling:
    """A container with a bound that runs fill: entries, the most that it takes, entries a run, and the bytes of these."""

    point: Point
    name: str
    entries: int
    limit: int
    per_run: float
    bytes_per_run: float


@dataclass(frozen=True, slots=True)
class Retained:
    """Bytes and blocks that each run retains, by the source line that allocated them, measured under tracemalloc."""

    point: Point
    node: str
    file: str
    line: int
    bytes_per_run: float
    blocks_per_run: float
