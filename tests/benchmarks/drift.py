"""Page faults and CPU time of functions that build something, in fresh processes with and without a heap that keeps its memory.

python tests/benchmarks/drift.py

Processes of both kinds alternate. In each, every round runs three builders and an integer loop; times are CPU time over
that of the loop in the same round. The drift is the change from the first third of the rounds to the last one. Exits with 1
where a run on the kept heap has a page fault or more, or where the times on it differ by more than 10 % between processes:
the states of the other heap differ by a quarter.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
from collections.abc import Callable
from itertools import repeat
from resource import RUSAGE_SELF, getrusage
from time import process_time
from typing import Any

from pocket_lab.measure.timing.heap import keep_freed_memory

MOST_FAULTS = 1.0
MOST_SPREAD = 0.1
BATCH_S = 0.003


def lists() -> dict[int, list[int]]:
    """A dict of small lists: its table is a large block."""
    return {number: [number] for number in range(8000)}


def strings() -> list[str]:
    """Some arenas full of small objects."""
    return [str(number) for number in range(40_000)]


def text() -> list[str]:
    """Large blocks and small objects."""
    return "\n".join(f"line {number} of a text" for number in range(20_000)).split("\n")


def loop() -> int:
    """The reference: it allocates next to nothing."""
    total = 0
    for number in range(8000):
        total += number & 255
    return total


BUILDERS: tuple[Callable[[], Any], ...] = lists, strings, text


def batch(function: Callable[[], Any], loops: int) -> tuple[float, float]:
    """CPU seconds and page faults of a run."""
    faults, start = getrusage(RUSAGE_SELF).ru_minflt, process_time()
    for _ in repeat(None, loops):
        function()
    return (process_time() - start) / loops, (getrusage(RUSAGE_SELF).ru_minflt - faults) / loops


def measure(kept: bool, rounds: int) -> None:
    """Print the time over that of the loop, and the page faults of a run, of each builder."""
    functions = [*BUILDERS, loop]
    loops = {function: max(1, int(BATCH_S / max(batch(function, 2)[0], 1e-6))) for function in functions}
    reserve = keep_freed_memory() if kept else []
    seconds: dict[Any, list[float]] = {function: [] for function in functions}  # grow as those of a sampler do
    faults: dict[Any, list[float]] = {function: [] for function in functions}
    for _ in range(rounds):
        for function in random.sample(functions, len(functions)):
            run_s, run_faults = batch(function, loops[function])
            seconds[function].append(run_s)
            faults[function].append(run_faults)
    del reserve
    rows = []
    for one in BUILDERS:
        ratios = [a / b for a, b in zip(seconds[one], seconds[loop], strict=True)]
        drift = statistics.median(ratios[-(rounds // 3) :]) / statistics.median(ratios[: rounds // 3]) - 1
        rows.append([statistics.median(ratios), drift, statistics.fmean(faults[one][rounds // 10 :])])
    print(json.dumps(rows))


def main() -> int:
    """Print the table; 1 where a bar is missed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--processes", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=150)
    parser.add_argument("--measure", choices=("default", "kept"))
    options = parser.parse_args()
    if options.measure:
        measure(options.measure == "kept", options.rounds)
        return 0
    seen: dict[str, list[list[list[float]]]] = {"default": [], "kept": []}
    for _ in range(options.processes):
        for kind in random.sample(sorted(seen), 2):
            command = [sys.executable, __file__, "--rounds", str(options.rounds), "--measure", kind]
            seen[kind].append(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    print(f"{options.processes} processes of each kind, {options.rounds} rounds in each; time over that of a loop")
    head = f"{'':10}{'heap':10}{'least':>8}{'median':>8}{'most':>8}{'spread':>8}{'drift':>8}"
    print(f"{head}   page faults of a run in each process")
    met = True
    for position, builder in enumerate(BUILDERS):
        for kind, processes in seen.items():
            times, drifts, faults = zip(*(rows[position] for rows in processes), strict=True)
            level, drift = statistics.median(times), statistics.median(map(abs, drifts))
            spread = (max(times) - min(times)) / level
            row = f"{builder.__name__:10}{kind:10}{min(times):8.3f}{level:8.3f}{max(times):8.3f}{spread:8.1%}{drift:8.1%}"
            print(f"{row}   {' '.join(f'{count:.0f}' for count in sorted(faults))}")
            met &= kind == "default" or (max(faults) < MOST_FAULTS and spread <= MOST_SPREAD)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
