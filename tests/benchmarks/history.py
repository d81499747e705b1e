"""What the history costs, and that it keeps its promise: samples a second, a million into a frame, fifty killed writers.

python tests/benchmarks/history.py

Exits with 1 where a bar is missed.
"""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from pocket_lab.history.archive import Archive
from pocket_lab.history.entry import BROKEN_OFF
from pocket_lab.history.session import Session
from pocket_lab.records import Point, Sample

SAMPLES, READS, KILLS = 1_000_000, 5, 50
LEAST_A_SECOND, MOST_READ_S = 20_000, 3.0
POINTS = [Point("graph", 10**k, workers, "threads", "run") for k in range(5) for workers in (1, 2, 4, 8)]
WRITER = """
import sys
from itertools import count
from pathlib import Path
from pocket_lab.history.archive import Archive
from pocket_lab.records import Point, Sample
points = [Point("victim", size, 1, "serial", "run") for size in range(20)]
with Archive(Path(sys.argv[1])) as archive:
    session = archive.begin("bench", "victim", "victim", {})
    for number in count(1):
        session.write(Sample(points[number % 20], number, 1, 1e-3, 1e-3, 1))
        print(number, flush=True)
"""


def write(session: Session, samples: Sequence[Sample]) -> float:
    """Samples a second, each committed on its own."""
    start = time.perf_counter()
    for sample in samples:
        session.write(sample)
    return len(samples) / (time.perf_counter() - start)


def write_million(archive: Archive) -> list[float]:
    """The rate of each tenth of the million, in one session."""
    session = archive.begin("bench", "million", "graph", {})
    noise = random.Random(7)
    rates = []
    for tenth in range(10):
        walls = [
            (number, noise.lognormvariate(-7, 0.1)) for number in range(tenth * SAMPLES // 10, (tenth + 1) * SAMPLES // 10)
        ]
        samples = [Sample(POINTS[n % len(POINTS)], n // len(POINTS), 10, wall, 0.98 * wall, 10) for n, wall in walls]
        rates.append(write(session, samples))
    session.close("done")
    return rates


def read_million(archive: Archive) -> list[float]:
    """Seconds of each read of the million from the file into a frame."""
    entry = archive.find("million")
    times = []
    for _ in range(READS):
        start = time.perf_counter()
        frame = pd.DataFrame(archive.sample_columns(entry))
        times.append(time.perf_counter() - start)
        assert len(frame) == SAMPLES
        assert frame["round"].is_monotonic_increasing
        del frame
    return times


def kill_and_count(command: Sequence[str], path: Path, after_s: float) -> bool:
    """Run a command that prints how many samples it has kept so far, kill it, and see whether the file has them all.

    The command writes one run to the history at `path`; a last line that is cut off in its midst counts for nothing.
    """
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        process.stdout.readline()
        time.sleep(after_s)
    finally:
        process.kill()
        lines = process.stdout.read().split("\n")[:-1]
        process.stdout.close()
        process.wait()
    with Archive(path) as archive:
        entry = archive.entries()[0]
        kept = len(archive.sample_columns(entry)["round"])
        said = int(lines[-1]) if lines else 1
        archive.delete(entry)
    return entry.status == BROKEN_OFF and kept >= said


def kill_writers(path: Path) -> int:
    """How many of the killed processes had lost nothing; each is killed at a random moment of its first 0.3 s of writing."""
    moment = random.Random(50)
    command = [sys.executable, "-c", WRITER, str(path)]
    return sum(kill_and_count(command, path, moment.uniform(0, 0.3)) for _ in range(KILLS))


def row(name: str, figure: str, bar: str, met: bool) -> bool:
    """Print one row of the table."""
    print(f"{name:<52}{figure:>30}{bar:>14}  {'met' if met else 'MISSED'}", flush=True)
    return met


def main() -> int:
    """Print the table; 1 where a bar is missed."""
    met = []
    with tempfile.TemporaryDirectory(prefix="pocket-lab-") as folder:
        with Archive(Path(folder) / "history.db") as archive:
            rates = write_million(archive)
            rate = statistics.median(rates)
            spread = f"{rate:,.0f} ({min(rates):,.0f} … {max(rates):,.0f})"
            met.append(row("samples a second, a commit each", spread, f">= {LEAST_A_SECOND:,}", rate >= LEAST_A_SECOND))
            times = read_million(archive)
            read_s = statistics.median(times)
            spread = f"{read_s:.2f} s ({min(times):.2f} … {max(times):.2f})"
            met.append(row("a million samples into a frame", spread, f"<= {MOST_READ_S:g} s", read_s <= MOST_READ_S))
            size = archive.path.stat().st_size + Path(f"{archive.path}-wal").stat().st_size
            start = time.perf_counter()
            archive.delete(archive.find("million"))
            row("deleting them", f"{time.perf_counter() - start:.2f} s", "-", True)
            print(f"{size / SAMPLES:.0f} bytes a sample; {archive.path.stat().st_size:,} bytes after deleting them")
        whole = kill_writers(Path(folder) / "killed.db")
        met.append(row("killed writers whose samples are all there", f"{whole} of {KILLS}", f"{KILLS}", whole == KILLS))
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
