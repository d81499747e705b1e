"""What was allocated, held and left."""

from __future__ import annotations

from dataclasses import dataclass

from pocket_lab.records.point import Point


@dataclass(frozen=True, slots=True)
class NodeMemory:
    """What one node allocated in one run.

    `peak_bytes` is the most bytes alive at once that were allocated with the node as the innermost registered one,
    `inclusive_peak_bytes` the same with the node anywhere on the stack, `at_peak_bytes` what it held when the whole
    process was at its highest; `temporary` counts allocations that their thread released after at most one other
    allocation, `leaked_bytes` was still alive when the run had ended. Of several `processes` all of these are sums, peaks
    thus upper bounds; `process_peak_bytes` is the largest own peak in one of them.
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
    """What all of a run allocated, nodes and what is outside of them: the fields mean what those of NodeMemory mean.

    `peak_bytes` is the most that was alive at once, on top of what the process held before. `begun_at` is a time of day
    (seconds since 1970), `wall_s` how long the run took with memray.
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
    """What was allocated by one line of a node, or by what it called, as far as no other node came in between.

    `peak_bytes` is the line's part of the node's own peak, `at_peak_bytes` that of the peak of the whole process.
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
    """What a run held at a moment, in seconds since it began: allocated bytes, and the resident memory of its processes."""

    point: Point
    at_s: float
    heap_bytes: int
    rss_bytes: int


@dataclass(frozen=True, slots=True)
class Busy:
    """A stretch of time, in seconds since the run began, in which calls of a node ran without a pause to speak of."""

    point: Point
    node: str
    start_s: float
    end_s: float
