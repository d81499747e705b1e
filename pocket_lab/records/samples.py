"""What a sweep or a comparison measures: batches, latencies, metrics."""

from __future__ import annotations

from dataclasses import dataclass

from pocket_lab.records.point import Point


@dataclass(frozen=True, slots=True)
class Sample:
    """One timed batch of `loops` runs at a point; wall and CPU seconds are batch totals, CPU of the workers included."""

    point: Point
    round: int
    loops: int
    wall_s: float
    cpu_s: float
    items: int
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Latency:
    """The latencies of the runs that a batch under load answered, in log buckets (`measure.histogram`), and what went wrong.

    `errors` runs failed; `late` were due in an open loop and had not begun when the batch ended: what is given up then counts
    with the time that it had waited.
    """

    point: Point
    round: int
    histogram: tuple[tuple[int, int], ...]
    errors: int = 0
    late: int = 0


@dataclass(frozen=True, slots=True)
class Metric:
    """A measure of the user's own: the mean of what a node reported in a batch, with the number of reports in a run."""

    point: Point
    node: str
    name: str
    value: float
    unit: str
    round: int = 0
    reports: float = 1.0


@dataclass(frozen=True, slots=True)
class Probe:
    """The odd and the even rounds of this point are of two builds of the same thing: an A/A comparison inside the sweep."""

    point: Point


@dataclass(frozen=True, slots=True)
class Block:
    """Both targets of a comparison are built anew; the samples up to the next one belong to this block."""

    number: int


@dataclass(frozen=True, slots=True)
class Waits:
    """What the thread of a point did over `batches` batches: how much of the time it ran, and how much it stood in the queue.

    `switches` are voluntary context switches: a thread that sleeps or waits for a device gives its core away each time.
    `queued_s` is NaN where the system does not tell.
    """

    point: Point
    batches: int
    wall_s: float
    cpu_s: float
    queued_s: float
    switches: int
