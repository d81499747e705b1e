"""How often three ways of comparing call a change: of nothing (false alarms), of 2 % and of 3 %, at two seconds a side.

python tests/benchmarks/verdicts.py --trials 200 --slower 100

The ways: `compare`; back-to-back blocks with a Mann-Whitney U test on ten samples a side (benchstat's way); ten fresh
processes a side, one side after the other, with Student's t test on their means (pyperf's way). Exits with 1 where a bar of
`compare` is missed. Run it on a machine that does other things, too: that is what the bars are about.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
from collections import Counter
from time import perf_counter
from typing import Any

from scipy.stats import mannwhitneyu, ttest_ind

from pocket_lab import compare

SIDE_S = 2.0
SAMPLES = 10
SIZES = {"50 us": 1_900, "5 ms": 190_000}
FALSE_ALARMS, FINDS = 0.01, {1.02: 0.90, 1.03: 0.98}
_WORKER = "--worker"


def work(count: int) -> int:
    """Pure Python, about 27 ns a step."""
    total = 0
    for number in range(count):
        total += number & 255
    return total


def slowed(factor: float) -> Any:
    """The same work, so much longer."""

    def longer(count: int) -> int:
        return work(round(count * factor))

    return longer


def samples_s(count: int, seconds: float, number: int) -> list[float]:
    """Seconds of one run in each of a number of batches, one after the other."""
    work(count)
    values = []
    for _ in range(number):
        runs, start = 0, perf_counter()
        while perf_counter() - start < seconds / number:
            work(count)
            runs += 1
        values.append((perf_counter() - start) / runs)
    return values


def by_compare(count: int, factor: float) -> bool:
    """Whether `compare` calls a change."""
    result = compare(slowed(1.0), slowed(factor), size=count, budget=2 * SIDE_S)
    return result.verdict in ("slower", "faster")


def by_blocks(count: int, factor: float) -> bool:
    """Whether ten samples of one side after ten of the other differ by the U test."""
    sides = [samples_s(n, SIDE_S, SAMPLES) for n in (count, round(count * factor))]
    return bool(mannwhitneyu(*sides).pvalue < 0.05)


def by_processes(count: int, factor: float) -> bool:
    """Whether the means of fresh processes of one side after those of the other differ by the t test."""
    sides = []
    for n in (count, round(count * factor)):
        command = [sys.executable, __file__, _WORKER, str(n), str(SIDE_S / SAMPLES)]
        sides.append([json.loads(subprocess.run(command, capture_output=True, check=True).stdout) for _ in range(SAMPLES)])
    return bool(ttest_ind(*sides).pvalue < 0.05)


WAYS = {"compare": by_compare, "blocks, Mann-Whitney": by_blocks, "processes, t test": by_processes}


def main() -> int:
    """Run the trials in random order and print the table; 1 where a bar is missed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=200, help="of nothing")
    parser.add_argument("--slower", type=int, default=100, help="of each slow-down")
    parser.add_argument("--ways", default=",".join(WAYS), help="which to try")
    parser.add_argument("--sizes", default=",".join(SIZES), help="which workloads")
    options = parser.parse_args()
    ways, sizes = options.ways.split(","), options.sizes.split(",")
    cells = [(way, size, factor) for way in ways for size in sizes for factor in (1.0, *FINDS)]
    trials = [cell for cell in cells for _ in range(options.trials if cell[2] == 1.0 else options.slower)]
    random.shuffle(trials)
    called: Counter[Any] = Counter()
    loads = []
    for way, size, factor in trials:
        called[way, size, factor] += WAYS[way](SIZES[size], factor)
        loads.append(os.getloadavg()[0])
    cells_text = f"{options.trials} and {options.slower} trials a cell"
    print(f"load {statistics.median(loads):.1f} (median), {SIDE_S:g} s a side, {cells_text}")
    print(f"{'':24}{'':8}{'nothing':>10}{'2 %':>8}{'3 %':>8}")
    met = True
    for way in ways:
        for size in sizes:
            alarms = called[way, size, 1.0] / max(options.trials, 1)
            found = {factor: called[way, size, factor] / max(options.slower, 1) for factor in FINDS}
            print(f"{way:24}{size:8}{alarms:10.1%}" + "".join(f"{share:8.0%}" for share in found.values()))
            if way == "compare":
                met &= alarms <= FALSE_ALARMS and all(found[factor] >= least for factor, least in FINDS.items())
    return 0 if met else 1


if __name__ == "__main__":
    if _WORKER in sys.argv:
        n, seconds = sys.argv[-2:]
        print(json.dumps(statistics.mean(samples_s(int(n), float(seconds), 1))))
        sys.exit()
    sys.exit(main())
