"""Does a sweep end with its budget? Twenty-two kinds of sweep, from the call to the result.

python tests/benchmarks/budgets.py [--beside 2]

Each kind is one call of `bench`, with what makes a budget hard to keep: many points, long runs, slow first runs, inputs and
starts, worker processes, passes of spans and memory, points that hang, fail or kill their process. `--beside` adds busy loops.
Takes about three minutes; exits with 1 where a kind takes longer than 115 % of its budget, or has no figure although one fits.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from time import perf_counter
from typing import Any

from pocket_lab import Graph, Node, bench, fan_out
from pocket_lab.lab.bench import Bench

MOST = 1.15
MIB = 2**20
NO_FIGURE = ("longer than its budget", "loads longer than its budget", "a point that hangs unnoticed")


def spin(seconds: float) -> None:
    """Keep a core busy."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def many(size: int) -> list[float]:
    """Items that take ten milliseconds each."""
    return [0.01] * size


def wait(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


async def wait_later(seconds: float) -> float:
    await asyncio.sleep(seconds)
    return seconds


def work(seconds: float) -> float:
    spin(seconds)
    return seconds


def count(results: list[float]) -> int:
    return len(results)


def graph_of(function: Callable[..., Any]) -> Graph:
    return Graph(fan_out(Node("item", exec=function)) >> Node("count", exec=count), name="graph")


def quarter(item: float) -> float:
    time.sleep(0.25)
    return item


def loads(size: int, first_s: float) -> None:
    """The first run of the process loads something."""
    if not hasattr(sys, "_loaded_by_benchmark"):
        time.sleep(first_s)
        sys._loaded_by_benchmark = True  # type: ignore[attr-defined]
    time.sleep(0.05)


def steep(size: int) -> None:
    spin(size**2 / 1e6)


def allocate(size: int) -> bytearray:
    return bytearray(size * MIB)


def rank(size: int) -> int:
    return len(sorted(str(number) for number in range(size)))


def fails(size: int) -> None:
    if size in (2, 4):
        raise ValueError("no")
    spin(0.01)


def dies(size: int) -> None:
    if size == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    spin(0.01)


def hangs(size: int) -> None:
    if size == 2:
        time.sleep(60)
    spin(0.01)


def slow_input(size: int) -> int:
    time.sleep(0.4)
    return size


def cached(size: int) -> int:
    spin(0.01)
    return size


def kinds() -> dict[str, tuple[float, Callable[[float], Bench]]]:
    """By name the budget in seconds, and the sweep."""
    waiting, busy = graph_of(wait), graph_of(work)
    over: dict[str, Any] = {"sizes": "1,2,4,8", "input": many}
    grid: dict[str, Any] = {"sizes": "1,2,4,8,16", "workers": "1,2,3", "input": many}
    thin: dict[str, Any] = {"sizes": "1..4", "workers": "1,2", "input": many}
    load: dict[str, Any] = {"size": 1, "input": lambda size: 0.005, "drive": "load"}
    return {
        "short function": (3, lambda s: bench(rank, sizes="10,100,1k,10k", budget=s)),
        "thirty points": (
            8,
            lambda s: bench(busy, **grid, executors="threads,serial", budget=s),
        ),
        "sixteen thin points": (6, lambda s: bench(graph_of(quarter), **thin, executors="threads,processes", budget=s)),
        "slow first run": (6, lambda s: bench(lambda size: loads(size, 2.0), sizes="1,2,3", budget=s)),
        "loads longer than its budget": (3, lambda s: bench(lambda size: loads(size, 30.0), sizes="1,2", budget=s)),
        "longer than its budget": (3, lambda s: bench(lambda: time.sleep(30), budget=s)),
        "steep": (5, lambda s: bench(steep, sizes="10,100,1k,10k,100k", budget=s)),
        "processes": (6, lambda s: bench(busy, **over, workers="1,2,4", executors="processes", budget=s)),
        "threads that wait": (4, lambda s: bench(waiting, **over, workers="1,2,4", budget=s)),
        "memory": (6, lambda s: bench(busy, **over, budget=s, memory=True)),
        "memory, large": (6, lambda s: bench(allocate, sizes="1,4,16,64,256", budget=s, memory=True)),
        "memory, slow under memray": (6, lambda s: bench(rank, sizes="10k,100k,300k", budget=s, memory=True)),
        "load": (5, lambda s: bench(wait, **load, workers="1,2,4", budget=s)),
        "load at a rate": (
            5,
            lambda s: bench(wait, **load, workers=4, rate=50, budget=s),
        ),
        "map": (4, lambda s: bench(wait, sizes="4,8", input=many, workers="1,4", drive="map", budget=s)),
        "asyncio": (4, lambda s: bench(graph_of(wait_later), **over, workers="1,4", budget=s)),
        "points that fail": (3, lambda s: bench(fails, sizes="1..5", budget=s)),
        "a point that kills its process": (4, lambda s: bench(dies, sizes="1,2,3", budget=s)),
        "a point that hangs": (5, lambda s: bench(hangs, sizes="1,2,3", budget=s, point_timeout="1s")),
        "a point that hangs unnoticed": (4, lambda s: bench(hangs, sizes="1,2,3", budget=s)),
        "slow inputs": (5, lambda s: bench(cached, sizes="1..8", input=slow_input, budget=s)),
        "in place": (3, lambda s: bench(cached, sizes="1,2,3", budget=s, isolation="kernel", precision=1e-9)),
    }


def main() -> int:
    """Run every kind, or the chosen ones; 1 where one takes too long."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--beside", type=int, default=0, help="busy loops beside the sweeps")
    parser.add_argument("--kinds", help="names, separated by semicolons")
    options = parser.parse_args()
    chosen = kinds() if options.kinds is None else {name: kinds()[name] for name in options.kinds.split(";")}
    with tempfile.TemporaryDirectory(prefix="pocket-lab-") as home:
        os.environ["POCKET_LAB_HOME"] = home
        beside = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(options.beside)]
        try:
            missed = sum(not told(name, *kind) for name, kind in chosen.items())
        finally:
            for loop in beside:
                loop.kill()
                loop.wait()
    print(f"{missed} of {len(chosen)} kinds missed; load {os.getloadavg()[0]:.1f}")
    return int(missed > 0)


def told(name: str, budget_s: float, sweep: Callable[[float], Bench]) -> bool:
    """A row for a kind; whether it ended in time and has a figure."""
    start = perf_counter()
    result = sweep(budget_s)
    spent = (perf_counter() - start) / budget_s
    frame = result.frame
    figures, intervals = int(frame["wall_s"].notna().sum()), int(frame["wall_low_s"].notna().sum())
    is_met = spent <= MOST and (figures > 0 or name in NO_FIGURE)
    row = f"{name:32}{budget_s:4.0f} s{spent:8.0%}   {figures} of {len(frame)} points have a figure, {intervals} an interval"
    print(row + ("" if is_met else "   MISSED"), flush=True)
    return is_met


if __name__ == "__main__":
    sys.exit(main())
