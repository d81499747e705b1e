"""How often three ways of comparing call a change: of nothing, of 2 %, of 3 % and of an added sleep, at two seconds a side.

python tests/benchmarks/verdicts.py --trials 200 --slower 100

The ways: `compare`; back-to-back blocks with a Mann-Whitney U test on ten samples a side (benchstat's way); ten fresh
processes a side, one side after the other, with Student's t test on their means (pyperf's way). Exits with 1 where a bar of
`compare` is missed. Run it on a machine that does other things, too: that is what the bars are about.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import statistics
import subprocess
import sys
from collections import Counter
from time import perf_counter, sleep
from typing import Any

SIDE_S = 2.0
SAMPLES = 10
SIZES = {"50 us": 1_900, "5 ms": 190_000}
NOTHING, SLEEP = "nothing", "a sleep"
CHANGES = {NOTHING: 1.0, "2 %": 1.02, "3 %": 1.03, SLEEP: 1.0}
FALSE_ALARMS = 0.01
FINDS = {"2 %": 0.90, "3 %": 0.98, SLEEP: 0.0}  # a sleep may be "cannot tell" where others take the cores, never "same"
SLEEP_SHARE = 0.10
_WORKER = "--worker"


def work(count: int) -> int:
    """Pure Python, about 27 ns a step."""
    total = 0
    for number in range(count):
        total += number & 255
    return total


def changed(change: str) -> Any:
    """The same work, so much longer, or with a sleep of a tenth of its time."""
    factor, sleep_s = CHANGES[change], SLEEP_SHARE * 27e-9 if change == SLEEP else 0.0

    def longer(count: int) -> int:
        if sleep_s:
            sleep(count * sleep_s)
        return work(round(count * factor))

    return longer


def samples_s(function: Any, count: int, seconds: float, number: int) -> list[float]:
    """Seconds of one run in each of a number of batches, one after the other."""
    function(count)
    values = []
    for _ in range(number):
        runs, start = 0, perf_counter()
        while perf_counter() - start < seconds / number:
            function(count)
            runs += 1
        values.append((perf_counter() - start) / runs)
    return values


def by_compare(count: int, change: str) -> str:
    """What `compare` says."""
    from pocket_lab import compare  # here, since the fresh processes of the third way have no use for it

    return compare(changed(NOTHING), changed(change), size=count, budget=2 * SIDE_S).verdict


def by_blocks(count: int, change: str) -> str:
    """Whether ten samples of one side after ten of the other differ by the U test."""
    from scipy.stats import mannwhitneyu

    sides = [samples_s(changed(side), count, SIDE_S, SAMPLES) for side in (NOTHING, change)]
    return _told(sides, mannwhitneyu(*sides).pvalue)


def by_processes(count: int, change: str) -> str:
    """Whether the means of fresh processes of one side after those of the other differ by the t test."""
    from scipy.stats import ttest_ind

    sides = []
    for side in (NOTHING, change):
        command = [sys.executable, __file__, _WORKER, side, str(count), str(SIDE_S / SAMPLES)]
        sides.append([json.loads(subprocess.run(command, capture_output=True, check=True).stdout) for _ in range(SAMPLES)])
    return _told(sides, ttest_ind(*sides).pvalue)


def _told(sides: list[list[float]], p: float) -> str:
    if p >= 0.05:
        return "same"
    return "slower" if statistics.median(sides[1]) > statistics.median(sides[0]) else "faster"


WAYS = {"compare": by_compare, "blocks": by_blocks, "processes": by_processes}


def main() -> int:
    """Run the trials in random order and print the table; 1 where a bar is missed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=200, help="of nothing")
    parser.add_argument("--slower", type=int, default=100, help="of each slow-down")
    parser.add_argument("--ways", default=",".join(WAYS), help="which to try")
    parser.add_argument("--sizes", default=",".join(SIZES), help="which workloads")
    parser.add_argument("--changes", default=",".join(CHANGES), help="of which kinds")
    options = parser.parse_args()
    ways, sizes = options.ways.split(","), options.sizes.split(",")
    counts = {change: options.trials if change == NOTHING else options.slower for change in CHANGES}
    cells = [(way, size, change) for way in ways for size in sizes for change in options.changes.split(",")]
    trials = [cell for cell in cells if cell[0] == "compare" or cell[2] != SLEEP for _ in range(counts[cell[2]])]
    random.shuffle(trials)
    said: dict[Any, Counter[str]] = {trial: Counter() for trial in trials}
    loads = []
    for way, size, change in trials:
        said[way, size, change][WAYS[way](SIZES[size], change)] += 1
        loads.append(os.getloadavg()[0])
    cells_text = f"{options.trials} and {options.slower} trials a cell"
    print(f"load {statistics.median(loads):.1f} (median), {SIDE_S:g} s a side, {cells_text}")
    print(f"{'':12}{'':8}{'false alarms':>14}" + "".join(f"{change:>10}" for change in FINDS) + f"{'called same':>12}")
    met = True
    for way in ways:
        for size in sizes:
            alarms = _share(said, (way, size, NOTHING), "slower", "faster")
            found = {change: _share(said, (way, size, change), "slower") for change in FINDS}
            missed = _share(said, (way, size, SLEEP), "same")
            shares = "".join(f"{share:10.0%}" for share in found.values()) + f"{missed:12.0%}"
            print(f"{way:12}{size:8}{alarms:14.1%}{shares}".replace("nan%", "   –"))
            if way == "compare":
                met &= not alarms > FALSE_ALARMS and not missed > 0 and not any(found[c] < least for c, least in FINDS.items())
    return 0 if met else 1


def _share(said: dict[Any, Counter[str]], cell: Any, *verdicts: str) -> float:
    return sum(said[cell][verdict] for verdict in verdicts) / said[cell].total() if cell in said else math.nan


if __name__ == "__main__":
    if _WORKER in sys.argv:
        side, size, seconds = sys.argv[-3:]
        print(json.dumps(statistics.mean(samples_s(changed(side), int(size), float(seconds), 1))))
        sys.exit()
    sys.exit(main())
