"""What the history costs, and that it keeps its promise: samples a second, a million into a frame, fifty killed sweeps.

python tests/benchmarks/history.py

Exits with 1 where a bar is missed.
"""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from pocket_lab import History, bench
from pocket_lab.history.archive import Archive
from pocket_lab.history.session import Session
from pocket_lab.lab.load_stored import read_bench
from pocket_lab.records.point import Point
from pocket_lab.records.samples import Sample

SAMPLES, READS, KILLS = 1_000_000, 5, 50
LEAST_A_SECOND, MOST_READ_S = 20_000, 3.0
SIZES = [100, 300, 1000, 3000, 10_000, 30_000]
POINTS = [Point("graph", 10**k, workers, "threads", "run") for k in range(5) for workers in (1, 2, 4, 8)]
VICTIM = """
from pocket_lab import bench
from pocket_lab.records.samples import Sample

seen = 0

def work(size):
    return sum(range(size))

def watch(record):
    global seen
    if isinstance(record, Sample):
        seen += 1
        print(seen, flush=True)

bench(work, sizes=[100, 300, 1000, 3000, 10_000, 30_000], precision=1e-6, budget="60s", name="victim", watch=watch)
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
        frame = read_bench(archive, entry).samples
        times.append(time.perf_counter() - start)
        assert len(frame) == SAMPLES
        assert frame["round"].is_monotonic_increasing
        del frame
    return times


def kill_sweep(after_s: float) -> tuple[int, int]:
    """Kill a process in the middle of a sweep; the samples that it had told of, and those that the history has of it."""
    process = subprocess.Popen([sys.executable, "-c", VICTIM], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        process.stdout.readline()
        time.sleep(after_s)
    finally:
        process.kill()
        lines = process.stdout.read().split("\n")[:-1]  # a last line that is cut off in its midst counts for nothing
        process.stdout.close()
        process.wait()
    return (int(lines[-1]) if lines else 1), len(History().load("victim").samples)


def resume_sweep() -> bool:
    """Go on with the killed sweep: the same points, all that there was is still there, and no round is there twice."""
    before = History().load("victim")
    after = bench(_work, sizes=SIZES, precision=1e-6, budget="0.3s", name="victim", resume=True)
    rounds = after.samples[after.samples["round"] > 0]
    same = before.samples.equals(after.samples.iloc[: len(before.samples)].assign(kind=before.samples["kind"]))
    grown = len(after.samples) > len(before.samples)
    return same and grown and list(after.frame["size"]) == SIZES and not rounds.duplicated(["size", "round"]).any()


def _work(size: int) -> int:
    return sum(range(size))


def kill_sweeps() -> tuple[int, int, int]:
    """How many of the killed sweeps had lost nothing, how many went on right, and the most samples that one had beyond."""
    moment = random.Random(50)
    whole = resumed = beyond = 0
    for _ in range(KILLS):
        told, kept = kill_sweep(moment.uniform(0, 0.5))
        whole += kept >= told
        beyond = max(beyond, kept - told)
        resumed += resume_sweep()
        History().delete("victim")
    return whole, resumed, beyond


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
        os.environ["POCKET_LAB_HOME"] = folder
        whole, resumed, beyond = kill_sweeps()
        met.append(row("killed sweeps whose samples are all there", f"{whole} of {KILLS}", f"{KILLS}", whole == KILLS))
        met.append(row("resumed: the same points, no round twice", f"{resumed} of {KILLS}", f"{KILLS}", resumed == KILLS))
        print(f"at most {beyond} samples were in the file and not yet told when their process died")
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
