"""Whatever runs because of a node counts for the node: random programs of known bytes, CPU seconds and line hits.

python tests/benchmarks/attribution.py [--programs 200] [--first 0]

Each program (tests/profile/random_programs.py and lines/line_programs.py: decorators, threads, pools, tasks, inner functions,
made code, Mocks) runs under each instrument on every executor that it can use: serial, threads and processes, or asyncio.
Exits with 1 where a node's blocks are not all counted for it alone, its CPU seconds are off by more than 5 %, or a line has a
hit too many or too few. An instrument is a row of CHECKS.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).parents[1] / "profile"))
sys.path.insert(0, str(Path(__file__).parents[1] / "profile/lines"))

from line_programs import random_line_program
from random_programs import ITEMS, are_exact, executors, random_program

from pocket_lab.graph.graph import Graph
from pocket_lab.measure.job import Job
from pocket_lab.measure.planning import plan_job
from pocket_lab.measure.sweep import parse_sweep
from pocket_lab.profile.cpu.instrument import profile_cpu
from pocket_lab.profile.lines.instrument import profile_lines
from pocket_lab.profile.memory.instrument import profile_memory
from pocket_lab.records.memory import NodeMemory
from pocket_lab.records.progress import Failure
from pocket_lab.records.sources import LineCost, Stack

MOST_OFF = 0.05

Check = Callable[[int, bool, Path], Iterator[tuple[str, float, bool]]]


def job_of(graph: Graph, executor: str, scratch: Path, drive: str = "map") -> Job:
    workers = 1 if executor == "serial" else 2
    sweep = parse_sweep(size=ITEMS, workers=workers, executor=executor, drive=drive)
    return replace(plan_job(graph, range if drive == "map" else int, sweep), scratch=str(scratch))


def check_memory(seed: int, is_async: bool, scratch: Path) -> Iterator[tuple[str, float, bool]]:
    """What is off, how much, and whether it is right: bytes of each node."""
    program = random_program(seed, is_async, megabytes=8, seconds=0.0)
    for executor in executors(is_async):
        records = list(profile_memory(job_of(program.graph, executor, scratch)))
        yield from (failed for failed in _failures(records, executor))
        found = {record.node: record for record in records if isinstance(record, NodeMemory)}
        for node, size in program.sizes.items():
            off = found[node].allocated_bytes - ITEMS * size
            yield f"{executor} {node}: allocated", off, are_exact(off)
            peak = found[node].peak_bytes
            if executor == "serial":
                yield f"{executor} {node}: peak", peak - size, are_exact(peak - size)
            else:
                off = max(peak - ITEMS * size, 0) - max(size - peak, 0)  # the items may overlap, or not
                yield f"{executor} {node}: peak", off, are_exact(off)


def check_cpu(seed: int, is_async: bool, scratch: Path) -> Iterator[tuple[str, float, bool]]:
    """CPU seconds of each node, as a part of what is right: what the clocks of its threads say there."""
    program = random_program(seed, is_async, megabytes=0, seconds=0.12, reports=scratch)
    for executor in executors(is_async):
        records = list(profile_cpu(job_of(program.graph, executor, scratch)))
        yield from _failures(records, executor)
        stacks = [record for record in records if isinstance(record, Stack) and record.unit == "cpu_s"]
        for node in program.seconds:
            cpu_s = sum(stack.weight for stack in stacks if stack.node == node)
            off = cpu_s / program.used(node) - 1
            yield f"{executor} {node}: cpu", off, abs(off) <= MOST_OFF


def check_hits(seed: int, is_async: bool, scratch: Path) -> Iterator[tuple[str, float, bool]]:
    """Hits of each line of each node."""
    program = random_line_program(seed, is_async)
    for executor in executors(is_async):
        records = list(profile_lines(job_of(program.graph, executor, scratch, drive="run")))
        yield from _failures(records, executor)
        found: Counter[tuple[str, str, int]] = Counter()
        for record in records:
            if isinstance(record, LineCost):
                found[record.node, record.file, record.line] += record.hits
        for (node, file, line), hits in program.hits(ITEMS).items():
            off = found[node, file, line] - hits
            yield f"{executor} {node}, {file}:{line}: hits", off, off == 0


def _failures(records: list[object], executor: str) -> Iterator[tuple[str, float, bool]]:
    for record in records:
        if isinstance(record, Failure):
            yield f"{executor}: {record}", 1.0, False


CHECKS: dict[str, Check] = {"memory": check_memory, "cpu": check_cpu, "hits": check_hits}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=int, default=200)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--check", choices=list(CHECKS), action="append")
    options = parser.parse_args()
    missed = 0
    for name in options.check or CHECKS:
        begun, offs = perf_counter(), []
        for seed in range(options.first, options.first + options.programs):
            with tempfile.TemporaryDirectory() as scratch:
                for what, off, is_right in CHECKS[name](seed, seed % 4 == 3, Path(scratch)):
                    offs.append(abs(off))
                    if not is_right:
                        missed += 1
                        print(f"{name} {what} is off by {off:g}", flush=True)
        offs.sort()
        print(
            f"{name}: {options.programs} programs, {len(offs)} figures, off by {statistics.median(offs):.3g} in the median, "
            f"{offs[-1 - len(offs) // 100]:.3g} at the 99th percentile, at most {offs[-1]:.3g}; {perf_counter() - begun:.0f} s"
        )
    print(f"{missed} figures are wrong" if missed else "every figure is right")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
