"""How many workers of which kind, and why."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from pocket_lab.executors.registry import is_remote

ENOUGH = 0.95
_BUSY = 0.8


@dataclass(frozen=True, slots=True)
class Advice:
    """The worker count and executor to use at the largest size measured; `certain` is False where intervals overlap."""

    workers: int
    executor: str
    speedup: float
    certain: bool
    reason: str


def advise_workers(frame: pd.DataFrame) -> Advice | None:
    """The smallest worker count within 95 % of the best throughput, at the largest size of a `Bench.frame`.

    None where there is nothing to choose from: fewer than two worker counts or executors measured, or requests that came at
    a rate of their own. The gain is against the fastest single worker, whatever its executor. The reason rests on CPU time
    per wall time: close to one at one worker, the work holds the processor; where more threads do not raise it, it holds
    the interpreter lock as well.
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
    certain = chosen.equals(start) or speedup * (1 - _doubt(chosen)) > 1 + _doubt(start)
    return Advice(int(chosen["workers"]), str(chosen["executor"]), speedup, certain, _reason(usable, start))


def _reason(usable: pd.DataFrame, start: pd.Series) -> str:
    busy = float(start["cpu_s"] / start["wall_s"])
    if busy < _BUSY:
        return f"one worker waits {1 - busy:.0%} of the time, and other workers can run meanwhile"
    parts = [f"one worker keeps a core {busy:.0%} busy" if busy <= 1 else "one worker keeps a core busy"]
    threads = usable[usable["executor"] == "threads"]
    if len(threads) > 1:
        gain = _gain(threads)
        if gain < 1 / _BUSY:
            parts.append(f"more threads gain {gain:.2f}x at most, since they share the interpreter lock")
    processes = usable[usable["executor"].map(is_remote)]
    if len(processes) > 1:
        parts.append(f"more processes gain {_gain(processes):.2f}x")
    return "; ".join(parts)


def _gain(rows: pd.DataFrame) -> float:
    """What the best worker count of an executor brings over its smallest one."""
    return float(rows["throughput_per_s"].max() / rows["throughput_per_s"].iloc[rows["workers"].argmin()])


def _doubt(row: pd.Series) -> float:
    """Half the interval as a fraction; NaN without one."""
    return float((row["wall_high_s"] - row["wall_low_s"]) / 2 / row["wall_s"])
