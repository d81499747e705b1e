"""The cost of a memory profile against raw memray, in the run and in reading a million allocations, and its accuracy.

python tests/benchmarks/memory.py

Ratios are of CPU seconds, system time and all threads included, so that other jobs on the machine matter less: medians over
pairs measured one after the other. Exits with 1 where a bar is missed. The last row of the runs has no bar: its visits do
nearly nothing, so recording a visit costs more than the visit.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path
from time import process_time
from typing import Any

from memray import FileDestination, FileReader, Tracker
from memray.reporters.flamegraph import FlameGraphReporter

from pocket_lab import Graph, Node, fan_out, memory, node
from pocket_lab.graph.context import INLINE
from pocket_lab.measure.job import Input
from pocket_lab.measure.planning import plan_job
from pocket_lab.measure.sweep import parse_sweep
from pocket_lab.measure.work import build_work
from pocket_lab.profile.memory.instrument import MemoryOptions, MemoryPass
from pocket_lab.records.point import Point

MOST_PASS, MOST_READ, MOST_OFF = 1.15, 2.0, 0.02
MIB = 2**20
MANY = 1_000_000


@node
def blocks(count: int) -> int:
    """Blocks of 600 bytes and more from one line; every third is kept, a hundredth of the run long."""
    kept = []
    for number in range(count):
        block = bytearray(600 + number % 700)
        if number % 3 == 0:
            kept.append(block)
        if number % (count // 100 or 1) == 0:
            kept.clear()
    return len(kept)


@node
def keeps(count: int) -> int:
    """Blocks that are all alive at the end."""
    return len([bytearray(600 + number % 700) for number in range(count)])


def _descend(path: int, depth: int) -> bytearray:
    if not depth:
        return bytearray(600 + path % 700)
    if path & 1:  # two lines, so that the stacks differ
        return _descend(path >> 1, depth - 1)
    return _descend(path >> 1, depth - 1)


@node
def many_stacks(count: int) -> int:
    """Blocks from 4,096 different stacks, of which a part is kept."""
    kept = []
    for number in range(count):
        block = _descend(number % 4096, 12)
        if number % 5 == 0:
            kept.append(block)
    return len(kept)


@node
def some(number: int) -> int:
    """A visit that allocates five hundred times."""
    return len([bytearray(1000 + number % 100) for _ in range(500)])


@node
def short(number: int) -> int:
    """A visit that allocates once."""
    return len(bytearray(1000)) + number


@node
def large(count: int) -> int:
    """Blocks of 1 MiB that are written to."""
    return sum(len(b"x" * MIB) for _ in range(count))


READS = {"few stacks": blocks, "all alive": keeps, "many stacks": many_stacks}
PASSES: dict[str, tuple[Any, int]] = {
    "many blocks": (Graph(blocks), 300_000),
    "many visits": (Graph(fan_out(some)), 1_000),
    "large blocks": (Graph(large), 1_500),
    "visits of no work": (Graph(fan_out(short)), 20_000),
}
NO_BAR = "visits of no work"


def captured(target: Node, folder: Path) -> Path:
    """Run the node under memray with a million allocations; return the capture."""
    file = folder / f"{target.name}.bin"
    with Tracker(destination=FileDestination(file, overwrite=True, compress_on_exit=False)):
        target(MANY)
    return file


def read_by_memray(file: Path) -> int:
    """memray's flame graph: what was alive at the peak, as a tree."""
    with FileReader(file) as reader:
        records = reader.get_high_watermark_allocation_records(merge_threads=True)
        moments = list(reader.get_memory_snapshots())
        reporter = FlameGraphReporter.from_snapshot(records, memory_records=moments, native_traces=False)
    return len(reporter.data["strings"])


def read_ratios(target: Node, folder: Path, trials: int) -> list[float]:
    """Return our CPU seconds over memray's for the same capture: all tables of a profile against a flame graph."""
    file = captured(target, folder)
    job = plan_job(target, Input.ABSENT, parse_sweep(size=MANY), None)
    memory_pass = MemoryPass(job, MemoryOptions(), file)
    point = job.points[0]
    ratios = []
    for _ in range(trials):
        start = process_time()
        read_by_memray(file)
        middle = process_time()
        records = list(memory_pass.records(point))
        ratios.append((process_time() - middle) / (middle - start))
        assert len(records) > 3
    return ratios


def run_ratios(target: Any, size: int, folder: Path, trials: int) -> list[float]:
    """Return CPU seconds of the run under our instrument over those under a raw Tracker, with start and stop."""
    fans_out = any(item.fans_out for item in target.walk())
    job = plan_job(target, (lambda n: list(range(n))) if fans_out else Input.ABSENT, parse_sweep(size=size), None)
    point: Point = job.points[0]
    value = job.input(size) if fans_out else size
    ours, raw = folder / "ours.bin", folder / "raw.bin"
    memory_pass = MemoryPass(job, MemoryOptions(), ours)
    work, bare = build_work(memory_pass.job, point, value, INLINE), build_work(job, point, value, INLINE)
    work.once()
    bare.once()
    ratios = []
    for number in range(trials + 1):
        start = process_time()
        with Tracker(destination=FileDestination(raw, overwrite=True)):
            bare.once()
        middle = process_time()
        with memory_pass.watching(point, INLINE):
            work.once()
        if number:
            ratios.append((process_time() - middle) / (middle - start))
    return ratios


@node
def holds(size: int) -> int:
    """50 MiB, and less later."""
    return len(bytearray(50 * MIB))


@node
def bursts(size: int) -> int:
    """The peak of the process."""
    return len(bytearray(200 * MIB))


@node
def item(number: int) -> int:
    """20 MiB."""
    return len(bytearray(20 * MIB))


def truths() -> list[tuple[str, float, float]]:
    """Return (what, bytes reported, true bytes)."""
    of = memory(Graph(holds >> bursts), size=1).frame.set_index("node")["peak_bytes"]
    rows = [("own peak, another holds the peak", float(of["holds"]), 50.0 * MIB)]
    rows.append(("peak of the process", float(of["bursts"]), 200.0 * MIB))
    for executor in ("serial", "threads", "processes"):
        frame = memory(Graph(fan_out(item)), size=4, input=range, executor=executor, workers=1).frame.set_index("node")
        rows.append((f"allocated by 4 items, {executor}", float(frame.loc["item", "allocated_bytes"]), 80.0 * MIB))
    return rows


def print_row(name: str, ratios: list[float], most: float | None) -> bool:
    """Print a row of the table; return whether its bar is met."""
    low, median, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
    met = most is None or median <= most
    bar = "         -" if most is None else f"{most:9.2f}x   {'met' if met else 'MISSED'}"
    print(f"{name:34}{median:9.2f}x{low:8.2f}{high:7.2f}{bar}", flush=True)
    return met


def main() -> int:
    """Print the tables; 1 where a bar is missed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=25)
    parser.add_argument("--reads", type=int, default=5, help="trials of reading a million allocations")
    options = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f}\n{'against memray':34}{'median':>10}{'quartiles':>15}{'bar':>10}")
    met = True
    with tempfile.TemporaryDirectory(prefix="pocket-lab-") as folder:
        for name, (target, size) in PASSES.items():
            most = MOST_PASS if name != NO_BAR else None
            met &= print_row(f"run, {name}", run_ratios(target, size, Path(folder), options.trials), most)
        for name, read in READS.items():
            met &= print_row(f"read, {name}", read_ratios(read, Path(folder), options.reads), MOST_READ)
    print(f"\n{'truths':34}{'reported':>10}{'true':>10}{'off by':>9}")
    for name, said, true in truths():
        met &= abs(said / true - 1) <= MOST_OFF
        print(f"{name:34}{said / MIB:6.1f} MiB{true / MIB:6.1f} MiB{said / true - 1:+9.2%}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
