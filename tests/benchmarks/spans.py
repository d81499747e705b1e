"""What a span costs, beside two clock reads and OpenTelemetry's SDK, and whether self times add up to the wall time.

pip install "pocket-lab[peers]" && python tests/benchmarks/spans.py

Exits with 1 where a bar is missed. Without OpenTelemetry its row is missing.
"""

from __future__ import annotations

import importlib.util
import platform
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from time import perf_counter, perf_counter_ns
from typing import Any

from pocket_lab import Graph, Node, fan_out
from pocket_lab.frames.spans import spans_frame
from pocket_lab.measure.planning import plan_job
from pocket_lab.measure.sweep import parse_sweep
from pocket_lab.profile.trace.instrument import profile_spans
from pocket_lab.profile.trace.recorder import Recorder
from pocket_lab.profile.trace.self_time import covered_s, self_times
from pocket_lab.records.point import Point
from pocket_lab.records.record import Record
from pocket_lab.records.spans import Span, Traced
from pocket_lab.sharing.exchange.chrome import save_chrome

ROUNDS, LOOPS, NODES = 101, 60, 20
MOST_READS, MOST_OFF = 4.0, 0.02
TRIES = 5  # of a truth, of which the best counts: what a busy machine takes from a run is in no span of it


def chain(count: int = NODES) -> Graph:
    """Nodes that do nothing."""
    return Graph.from_edges(list(pairwise([Node(f"n{number}", exec=nothing) for number in range(count)])))


def nothing(value: Any) -> Any:
    """The least that a node can do."""
    return value


def clock_reads_ns() -> float:
    """Two reads, as a span needs them."""
    begun = perf_counter_ns()
    for _ in range(LOOPS * NODES):
        perf_counter_ns()
        perf_counter_ns()
    return (perf_counter_ns() - begun) / (LOOPS * NODES)


def bare_loop_ns() -> float:
    """The loop around the reads."""
    begun = perf_counter_ns()
    for _ in range(LOOPS * NODES):
        pass
    return (perf_counter_ns() - begun) / (LOOPS * NODES)


def run_ns(run: Callable[[], Any]) -> float:
    """Nanoseconds a node of a chain."""
    begun = perf_counter_ns()
    for _ in range(LOOPS):
        run()
    return (perf_counter_ns() - begun) / (LOOPS * NODES)


def telemetry() -> Callable[[], Any] | None:
    """A span of OpenTelemetry's SDK around each call, which nobody exports; None where it is not installed."""
    if importlib.util.find_spec("opentelemetry.sdk") is None:
        return None
    from opentelemetry.sdk.trace import TracerProvider

    tracer = TracerProvider().get_tracer("benchmark")

    def run() -> None:
        for _ in range(NODES):
            with tracer.start_as_current_span("n"):
                nothing(None)

    return run


def costs() -> bool:
    """The table of costs; whether the bar is met."""
    plain, recorder = chain(), Recorder()
    observed = plain.observed(recorder)

    def with_spans() -> None:
        observed.run()
        recorder.runs.clear()

    def calls() -> None:
        for _ in range(NODES):
            nothing(None)

    ways: dict[str, Callable[[], float]] = {
        "reads": clock_reads_ns,
        "loop": bare_loop_ns,
        "plain": lambda: run_ns(plain.run),
        "spans": lambda: run_ns(with_spans),
        "calls": lambda: run_ns(calls),
    }
    if (peer := telemetry()) is not None:
        ways["telemetry"] = lambda: run_ns(peer)
    seen: dict[str, list[float]] = {way: [] for way in ways}
    for number in range(ROUNDS):
        for way in random.sample(list(ways), len(ways)):
            if way != "telemetry" or number % 10 == 0:
                seen[way].append(ways[way]())
    reads = [one - other for one, other in zip(seen["reads"], seen["loop"], strict=True)]
    spans = [one - other for one, other in zip(seen["spans"], seen["plain"], strict=True)]
    ratio = statistics.median(span / read for span, read in zip(spans, reads, strict=True))
    print(f"Python {platform.python_version()}, medians of {ROUNDS} interleaved rounds, {NODES} nodes in a chain")
    print(f"{'two perf_counter_ns reads':44}{statistics.median(reads):8.0f} ns")
    verdict = f"<= {MOST_READS:g}x {'met' if ratio <= MOST_READS else 'MISSED'}"
    print(f"{'a span (a run with spans - one without)':44}{statistics.median(spans):8.0f} ns{ratio:8.2f}x  {verdict}")
    if "telemetry" in seen:
        peer_ns = statistics.median(seen["telemetry"]) - statistics.median(seen["calls"])
        print(f"{'a span of the OpenTelemetry SDK':44}{peer_ns:8.0f} ns{peer_ns / statistics.median(reads):8.0f}x")
    return ratio <= MOST_READS


def nap(value: Any) -> Any:
    """Waits."""
    time.sleep(0.05)
    return value


def busy(value: Any) -> Any:
    """Holds the processor."""
    end = perf_counter() + 0.05
    while perf_counter() < end:
        pass
    return value


def traced(graph: Graph, **options: Any) -> tuple[Traced, list[Span]]:
    """A run of it in this process."""
    job = plan_job(graph, lambda size: list(range(size)), parse_sweep(**options), None)
    records = list(profile_spans(job))
    (told,) = [record for record in records if isinstance(record, Traced)]
    return told, [record for record in records if isinstance(record, Span)]


def off_serial() -> float:
    """By how much the self times of a serial run miss its wall time, as a fraction."""
    inner = Graph(Node("nap", exec=nap) >> Node("busy", exec=busy), name="inner")
    graph = Graph(Node("first", exec=busy) >> fan_out(inner, name="each") >> Node("last", exec=nap))
    told, spans = traced(graph, size=5, executor="serial")
    own = self_times(spans, told.inside_s, told.outside_s)
    return abs(sum(own[span.id] for span in spans if span.phase != "queue") / told.wall_s - 1)


def off_on_workers(executor: str, work: Callable[[Any], Any], items: int = 8, workers: int = 2) -> float:
    """The same for each worker of a fan-out, against the time from its first item to its last; the worst of them."""
    graph = Graph(fan_out(Graph(Node("one", exec=work) >> Node("two", exec=work), name="item"), name="each"))
    told, spans = traced(graph, size=items, workers=workers, executor=executor)
    own = self_times(spans, told.inside_s, told.outside_s)
    here = [span for span in spans if span.phase == "exec" and span.node != "each"]
    worst = 0.0
    for worker in {span.worker for span in here}:
        lane = [span for span in here if span.worker == worker]
        extent_s = covered_s([(min(s.start_s for s in lane), max(s.end_s for s in lane))], 0.0, told.wall_s)
        worst = max(worst, abs(sum(own[span.id] for span in lane) / extent_s - 1))
    return worst


def truths() -> bool:
    """The table of truths; whether all are within the bar."""
    rows: dict[str, Callable[[], float]] = {
        "serial, sleeping and busy nodes in a fan-out": off_serial,
        "each of 2 threads, sleeping items": lambda: off_on_workers("threads", nap),
        "each of 2 processes, sleeping items": lambda: off_on_workers("processes", nap),
        "1 process, busy items": lambda: off_on_workers("processes", busy, workers=1),
    }
    print(f"\n{f'self times against wall time, best of {TRIES}':56}{'off by':>8}")
    met = True
    for name, off in rows.items():
        least = min(off() for _ in range(TRIES))
        met &= least <= MOST_OFF
        print(f"{name:56}{least:8.2%}  <= {MOST_OFF:.0%} {'met' if least <= MOST_OFF else 'MISSED'}")
    return met


def export() -> None:
    """The time to write a hundred thousand spans for Perfetto."""
    point = Point("t", None, 4, "threads", "run")
    records: list[Record] = [Traced(point, 1.0, 100_000, 0.0, 0.0)]
    for id in range(100_000):
        at_s = id * 1e-5
        records.append(Span(point, 0, id, None, f"n{id % 7}", "exec", "default", at_s, at_s + 9e-6, f"w{id % 4}", id, 1, "ok"))
    frame = spans_frame(records)
    with tempfile.TemporaryDirectory(prefix="pocket-lab-") as folder:
        begun = perf_counter()
        path = save_chrome(Path(folder) / "trace.json", frame, "t")
        print(f"\n100,000 spans as Chrome trace: {perf_counter() - begun:.2f} s, {path.stat().st_size / 1e6:.1f} MB")


def main() -> int:
    """Print every table; 1 where a bar is missed."""
    met = [costs(), truths()]
    export()
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
