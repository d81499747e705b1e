"""What a monitor costs for each visit to a node, beside OpenTelemetry's SDK, and that its memory does not grow.

pip install "pocket-lab[peers]" && python tests/benchmarks/monitor.py

The unit is two reads of `perf_counter_ns`, which is the least that any timing of a visit takes. "A record alone" is what the
monitor does with a visit that it is told of; "a visit, watched" is all that a watched graph takes more than an unwatched one,
the two clock reads of the visit included, in a chain of a hundred nodes. Both have the same bar, so the second is the one that
decides. What each run costs beside its visits shows in the shorter chains, which have no bar. The last table is ten million
visits of one run, in a process of its own. Exits with 1 where a bar is missed; without the SDK its rows are missing.
"""

from __future__ import annotations

import gc
import importlib.util
import platform
import random
import resource
import statistics
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise, repeat
from time import perf_counter, perf_counter_ns
from typing import Any

from interleaved import functions

from pocket_lab import Graph, Node, Route
from pocket_lab.graph.observers import Run
from pocket_lab.lab.monitor import Monitor

ROUNDS = 101
BATCH = 2_000
MOST = 6.0
VISITS = 10_000_000
MOST_KIB = 64
_LONG_RUN = "--long-run"
Batch = Callable[[], float]


def two_reads() -> float:
    """Nanoseconds of two clock reads, a loop without them taken away."""
    start = perf_counter_ns()
    for _ in repeat(None, BATCH):
        perf_counter_ns()
        perf_counter_ns()
    middle = perf_counter_ns()
    for _ in repeat(None, BATCH):
        pass
    return (2 * middle - start - perf_counter_ns()) / BATCH


def record_alone() -> Batch:
    """A visit told to the sink of a run, as a chain tells it; latencies from a microsecond to a millisecond."""
    sink = Monitor().begin(Run(0, "g", None, None, "here"))
    now_s = perf_counter()
    events = [("n", now_s - random.lognormvariate(-10, 1), now_s, "default", None) for _ in range(BATCH)]
    return lambda: over(events, sink)


def over(events: list[Any], call: Callable[[Any], object]) -> float:
    """Nanoseconds of a call, a loop without it taken away."""
    start = perf_counter_ns()
    for event in events:
        call(event)
    middle = perf_counter_ns()
    for _ in events:
        pass
    return (2 * middle - start - perf_counter_ns()) / len(events)


def visit_watched(nodes: int) -> Batch:
    """What a node of a watched chain takes more than one of the same chain unwatched."""
    made = [Node(f"n{number}", exec=call) for number, call in enumerate(functions(nodes))]
    graph = Graph.from_edges(list(pairwise(made))) if nodes > 1 else Graph(made[0])
    watched, loops = Monitor().watch(graph), max(BATCH // nodes, 1)

    def more() -> float:
        times = {}
        for run in random.sample([graph.run, watched.run], 2):
            start = perf_counter_ns()
            for _ in repeat(None, loops):
                run(1)
            times[run] = perf_counter_ns() - start
        return (times[watched.run] - times[graph.run]) / loops / nodes

    return more


def span() -> Batch:
    """A span of OpenTelemetry, kept nowhere."""
    from opentelemetry.sdk.trace import TracerProvider

    tracer = TracerProvider().get_tracer("benchmark")

    def one(_: Any) -> None:
        with tracer.start_as_current_span("n"):
            pass

    return lambda: over([None] * BATCH, one)


def metric() -> Batch:
    """A latency told to OpenTelemetry's histogram, under the name of the node, as its in-memory reader keeps it."""
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    provider = MeterProvider([InMemoryMetricReader()])
    histogram = provider.get_meter("benchmark").create_histogram("latency", "s")
    seconds = [random.lognormvariate(-10, 1) for _ in range(BATCH)]
    return lambda: over(seconds, lambda value: histogram.record(value, {"node": "n"}))


def costs() -> bool:
    """The table of costs; whether both bars are met."""
    rows: list[tuple[str, Batch, float | None]] = [
        ("a record alone", record_alone(), MOST),
        ("a visit, watched, in a chain of 100", visit_watched(100), MOST),
        ("a visit, watched, in a chain of 10", visit_watched(10), None),
        ("a run of one node, watched", visit_watched(1), None),
    ]
    if importlib.util.find_spec("opentelemetry") and importlib.util.find_spec("opentelemetry.sdk"):
        rows += [("OpenTelemetry: a span", span(), None), ("OpenTelemetry: a record in a histogram", metric(), None)]
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name, _, _ in rows}
    for _, batch, _ in rows:
        batch()
    for _ in range(ROUNDS):
        for name, batch, _ in random.sample(rows, len(rows)):
            gc.collect(0)
            seen[name].append((batch(), two_reads()))
    print(f"Python {platform.python_version()}, medians of {ROUNDS} interleaved rounds; the unit is two reads of the clock")
    print(f"{'':42}{'ns':>9}{'unit':>9}{'ratio':>9}  bar")
    met = True
    for name, _, most in rows:
        took, unit = (statistics.median(values) for values in zip(*seen[name], strict=True))
        ratio = statistics.median(a / b for a, b in seen[name])
        is_met = most is None or ratio <= most
        met &= is_met
        verdict = "" if most is None else f"<= {most:g}x    {'met' if is_met else 'MISSED'}"
        print(f"{name:42}{took:9.0f}{unit:9.0f}{ratio:8.2f}x  {verdict}")
    return met


def long_run() -> bool:
    """A run of ten million visits in a process of its own, whose highest memory so far is its present one."""
    sys.stdout.flush()
    return subprocess.run([sys.executable, __file__, _LONG_RUN], check=False).returncode == 0


def count_visits() -> int:
    """Time a visit, and whether memory grew with their number; 1 where it did."""

    def count_down(left: int) -> Route[int]:
        return Route(left - 1, "again" if left > 1 else "done")

    def kib() -> int:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "darwin" else 1)

    down = Node("down", exec=count_down)
    monitor = Monitor()
    graph = monitor.watch(Graph(down - "again" >> down, down - "done" >> Node("end")))
    graph.run(100_000)
    assert len(monitor.frame) == 2
    print(f"\n{'one run of':>20}{'ns a visit':>12}{'peak memory grew by':>22}")
    grown, done = 0, 100_000
    for visits in (VISITS // 100, VISITS // 10, VISITS):
        before, start = kib(), perf_counter()
        graph.run(visits)
        grown, done = kib() - before, done + visits
        print(f"{visits:>13,} visits{(perf_counter() - start) / visits * 1e9:12.0f}{grown:18} KiB")
    assert monitor.frame.set_index("node")["executions"]["down"] == done
    return 0 if grown <= MOST_KIB else 1


def main() -> int:
    """Print both tables; 1 where a bar is missed."""
    if _LONG_RUN in sys.argv:
        return count_visits()
    return 0 if all([costs(), long_run()]) else 1


if __name__ == "__main__":
    sys.exit(main())
