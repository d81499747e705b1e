"""How often the 95 % interval of a point holds the true median, how wide it is, and whether a sweep tells of a drift.

python tests/benchmarks/coverage.py [sweeps a noise, 1000]

Short sweeps of the real sampler over two points; only the clock is faked: a run moves it by a draw of the noise. A point
stops when it is precise to 2 %, or when the budget of about forty rounds ends. Width is the median of that of the intervals
against the best one for the noise: the central 95 % of the medians of as many fresh draws. Exits with 1 where a bar is missed.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import repeat
from time import perf_counter
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

import pocket_lab.measure
from pocket_lab.frames.bench import bench_frame
from pocket_lab.measure import sampler
from pocket_lab.measure.environment import read_environment
from pocket_lab.measure.job import Input
from pocket_lab.measure.planning import plan_job
from pocket_lab.measure.sweep import parse_sweep
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.record import Record

SWEEPS = 1000
POINTS = 2
SEED = 20_260
ROUNDS = 40
LONGEST_ROW = 200
RUN_S = 0.05
LEAST_COVERED, WIDEST, LEAST_TOLD = 0.93, 1.5, 0.93
_FRESH, _FOR_THE_TRUTH = 20_000, 4_000_000
Draws = NDArray[np.float64]
Noise = Callable[[np.random.Generator, int, int], Draws]


def normal(random: np.random.Generator, rows: int, count: int, like_before: float) -> Draws:
    """Standard normal values in time, each correlated with the one before."""
    drawn = random.standard_normal((rows, count))
    for place in range(1, count):
        drawn[:, place] = like_before * drawn[:, place - 1] + np.sqrt(1 - like_before**2) * drawn[:, place]
    return drawn


def skewed(random: np.random.Generator, rows: int, count: int, spread: float, like_before: float = 0.0) -> Draws:
    """Lognormal."""
    return np.exp(spread * normal(random, rows, count, like_before))


def symmetric(random: np.random.Generator, rows: int, count: int, spread: float, like_before: float = 0.0) -> Draws:
    """Normal."""
    return 1 + spread * normal(random, rows, count, like_before)


def tailed(random: np.random.Generator, rows: int, count: int) -> Draws:
    """A quickest time, and exponential delays of a tenth of it: the density is highest at its end."""
    return 1 + 0.1 * random.exponential(size=(rows, count))


def spiky(random: np.random.Generator, rows: int, count: int, share: float, spread: float, like_before: float = 0.0) -> Draws:
    """Lognormal, and a share of the values two to ten times as long."""
    spikes = np.where(random.random((rows, count)) < share, random.uniform(2, 10, (rows, count)), 1.0)
    return skewed(random, rows, count, spread, like_before) * spikes


def bimodal(random: np.random.Generator, rows: int, count: int, apart: float, share: float = 0.4) -> Draws:
    """Two modes of 3 % each, the slower one with a share of the values."""
    return (1 + apart * (random.random((rows, count)) < share)) * symmetric(random, rows, count, 0.03)


def two_scales(random: np.random.Generator, rows: int, count: int) -> Draws:
    """Slow and quick noise at once, so that neighbours are less alike than the slow part is."""
    return 1 + 0.025 * normal(random, rows, count, 0.65) + 0.016 * random.standard_normal((rows, count))


def drifting(random: np.random.Generator, rows: int, count: int, change: float, spread: float, like_before: float) -> Draws:
    """Normal noise on a straight line that changes by this much in forty rounds."""
    line = 1 + change * (np.arange(count) / ROUNDS - 0.5)
    return line * symmetric(random, rows, count, spread, like_before)


NOISES: dict[str, Noise] = {
    "skewed, 5 %": partial(skewed, spread=0.05),
    "skewed, 30 %": partial(skewed, spread=0.3),
    "exponential tail": tailed,
    "3 % spikes on 2 %": partial(spiky, share=0.03, spread=0.02),
    "5 % spikes on 5 %": partial(spiky, share=0.05, spread=0.05),
    "bimodal 60/40, 10 % apart": partial(bimodal, apart=0.1),
    "bimodal 60/40, 20 % apart": partial(bimodal, apart=0.2),
    "bimodal 55/45, 10 % apart": partial(bimodal, apart=0.1, share=0.45),
    "correlated .5, 3 %": partial(symmetric, spread=0.03, like_before=0.5),
    "correlated .6, 3 %": partial(symmetric, spread=0.03, like_before=0.6),
    "correlated .65, 3 %": partial(symmetric, spread=0.03, like_before=0.65),
    "correlated .65, 2 %": partial(symmetric, spread=0.02, like_before=0.65),
    "skewed, correlated .6, 10 %": partial(skewed, spread=0.1, like_before=0.6),
    "skewed, correlated .65, 30 %": partial(skewed, spread=0.3, like_before=0.65),
    "spikes, correlated .6, 5 %": partial(spiky, share=0.03, spread=0.05, like_before=0.6),
    "two time scales, 3 %": two_scales,
}
DRIFTS: dict[str, Noise] = {
    "20 % slower, noise 3 %": partial(drifting, change=0.2, spread=0.03, like_before=0.0),
    "20 % faster, noise 3 %": partial(drifting, change=-0.2, spread=0.03, like_before=0.0),
    "20 % slower, 3 % correlated .6": partial(drifting, change=0.2, spread=0.03, like_before=0.6),
    "10 % slower, noise 2 %": partial(drifting, change=0.1, spread=0.02, like_before=0.0),
}


@dataclass(slots=True)
class Clock:
    """Stands in for perf_counter and process_time; a target moves it on."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@contextmanager
def faked(clock: Clock) -> Iterator[None]:
    """The clock in every module of the measurement that reads one."""
    with ExitStack() as stack:
        for module in pkgutil.iter_modules(pocket_lab.measure.__path__, "pocket_lab.measure."):
            loaded = importlib.import_module(module.name)
            for name in ("perf_counter", "process_time"):
                if hasattr(loaded, name):
                    stack.enter_context(patch.object(loaded, name, clock))
        yield


def sweep_over(rows: Draws, clock: Clock) -> list[Record]:
    """The records of one sweep; the runs of point `size` take as long as the values of that row tell, one after the other."""
    values = [iter(row) for row in (rows * RUN_S).tolist()]

    def target(size: int) -> None:
        clock.now += next(values[size - 1])

    # in place, since a clock cannot be moved from another process
    budget = ROUNDS * RUN_S * float(np.median(rows[:, :ROUNDS])) * len(rows)
    sweep = parse_sweep(sizes=range(1, len(rows) + 1), budget=budget, isolation="kernel")
    return list(sampler.sample(plan_job(target, Input.ABSENT, sweep)))


def says_drift(records: list[Record]) -> bool:
    """Whether a sweep tells that the times changed while it measured."""
    return any(isinstance(record, Caveat) and record.code == "drift" for record in records)


@dataclass(slots=True)
class Tally:
    """What the sweeps of one noise came to, a value for each point; `told` one for each sweep."""

    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)
    rounds: list[int] = field(default_factory=list)
    told: list[bool] = field(default_factory=list)

    def add(self, records: list[Record]) -> None:
        """Take in one sweep."""
        frame = bench_frame(records)
        self.low += (frame["wall_low_s"] / RUN_S).tolist()
        self.high += (frame["wall_high_s"] / RUN_S).tolist()
        self.rounds += frame["rounds"].tolist()
        self.told.append(says_drift(records))

    def covered(self, truth: float) -> float:
        """The share of the intervals that hold the true median."""
        return float(np.mean((np.array(self.low) <= truth) & (truth <= np.array(self.high))))

    def width(self, fresh: Draws) -> float:
        """The median of the width of an interval against the central 95 % of medians of as many fresh draws."""
        best = {}
        for count in set(self.rounds):
            low, high = np.quantile(np.median(fresh[:, :count], axis=1), (0.025, 0.975))
            best[count] = high - low
        ideal = np.array([best[count] for count in self.rounds])
        return float(np.median((np.array(self.high) - np.array(self.low)) / ideal))


def measure(noise: Noise, sweeps: int, random: np.random.Generator) -> Tally:
    """Sweeps over points whose runs vary by this noise, in an environment that is read once."""
    tally, clock = Tally(), Clock()
    with faked(clock), patch.object(sampler, "read_environment", cache(read_environment)):
        for _ in range(sweeps):
            tally.add(sweep_over(noise(random, POINTS, LONGEST_ROW), clock))
    return tally


def noise_row(name: str, sweeps: int) -> tuple[str, bool]:
    """The row of a stationary noise, and whether it meets the bars."""
    noise, random = NOISES[name], np.random.default_rng([SEED, list(NOISES).index(name)])
    tally = measure(noise, sweeps, random)
    truth = float(np.median(noise(random, _FOR_THE_TRUTH, 1)))
    covered, width = tally.covered(truth), tally.width(noise(random, _FRESH, max(tally.rounds)))
    row = f"{name:<32}{covered:>9.1%}{width:>8.2f}x{np.mean(tally.rounds):>8.0f}{np.mean(tally.told):>12.1%}"
    return row, covered >= LEAST_COVERED and width <= WIDEST


def drift_row(name: str, sweeps: int) -> tuple[str, bool]:
    """The row of a drift, and whether it meets the bar."""
    random = np.random.default_rng([SEED, len(NOISES) + list(DRIFTS).index(name)])
    told = float(np.mean(measure(DRIFTS[name], sweeps, random).told))
    return f"{name:<58}{told:>12.1%}", told >= LEAST_TOLD


def main(sweeps: int = SWEEPS) -> int:
    """Print a row for each noise and each drift, which share the processors; 1 where a bar is missed."""
    start = perf_counter()
    missed = 0
    with ProcessPoolExecutor() as pool:
        noises = pool.map(noise_row, NOISES, repeat(sweeps))
        drifts = pool.map(drift_row, DRIFTS, repeat(sweeps))
        print(f"{sweeps} sweeps a noise, {POINTS} points each; bars: covered >= {LEAST_COVERED:.0%}, width <= {WIDEST}x")
        print(f"{'noise':<32}{'covered':>9}{'width':>9}{'rounds':>8}{'says drift':>12}")
        for title, rows in (("", noises), (f"\ndrift in forty rounds; bar: said so >= {LEAST_TOLD:.0%}", drifts)):
            print(title, end="\n" if title else "")
            for row, met in rows:
                print(row, "" if met else " MISSED", flush=True)
                missed += not met
    print(f"\n{perf_counter() - start:.0f} s; {f'{missed} bars missed' if missed else 'all bars met'}")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
