"""How often three ways of comparing call a change: of nothing, of 1 to 3 % and of an added sleep, at two seconds a side.

python tests/benchmarks/verdicts.py --trials 200 --slower 100 --file trials.jsonl

It takes some hours, `--ways compare` alone about one. A busy loop runs meanwhile. Every trial goes into the file as it ends: a
run that was broken off goes on where it was, and several processes may share one file (and so be the other jobs of each other).

The ways: `compare`; back-to-back blocks with a Mann-Whitney U test on ten samples a side (benchstat's way); ten fresh
processes a side, one side after the other, with Student's t test on their means (pyperf's way). Exits with 1 where a bar of
`compare` is missed. The 1 % are for `compare` alone, with a margin of 0.5 %. The start of the measuring process counts for a
budget, and is added to it here, so that all ways have the same time.
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
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

SIDE_S = 2.0
SAMPLES = 10
SIZES_S = {"50 us": 50e-6, "5 ms": 5e-3}
NOTHING, SMALL, SLEEP = "nothing", "1 %", "a sleep"
CHANGES = {NOTHING: 1.0, SMALL: 1.01, "2 %": 1.02, "3 %": 1.03, SLEEP: 1.0}
MARGINS = {SMALL: 0.005}
FALSE_ALARMS, CALLED_SAME = 0.005, 0.80  # of nothing: "cannot tell" is no error, and of little use
FINDS = {SMALL: 0.60, "2 %": 0.97, "3 %": 0.98, SLEEP: 0.0}  # a sleep may be "cannot tell" where others take the cores
START_S = 0.6
SLEEP_S_A_STEP = 2.7e-9
PROBE, PROBES = 10_000, 200
_WORKER = "--worker"


def work(count: int) -> int:
    """Pure Python, from 25 to 80 ns a step, as the machine is at the moment."""
    total = 0
    for number in range(count):
        total += number & 255
    return total


def steps_in(seconds: float) -> int:
    """How many steps of work take so long now."""
    probes_s = []
    for _ in range(PROBES):
        start = perf_counter()
        work(PROBE)
        probes_s.append(perf_counter() - start)
    return round(seconds / statistics.median(probes_s) * PROBE)


def changed(change: str) -> Any:
    """The same work, so much longer, or with a sleep of up to a tenth of its time, as quick as the machine is."""
    factor, sleep_s = CHANGES[change], SLEEP_S_A_STEP if change == SLEEP else 0.0

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

    budget_s = 2 * SIDE_S + START_S
    return compare(changed(NOTHING), changed(change), size=count, budget=budget_s, margin=MARGINS.get(change)).verdict


def by_blocks(count: int, change: str) -> str:
    """Whether ten samples of one side after ten of the other differ by the U test."""
    from scipy.stats import mannwhitneyu

    sides = [samples_s(changed(side), count, SIDE_S, SAMPLES) for side in (NOTHING, change)]
    return _verdict(sides, mannwhitneyu(*sides).pvalue)


def by_processes(count: int, change: str) -> str:
    """Whether the means of fresh processes of one side after those of the other differ by the t test."""
    from scipy.stats import ttest_ind

    sides = []
    for side in (NOTHING, change):
        command = [sys.executable, __file__, _WORKER, side, str(count), str(SIDE_S / SAMPLES)]
        sides.append([json.loads(subprocess.run(command, capture_output=True, check=True).stdout) for _ in range(SAMPLES)])
    return _verdict(sides, ttest_ind(*sides).pvalue)


def _verdict(sides: list[list[float]], p: float) -> str:
    if p >= 0.05:
        return "same"
    return "slower" if statistics.median(sides[1]) > statistics.median(sides[0]) else "faster"


WAYS = {"compare": by_compare, "blocks": by_blocks, "processes": by_processes}


def main() -> int:
    """Run the trials that are missing, in random order, and print the table of all; 1 where a bar is missed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=200, help="of nothing")
    parser.add_argument("--slower", type=int, default=100, help="of each slow-down")
    parser.add_argument("--ways", default=",".join(WAYS), help="which to try")
    parser.add_argument("--sizes", default=",".join(SIZES_S), help="which workloads")
    parser.add_argument("--changes", default=",".join(CHANGES), help="of which kinds")
    parser.add_argument("--file", type=Path, help="where the trials are kept; without, they are not")
    parser.add_argument("--beside", type=int, default=1, help="busy loops; none where several of these processes run")
    parser.add_argument("--minutes", type=float, default=math.inf, help="begin no trial after so long")
    options = parser.parse_args()
    ways, sizes = options.ways.split(","), options.sizes.split(",")
    counts = {change: options.trials if change == NOTHING else options.slower for change in CHANGES}
    cells = [(way, size, change) for way in ways for size in sizes for change in options.changes.split(",")]
    wanted = Counter({cell: counts[cell[2]] for cell in cells if cell[0] == "compare" or cell[2] not in (SMALL, SLEEP)})
    with tempfile.TemporaryDirectory(prefix="pocket-lab-") as folder, busy_loops(options.beside):
        file = options.file or Path(folder) / "trials.jsonl"
        end = perf_counter() + 60 * options.minutes
        while perf_counter() < end and (left := wanted - ended(file)):
            way, size, change = random.choice(list(left.elements()))
            verdict = WAYS[way](steps_in(SIZES_S[size]), change)
            with file.open("a") as lines:
                lines.write(json.dumps([way, size, change, verdict, os.getloadavg()[0]]) + "\n")
        return 0 if print_table(trials_of(file), ways, sizes) else 1


@contextmanager
def busy_loops(count: int) -> Iterator[None]:
    """Processes that each keep a core busy meanwhile, and end with this one."""
    code = "import os\nparent = os.getppid()\nwhile os.getppid() == parent:\n    sum(range(100_000))"
    processes = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def trials_of(file: Path) -> list[list[Any]]:
    """[way, size, change, verdict, load] of every trial so far."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def ended(file: Path) -> Counter[Any]:
    """How many trials each cell has."""
    return Counter((way, size, change) for way, size, change, _, _ in trials_of(file))


def print_table(trials: list[list[Any]], ways: list[str], sizes: list[str]) -> bool:
    """A row for each way and workload; whether `compare` meets its bars."""
    said: dict[Any, Counter[str]] = {}
    for way, size, change, verdict, _ in trials:
        said.setdefault((way, size, change), Counter())[verdict] += 1
    loads = [load for *_, load in trials] or [math.nan]
    spread = f"{min(loads):.1f} to {max(loads):.1f}"
    print(f"load {statistics.median(loads):.1f} (median, {spread}), {SIDE_S:g} s a side; in brackets the trials of a cell")
    heads = "".join(f"{change:>14}" for change in FINDS)
    print(f"{'':12}{'':8}{'false alarms':>16}{'called same':>14}{heads}{'sleep the same':>16}")
    met = True
    for way in ways:
        for size in sizes:
            alarms = _share(said, (way, size, NOTHING), "slower", "faster")
            found = {change: _share(said, (way, size, change), "slower") for change in FINDS}
            same = _share(said, (way, size, NOTHING), "same")
            missed = _share(said, (way, size, SLEEP), "same")
            shares = "".join(f"{_told(share, said, (way, size, change)):>14}" for change, share in found.items())
            of_nothing = f"{_told(alarms, said, (way, size, NOTHING), 1):>16}{_told(same, said, (way, size, NOTHING)):>14}"
            told = f"{of_nothing}{shares}{_told(missed, said, (way, size, SLEEP)):>16}"
            print(f"{way:12}{size:8}{told}")
            if way == "compare":
                met &= not alarms > FALSE_ALARMS and not same < CALLED_SAME and not missed > 0
                met &= not any(found[change] < least for change, least in FINDS.items())
    return met


def _told(share: float, said: dict[Any, Counter[str]], cell: Any, digits: int = 0) -> str:
    return f"{share:.{digits}%} ({said[cell].total()})" if cell in said else "–"


def _share(said: dict[Any, Counter[str]], cell: Any, *verdicts: str) -> float:
    return sum(said[cell][verdict] for verdict in verdicts) / said[cell].total() if cell in said else math.nan


if __name__ == "__main__":
    if _WORKER in sys.argv:
        side, size, seconds = sys.argv[-3:]
        print(json.dumps(statistics.mean(samples_s(changed(side), int(size), float(seconds), 1))))
        sys.exit()
    sys.exit(main())
