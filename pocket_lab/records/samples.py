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
    """The latencies of the runs that a batch under load answered, in log buckets, and its failed and late requests.

    `errors` runs failed; `late` were due in an open loop and had not begun when the batch ended: an abandoned request counts
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
    """The odd and the even rounds of this point are of two builds of the same target: an A/A comparison inside the sweep."""

    point: Point


@dataclass(frozen=True, slots=True)
class Block:
    """Both targets of a comparison are rebuilt; the samples up to the next one belong to this block."""

    number: int


@dataclass(frozen=True, slots=True)
class Reference:
    """The CPU seconds of three fixed workloads in a round: how fast the machine was `at_s` seconds after the first round began.

    `memory_s` gathers from memory at random, `integers_s` is a loop of the interpreter, `matrix_s` multiplies small matrices.
    """

    round: int
    at_s: float
    memory_s: float
    integers_s: float
    matrix_s: float


@dataclass(frozen=True, slots=True)
class Waits:
    """How the workers of a point spent the time of `batches` batches: running, or in the run queue.

    `switches` are voluntary context switches: one each time that a thread sleeps, or waits for a device or a lock.
    `queued_s` is NaN where the system does not report it.
    """

    point: Point
    batches: int
    wall_s: float
    cpu_s: float
    queued_s: float
    switches: int
