"""The frozen records that a measurement yields: the only thing that crosses a process or a pipe.

Base units throughout (seconds, bytes, counts); every field is JSON. A measurement is an iterator of these; progress,
frames and cancellation are consumers of that one stream. Doubt travels with it as `Caveat`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["done", "budget", "cancelled", "failed"]


@dataclass(frozen=True, slots=True)
class Point:
    """One place of a sweep: what is run, on how much input, with how many workers of which kind."""

    target: str
    size: int | None
    workers: int
    executor: str
    drive: str
    rate: float | None = None


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
class Closed:
    """A point will get no more samples, and why."""

    point: Point
    status: Status


@dataclass(frozen=True, slots=True)
class Caveat:
    """A doubt about a result, in one sentence; `point` is None where it holds for the whole sweep."""

    code: str
    message: str
    point: Point | None = None


@dataclass(frozen=True, slots=True)
class Environment:
    """Where a measurement was made, and how: `cores` are those that it may use, a container's CPU quota included.

    `governor` is the processor's frequency policy, `memory_bytes` what the machine or its container has, `revision` the git
    commit of the working directory ("+" where files have changed since), `gc` what was done about garbage collection; None
    or empty where it is not known.
    """

    python: str
    platform: str
    processor: str
    cores: int
    load_1m: float
    packages: dict[str, str]
    governor: str | None = None
    cpu_quota: float | None = None
    memory_bytes: int | None = None
    revision: str | None = None
    gc: str = ""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Nothing new: the clock has moved on, and `elapsed_s` seconds of the measurement have passed."""

    elapsed_s: float


@dataclass(frozen=True, slots=True)
class Planned:
    """A sweep begins: its points, and the seconds that it may take."""

    points: tuple[Point, ...]
    budget_s: float


@dataclass(frozen=True, slots=True)
class Started:
    """A batch at this point is about to run."""

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


@dataclass(frozen=True, slots=True)
class Output:
    """Text that the user's code wrote to "stdout" or "stderr"."""

    stream: str
    text: str


@dataclass(frozen=True, slots=True)
class Failure:
    """The user's code, or a process that ran it, failed at a point; `chain` is the error and its causes, outermost first.

    A link is (base64 pickle or "", text, frames), a frame of the user's code (file, line, function).
    """

    point: Point | None
    chain: tuple[tuple[str, str, tuple[tuple[str, int, str], ...]], ...]


@dataclass(frozen=True, slots=True)
class Source:
    """Consecutive lines of a source file, from the line number `first` on, as they were when it was profiled."""

    file: str
    first: int
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LineCost:
    """Hits and time of one source line of a node at a point; the time includes waits for the interpreter lock."""

    point: Point
    node: str
    file: str
    line: int
    hits: int
    time_s: float


@dataclass(frozen=True, slots=True)
class NodeMemory:
    """What one node allocated in one run.

    `peak_bytes` is the most bytes alive at once that were allocated with the node as the innermost registered one,
    `inclusive_peak_bytes` the same with the node anywhere on the stack, `at_peak_bytes` what it held when the whole
    process was at its highest; `temporary` counts allocations freed by the very next step of their thread.
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


Record = (
    Planned
    | Sample
    | Latency
    | Metric
    | Probe
    | Closed
    | Caveat
    | Environment
    | Heartbeat
    | Started
    | Block
    | Waits
    | Output
    | Failure
    | Source
    | LineCost
    | NodeMemory
)
