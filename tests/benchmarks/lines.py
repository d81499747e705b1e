"""What `lines` adds to line_profiler itself: the same graph under both, and whether every hit is counted.

python tests/benchmarks/lines.py

The instrument's whole pass (switching on, the run, bringing the counts home) against line_profiler's own on the same
functions, in neighbouring pairs of one process. Exits with 1 where the pass takes more than 1.1 times as long, or a hit
is missing on any executor.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import statistics
import sys
from time import perf_counter
from typing import Any

from line_profiler import LineProfiler

from pocket_lab import Graph, fan_out, lines, node
from pocket_lab.measure.job import Input
from pocket_lab.measure.planning import plan_job
from pocket_lab.measure.sweep import parse_sweep
from pocket_lab.profile.lines.instrument import profile_lines
from pocket_lab.records.sources import LineCost

ITEMS, STEPS = 200, 100
MOST = 1.1
EXECUTORS = ("serial", "threads", "processes")


@node
def split(size: int) -> list[int]:
    """As many items."""
    return list(range(size))


@node
def work(item: int) -> int:
    """Many calls, so that line_profiler's own cost is large."""
    total = 0
    for step in range(STEPS):
        total += helper(item + step)
    return total


def helper(value: int) -> int:
    """A function that no profiler was told of."""
    return value & 255


graph = Graph(split >> fan_out(work), name="lines")


def by_line_profiler() -> float:
    """Seconds of a run under line_profiler as its users have it."""
    profiler = LineProfiler()
    for function in (split.exec, work.exec):
        profiler.add_callable(function)
    start = perf_counter()
    profiler.enable_by_count()
    try:
        graph.run(ITEMS)
    finally:
        profiler.disable_by_count()
    profiler.get_stats()
    return perf_counter() - start


def by_lines(job: Any) -> tuple[float, int]:
    """Seconds of our pass over the same run, in this process, and the hits that it counted."""
    start = perf_counter()
    records = list(profile_lines(job))
    took_s = perf_counter() - start
    return took_s, sum(record.hits for record in records if isinstance(record, LineCost))


def main() -> int:
    """Print the tables; 1 where a bar is missed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=31)
    options = parser.parse_args()
    job = plan_job(graph, Input.ABSENT, parse_sweep(size=ITEMS, executors="serial"))
    by_line_profiler()
    by_lines(job)
    gc.collect()
    gc.freeze()  # our pass begins with a collection, which would go through all that this process has loaded
    ratios, raw, ours, loads = [], [], [], []
    for _ in range(options.rounds):
        times = {}
        for way in random.sample(["raw", "ours"], 2):
            times[way] = by_line_profiler() if way == "raw" else by_lines(job)[0]
        ratios.append(times["ours"] / times["raw"])
        raw.append(times["raw"])
        ours.append(times["ours"])
        loads.append(os.getloadavg()[0])
    ratio = statistics.median(ratios)
    met = ratio <= MOST
    print(f"load {statistics.median(loads):.1f} (median), {options.rounds} pairs, {ITEMS} items of {STEPS} calls")
    print(f"{'a run under line_profiler':34}{statistics.median(raw) * 1e3:8.1f} ms")
    told = f"{statistics.median(ours) * 1e3:8.1f} ms{ratio:8.2f}x  <= {MOST}x  {'met' if met else 'MISSED'}"
    print(f"{'the pass of lines':34}{told}")
    wanted = {
        "for step in range(STEPS):": ITEMS * (STEPS + 1),
        "total += helper(item + step)": ITEMS * STEPS,
        "total = 0": ITEMS,
    }
    for executor in EXECUTORS:
        frame = lines(graph, size=ITEMS, executor=executor, workers=1 if executor == "serial" else 2).frame
        hits = {row["source"].strip(): row["hits"] for row in frame.to_dict("records")}
        exact = all(hits[source] == count for source, count in wanted.items())
        met &= exact
        counted = f"{sum(hits[source] for source in wanted):8} of {sum(wanted.values())}"
        print(f"{'hits on ' + executor:34}{counted}  {'met' if exact else 'MISSED'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
