"""Source lines and stacks, and what they cost."""

from __future__ import annotations

from dataclasses import dataclass

from pocket_lab.records.point import Point

CALLERS = "(its callers)"  # a helper is inside of whatever calls it


@dataclass(frozen=True, slots=True)
class Source:
    """Consecutive lines of a source file, from the line number `first` on, as they were when it was profiled."""

    file: str
    first: int
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LineCost:
    """Hits and time of one source line of a node at a point; the time includes waits for the interpreter lock.

    `function` is the name of its code: a line of a function has another record for a lambda on it. The time is also in the
    lines of the function `inside`, which is CALLERS for a helper, and "" for what the graph calls.
    """

    point: Point
    node: str
    file: str
    line: int
    hits: int
    time_s: float
    function: str = ""
    inside: str = ""


@dataclass(frozen=True, slots=True)
class Stack:
    """Where a weight was found: bytes ("B"), wall seconds ("s") or CPU seconds ("cpu_s") under these calls of a node.

    It was found `count` times. A frame is (function, file, line), the outermost first: the node's own function, or outside
    the nodes wherever the stack begins.
    """

    point: Point
    node: str
    frames: tuple[tuple[str, str, int], ...]
    weight: float
    unit: str
    count: int = 1
