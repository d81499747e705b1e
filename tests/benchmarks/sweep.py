"""A sweep of six functions of 1 to 100 ms to within 2 %: its time, the share of it inside samples, and that of two peers.

python tests/benchmarks/sweep.py

Every way is a whole command in a fresh process with its defaults, `bench` with a precision of 2 %; the rounds of commands
take turns. Exits with 1 where `bench` takes longer than pytest-benchmark, or more than a tenth of the time of pyperf, or has
less than 90 % of the sweep inside samples and reference workloads, or does not reach 2 % at all points in ten seconds (it took
29 s before CPU-bound points settled on CPU time).
"""

from __future__ import annotations

import argparse
import compileall
import inspect
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import pocket_lab

SIZES_S = [0.001, 0.0025, 0.0063, 0.016, 0.040, 0.100]
INSIDE, OF_PYPERF, VERB_S = 0.9, 0.1, 29 / 3
PROBE, PROBES = 36_000, 1000

OURS = """
import json, time
from work import COUNTS, work
from pocket_lab import bench
from pocket_lab.records.samples import Reference, Sample
start = time.perf_counter()
result = bench(work, sizes=COUNTS, precision="2%", budget="60s")
took_s = time.perf_counter() - start
frame = result.frame
widths = []
for _, row in frame.iterrows():
    value, low, high = (row[f"{row['basis']}{end}_s"] for end in ("", "_low", "_high"))
    widths.append((high - low) / 2 / value)
done = int((frame["status"] == "done").sum())
references = [one for one in result.records if isinstance(one, Reference)]
inside_s = sum(one.wall_s for one in result.records if isinstance(one, Sample))  # first runs too
inside_s += sum(one.memory_s + one.integers_s + one.matrix_s for one in references)
print(json.dumps([inside_s / took_s, took_s, done, max(widths), int(frame["rounds"].sum())]))
"""
PYTEST = """
import pytest
from work import COUNTS, work

@pytest.mark.parametrize("count", COUNTS)
def test_work(benchmark, count):
    benchmark(work, count)
"""
PYPERF = """
import pyperf
from work import COUNTS, work

runner = pyperf.Runner()
for count in COUNTS:
    runner.bench_func(f"work-{count}", work, count)
"""


def work(count: int) -> int:
    """Pure Python; every command imports it from a module of its own."""
    total = 0
    for number in range(count):
        total += number & 255
    return total


def probes_s() -> list[float]:
    """Seconds of one piece of work of about a millisecond, again and again."""
    seconds = []
    for _ in range(PROBES):
        start = perf_counter()
        work(PROBE)
        seconds.append(perf_counter() - start)
    return seconds


def ours(folder: Path) -> str:
    """The script of `bench`."""
    return _run(folder, sys.executable, "ours.py")


def pytest_benchmark(folder: Path) -> str:
    """A pytest session with nothing but the benchmarks."""
    return _run(folder, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_work.py")


def pyperf(folder: Path) -> str:
    """The script of pyperf."""
    return _run(folder, sys.executable, "with_pyperf.py", "--quiet")


def _run(folder: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def main() -> int:
    """Print the table; 1 where a bar is missed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    ways: dict[str, Callable[[Path], str]] = {"bench to 2 %": ours, "pytest-benchmark": pytest_benchmark, "pyperf": pyperf}
    took: dict[str, list[float]] = {way: [] for way in ways}
    told, loads = [], []
    compileall.compile_dir(str(Path(pocket_lab.__file__).parent), quiet=2)  # as pip does for the peers: a checkout may not be
    with tempfile.TemporaryDirectory(prefix="pocket-lab-") as name:
        folder = Path(name)
        os.environ["POCKET_LAB_HOME"] = name
        probes = probes_s()
        counts = [round(size_s / statistics.median(probes) * PROBE) for size_s in SIZES_S]
        module = f"{inspect.getsource(work)}\n\nCOUNTS = {counts}\n"
        for file, text in (("work", module), ("ours", OURS), ("test_work", PYTEST), ("with_pyperf", PYPERF)):
            (folder / f"{file}.py").write_text(text)
        for number in range(options.rounds):
            probes += probes_s()
            for way, run in ways.items():
                if way == "pyperf" and number >= 2:
                    continue  # it takes more than a minute, and varies little
                start = perf_counter()
                printed = run(folder)
                took[way].append(perf_counter() - start)
                loads.append(os.getloadavg()[0])
                if way == "bench to 2 %":
                    told.append(json.loads(printed.strip().splitlines()[-1]))
    inside, verb_s, done, width, samples = (statistics.median(column) for column in zip(*told, strict=True))
    print(f"load {statistics.median(loads):.1f} (median), {options.rounds} rounds of whole commands, 6 points of 1 to 100 ms")
    tenths = statistics.quantiles(probes, n=10)
    print(f"meanwhile one piece of work took {tenths[0] * 1e3:.2f} to {tenths[-1] * 1e3:.2f} ms (first and ninth decile)")
    ours_s = statistics.median(took["bench to 2 %"])
    for way, times in took.items():
        print(f"{way:18}{statistics.median(times):8.1f} s{statistics.median(times) / ours_s:8.1f}x  of {len(times)} commands")
    shares = [one[0] for one in told]
    print(
        f"bench() alone {verb_s:.1f} s, {inside:.1%} of it inside samples (each: {', '.join(f'{s:.1%}' for s in shares)}); "
        f"{done:.0f} of 6 points done, widest interval +-{width:.1%}, {samples:.0f} samples"
    )
    met = inside >= INSIDE and ours_s <= statistics.median(took["pytest-benchmark"])
    met &= done == len(SIZES_S) and width <= 0.02 and verb_s <= VERB_S
    met &= ours_s <= OF_PYPERF * statistics.median(took["pyperf"])
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
