"""A function of a hundred nanoseconds: what `bench` and `%timeit` say of it, beside its loop-subtracted truth.

python tests/benchmarks/short_function.py

The truth is a loop of calls minus the same loop without them, in neighbouring batches, right before and after each trial.
Exits with 1 where `bench` is more than 5 % off, in the median over the trials.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from itertools import repeat
from time import perf_counter
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from pocket_lab import bench

LOOPS = 20_000
PAIRS = 60
MOST = 0.05


def short(number: int) -> int:
    """About 100 ns."""
    total = number & 7
    total += number % 3
    total ^= number >> 2
    return total * 3 - number


def truth_s() -> float:
    """Seconds of a call: median over pairs of batches, one with calls and one without."""
    function, argument = short, 12345
    differences = []
    for _ in range(PAIRS):
        start = perf_counter()
        for _ in repeat(None, LOOPS):
            function(argument)
        middle = perf_counter()
        for _ in repeat(None, LOOPS):
            pass
        differences.append((2 * middle - start - perf_counter()) / LOOPS)
    return statistics.median(differences)


def by_bench() -> float:
    """What `bench` says."""
    return float(bench(short, size=12345, budget="1s").frame["wall_s"].iloc[0])


def by_timeit() -> float:
    """What `%timeit` says: the mean of seven runs."""
    shell: Any = InteractiveShell.instance()
    shell.user_ns["short"] = short
    return float(shell.run_line_magic("timeit", "-o -q short(12345)").average)


def main() -> int:
    """Print the table; 1 where the bar is missed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=21)
    parser.add_argument("--timeit", type=int, default=5, help="trials of %%timeit, which takes longer")
    options = parser.parse_args()
    met = True
    print(f"{'':10}{'trials':>8}{'truth':>10}{'said':>10}{'off by':>9}{'quartiles':>18}   load")
    ways = (("bench", by_bench, options.trials), ("%timeit", by_timeit, options.timeit))
    for name, way, trials in (way for way in ways if way[2]):
        truths, ratios, loads = [truth_s()], [], []
        for _ in range(trials):
            said_s = way()
            truths.append(truth_s())
            ratios.append(said_s / statistics.mean(truths[-2:]) - 1)
            loads.append(os.getloadavg()[0])
        off, true_ns = statistics.median(ratios), statistics.median(truths) * 1e9
        low, _, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else (off, off, off)
        said = f"{true_ns * (1 + off):7.1f} ns{off:+9.1%}{low:+9.1%}{high:+9.1%}"
        print(f"{name:10}{trials:8}{true_ns:7.1f} ns{said}   {statistics.median(loads):.1f}")
        if name == "bench":
            met = abs(off) <= MOST
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
