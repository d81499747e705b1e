"""How far do repeated measurements of the same six points differ, at equal time, with a busy loop beside them?

python tests/benchmarks/spread.py [--repeats 12]

`bench` and pytest-benchmark take turns, each as a whole command of about nine seconds in a fresh process: six points of 1 to
100 ms of pure Python. Compared are the figures that each reports (`bench`: on the basis of the point; pytest-benchmark: its
median) and the ratios between neighbouring points. The spread is the standard deviation of the logs over the repeats, its
median over the points. Takes about five minutes; exits with 1 where `bench` spreads more than half as much as pytest-benchmark,
or its ratios more than 0.3 times as much.
"""

from __future__ import annotations

import argparse
import inspect
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from time import perf_counter

from sweep import PROBE, SIZES_S, probes_s, work

FIGURES, RATIOS = 0.5, 0.3
TOTAL_S = 9.0

OURS = f"""
import json
from work import COUNTS, work
from pocket_lab import bench
frame = bench(work, sizes=COUNTS, precision=1e-6, budget={TOTAL_S - 1.0}).frame
print(json.dumps([row[f"{{row['basis']}}_s"] for _, row in frame.iterrows()]))
"""
PYTEST = """
import pytest
from work import COUNTS, work

@pytest.mark.parametrize("count", COUNTS)
def test_work(benchmark, count):
    benchmark(work, count)
"""


def ours(folder: Path) -> list[float]:
    """The figures of `bench`."""
    return list(json.loads(_run(folder, sys.executable, "ours.py").strip().splitlines()[-1]))


def pytest_benchmark(folder: Path) -> list[float]:
    """The medians of pytest-benchmark, with as much time for each point as makes the command as long."""
    each_s = (TOTAL_S - 1.0) / len(SIZES_S)
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--benchmark-json=out.json", "test_work.py")
    _run(folder, *command, f"--benchmark-max-time={each_s}")
    found = json.loads((folder / "out.json").read_text())["benchmarks"]
    return [one["stats"]["median"] for one in sorted(found, key=lambda one: one["params"]["count"])]


def spread(columns: list[list[float]]) -> float:
    """The median over the columns of the standard deviation of the logs."""
    return statistics.median(statistics.stdev(math.log(value) for value in column) for column in columns)


def main() -> int:
    """Print the table; 1 where a bar is missed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=12)
    repeats = parser.parse_args().repeats
    figures: dict[str, list[list[float]]] = {"bench": [], "pytest-benchmark": []}
    took: dict[str, list[float]] = {way: [] for way in figures}
    with tempfile.TemporaryDirectory(prefix="pocket-lab-") as name:
        folder = Path(name)
        os.environ["POCKET_LAB_HOME"] = name
        counts = [round(size_s / statistics.median(probes_s()) * PROBE) for size_s in SIZES_S]
        module = f"{inspect.getsource(work)}\n\nCOUNTS = {counts}\n"
        for file, text in (("work", module), ("ours", OURS), ("test_work", PYTEST)):
            (folder / f"{file}.py").write_text(text)
        loop = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        try:
            for _ in range(repeats):
                for way, run in (("bench", ours), ("pytest-benchmark", pytest_benchmark)):
                    start = perf_counter()
                    figures[way].append(run(folder))
                    took[way].append(perf_counter() - start)
        finally:
            loop.kill()
            loop.wait()
    spreads = {}
    for way, rows in figures.items():
        points = [list(column) for column in zip(*rows, strict=True)]
        ratios = [[b / a for a, b in zip(first, second, strict=True)] for first, second in pairwise(points)]
        spreads[way] = spread(points), spread(ratios)
        times = f"{statistics.median(took[way]):5.1f} s a command"
        print(f"{way:18}figures +-{spreads[way][0]:.2%}   ratios +-{spreads[way][1]:.2%}   {times}, {repeats} of them")
    of_figures, of_ratios = (ours / theirs for ours, theirs in zip(spreads["bench"], spreads["pytest-benchmark"], strict=True))
    print(f"bench / pytest-benchmark: figures {of_figures:.2f} (<= {FIGURES}), ratios {of_ratios:.2f} (<= {RATIOS})")
    print(f"load {os.getloadavg()[0]:.1f}")
    return 0 if of_figures <= FIGURES and of_ratios <= RATIOS else 1


def _run(folder: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
