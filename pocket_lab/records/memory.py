"""What was allocated, held and left."""

from __future__ import annotations

from dataclasses import dataclass

from pocket_lab.records.point import Point


@dataclass(frozen=True, slots=True)
class NodeMemory:
    """What one node allocated in one run.

    `peak_bytes` is the largest number of bytes alive at once that were allocated with this node as the innermost node,
    `inclusive_peak_bytes` the same with this node anywhere on the stack, `at_peak_bytes` what the node held at the peak of
    the whole process. `temporary` counts allocations that the same thread released after at most one other allocation,
    `leaked_bytes` are the bytes still alive at the end of the run. With several `processes` these are sums over processes,
    so peaks are upper bounds; `process_peak_bytes` is the largest own peak within one process. Of blocks of 1 MiB and more, all
    bytes here are those that were touched, as far as that is known.
    """

    point: Point
    node: str
    peak_bytes: int
    inclusive_peak_bytes: int
    at_peak_bytes: int
    allocations: int
    allocated_bytes: int
    temporary: int
    leaked_bytes: int
    process_peak_bytes: int = 0
    processes: int = 1


@dataclass(frozen=True, slots=True)
class RunMemory:
    """What one whole run allocated, inside and outside the nodes; the fields have the meaning of those of NodeMemory.

    `peak_bytes` is the largest number of bytes alive at once, in addition to what the process held before the run.
    `begun_at` is the Unix time of the start in seconds, `wall_s` the duration of the run under memray.
    """

    point: Point
    peak_bytes: int
    allocations: int
    allocated_bytes: int
    temporary: int
    leaked_bytes: int
    process_peak_bytes: int = 0
    processes: int = 1
    begun_at: float = 0.0
    wall_s: float = 0.0


@dataclass(frozen=True, slots=True)
class LineMemory:
    """What one line of a node allocated, directly or through calls, excluding what other nodes inside those calls allocated.

    `peak_bytes` is the line's share of the node's own peak, `at_peak_bytes` its share of the peak of the whole process.
    """

    point: Point
    node: str
    file: str
    line: int
    allocations: int
    allocated_bytes: int
    peak_bytes: int
    at_peak_bytes: int
    temporary: int
    leaked_bytes: int


@dataclass(frozen=True, slots=True)
class HeapPoint:
    """What a run held at one moment, in seconds since its start: allocated bytes, and resident bytes of its processes."""

    point: Point
    at_s: float
    heap_bytes: int
    rss_bytes: int


@dataclass(frozen=True, slots=True)
class NodeActivity:
    """An interval, in seconds since the start of the run, in which calls of a node ran with only negligible pauses."""

    point: Point
    node: str
    start_s: float
    end_s: float
