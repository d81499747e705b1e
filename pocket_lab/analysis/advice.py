"""How many workers of which kind, and why."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from pocket_lab.executors.registry import is_remote

ENOUGH = 0.95
_BUSY = 0.8


@dataclass(frozen=True, slots=True)
class Advice:
    """The worker count and executor to use at the largest size measured; `certain` is False where intervals overlap.

    `busy` is the CPU time of one worker per wall time. `threads_gain` and `processes_gain` are the best throughput of that
    executor over the one of its fewest workers; NaN if fewer than two of its worker counts were measured.
    """

    workers: int
    executor: str
    speedup: float
    certain: bool
    busy: float
    threads_gain: float
    processes_gain: float

    @property
    def waits(self) -> bool:
        """Whether one worker leaves its core idle for a good part of the time."""
        return self.busy < _BUSY

    @property
    def shares_lock(self) -> bool:
        """Whether busy threads gain so little that they must share the interpreter lock."""
        return not self.waits and self.threads_gain < 1 / _BUSY


def advise_workers(frame: pd.DataFrame) -> Advice | None:
    """The smallest worker count within 95 % of the best throughput, at the largest size of a `Bench.frame`.

    None where there is no choice: fewer than two worker counts or executors were measured, or requests came at a given
    rate. The gain is against the fastest single worker of any executor. The reason is based on CPU
    time per wall time: if it is close to one at one worker, the work is CPU-bound; if more threads do not raise the
    throughput, it holds the interpreter lock as well.
    """
    usable = frame[frame["wall_s"].notna() & frame["speedup"].notna()]
    if not usable.empty and usable["size"].notna().any():
        usable = usable[usable["size"] == usable["size"].max()]
    if len(usable[["workers", "executor"]].drop_duplicates()) < 2:
        return None
    best = usable.iloc[int(usable["throughput_per_s"].argmax())]
    near = usable[usable["throughput_per_s"] >= ENOUGH * best["throughput_per_s"]]
    chosen = near.sort_values(["workers", "throughput_per_s"], ascending=[True, False]).iloc[0]
    least = usable[usable["workers"] == usable["workers"].min()]
    start = least.iloc[int(least["throughput_per_s"].argmax())]
    speedup = float(chosen["throughput_per_s"] / start["throughput_per_s"])
    certain = chosen.equals(start) or speedup * (1 - _half_interval(chosen)) > 1 + _half_interval(start)
    busy = float(start["cpu_s"] / start["wall_s"])
    threads, processes = usable[usable["executor"] == "threads"], usable[usable["executor"].map(is_remote)]
    gains = _gain(threads), _gain(processes)
    return Advice(int(chosen["workers"]), str(chosen["executor"]), speedup, bool(certain), busy, *gains)


def _gain(rows: pd.DataFrame) -> float:
    """The gain of the best worker count of an executor over its smallest one; NaN if there is only one."""
    if len(rows) < 2:
        return math.nan
    return float(rows["throughput_per_s"].max() / rows["throughput_per_s"].iloc[rows["workers"].argmin()])


def _half_interval(row: pd.Series) -> float:
    """Half the interval as a fraction; NaN without one."""
    return float((row["wall_high_s"] - row["wall_low_s"]) / 2 / row["wall_s"])
