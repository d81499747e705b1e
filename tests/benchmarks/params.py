"""What a point of a large sweep costs beside its runs, and whether its result stays quick and readable.

python tests/benchmarks/params.py [--points 10000] [--profile]

A sweep of 10^4 points (parameters x sizes) over a function that does next to nothing. The time beside the runs is that of the
whole call without the time of all samples; what runs before the clock of a point (warm-up, calibration) counts as beside, too.
Exits with 1 where a point costs over 1 ms, or the frame, the page or the picture takes longer than its bar.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from time import perf_counter

MOST_BESIDE_S = 1e-3
MOST_S = {"frame": 15.0, "page": 20.0}
MOST_PAGE_BYTES = 600_000
SIZES = 10


def work(size: int, chunk: int = 1, cache: int = 0) -> int:
    """About ten microseconds: as short as a run can be whose batches hardly need no bare loops beside them."""
    return sum(range(500)) + size + chunk + cache


def main() -> int:
    """Print a row for each quantity; 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=10_000)
    parser.add_argument("--a-point", type=float, default=0.011, help="seconds of the budget for each point")
    options = parser.parse_args()
    os.environ["POCKET_LAB_HOME"] = tempfile.mkdtemp(prefix="pocket-lab-params-")
    from pocket_lab import bench

    chunks = max(options.points // SIZES // 10, 1)
    begun = perf_counter()
    result = bench(
        work,
        sizes=range(1, SIZES + 1),
        params={"chunk": range(chunks), "cache": range(10)},
        budget=options.points * options.a_point,
        references=False,
    )
    whole_s = perf_counter() - begun
    points = chunks * 10 * SIZES
    begun = perf_counter()
    frame = result.frame
    frame_s = perf_counter() - begun
    begun = perf_counter()
    html = result.to_html()
    page_s = perf_counter() - begun
    runs_s = float(result.samples["wall_s"].sum())
    beside_s = (whole_s - runs_s) / points
    print(f"{points} points, {len(result.samples)} samples, {(frame['rounds'] >= 6).sum()} points with an interval")
    rows = [
        ("beside its runs, a point", beside_s * 1e3, MOST_BESIDE_S * 1e3, "ms"),
        ("frame", frame_s, MOST_S["frame"], "s"),
        ("page with its picture", page_s, MOST_S["page"], "s"),
        ("size of the page", len(html) / 1e3, MOST_PAGE_BYTES / 1e3, "kB"),
    ]
    print(f"the whole call took {whole_s:.1f} s, its samples {runs_s:.1f} s")
    for name, value, most, unit in rows:
        print(f"{name:28} {value:10.3f} {unit:3} at most {most:g}{'' if value <= most else '   MISSED'}")
    return int(any(value > most for _, value, most, _ in rows))


if __name__ == "__main__":
    sys.exit(main())
