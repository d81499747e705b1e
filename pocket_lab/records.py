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
class Stack:
    """Where a weight was found: bytes ("B") or seconds ("s") under these calls of a node, `count` times.

    A frame is (function, file, line), the outermost first, which is the node's own function.
    """

    point: Point
    node: str
    frames: tuple[tuple[str, str, int], ...]
    weight: float
    unit: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class Span:
    """One phase of a visit to a node, in seconds since the run of its point began, stamped where it was.

    `phase` is "prep", "exec" (with its fallback) or "post"; "retry" is an attempt that failed with the wait after it; "queue"
    is how long an item waited for a worker: from when its fan-out began, or `map`, until its first node did. `run` counts the
    outermost runs from 0, `parent` is the id of the span inside of which it lies (of a fan-out, or of a graph in a graph).
    `action` stands at the last phase of a visit, `attempt` counts from 1, `outcome` is "ok" or "failed". `worker` is the
    name of a thread or of an asyncio task, or "process" and its id; `item` the index of the nearest item around it.
    """

    point: Point
    run: int
    id: int
    parent: int | None
    node: str
    phase: str
    action: str
    start_s: float
    end_s: float
    worker: str
    item: int | None
    attempt: int
    outcome: str


@dataclass(frozen=True, slots=True)
class Traced:
    """One run of a point (under load, one window) that took `wall_s`, as `visits` to nodes told it.

    What the instrument itself costs, by a calibration in the same process: `inside_s` stands in every span, `outside_s`
    comes after every visit.
    """

    point: Point
    wall_s: float
    visits: int
    inside_s: float
    outside_s: float


@dataclass(frozen=True, slots=True)
class NodeTime:
    """What one node took in one traced run: `wall_s` without the nodes inside it, `queue_s` the waits of its items."""

    point: Point
    node: str
    calls: int
    wall_s: float
    share: float
    queue_s: float
    errors: int


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


@dataclass(frozen=True, slots=True)
class NodeTraffic:
    """What one node of a running graph did until now: what a monitor knows of it.

    `histogram` holds every latency in log buckets, failed visits too; `last_at` is a time of day (seconds since 1970).
    `recent` are the visits by the slot of `slot_s` seconds in which they ended (0 is the present one, -1 the one before), and
    `window_s` the seconds from the beginning of the oldest slot, or of the monitor, until now.
    """

    graph: str
    node: str
    executions: int
    errors: int
    total_s: float
    last_at: float
    window_s: float
    slot_s: float
    recent: tuple[tuple[int, int], ...]
    histogram: tuple[tuple[int, int], ...]


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
    | Span
    | Traced
    | NodeTime
    | Stack
    | NodeMemory
    | RunMemory
    | LineMemory
    | HeapPoint
    | Busy
    | NodeTraffic
    | Leftover
    | MemoryReading
    | TracedMemory
    | Retained
)
