"""How time falls with workers."""

from __future__ import annotations

import pandas as pd

_SERIES = ["target", "size", "executor", "drive"]


def add_speedup(frame: pd.DataFrame, is_open: bool = False) -> pd.DataFrame:
    """The frame with `speedup` and `efficiency` after `throughput_per_s`.

    Speed-up is the ratio of throughputs against the smallest measured worker count of the same target, size and executor;
    efficiency is speed-up x that count / workers. NaN for requests at a given rate (`is_open`): that rate is the throughput.
    """
    if frame.empty:
        return frame.assign(speedup=[], efficiency=[])
    ordered = frame.sort_values("workers", kind="stable")
    measured = ordered.assign(workers=ordered["workers"].where(ordered["wall_s"].notna()))
    base = measured.groupby(_SERIES, dropna=False, sort=False)[["workers", "throughput_per_s"]].transform("first")
    speedup = frame["throughput_per_s"] / (float("nan") if is_open else base["throughput_per_s"])
    frame = frame.copy()
    position = list(frame.columns).index("throughput_per_s") + 1
    frame.insert(position, "speedup", speedup)
    frame.insert(position + 1, "efficiency", speedup * base["workers"] / frame["workers"])
    return frame
