"""Speed-up and efficiency over worker counts."""

from __future__ import annotations

import pandas as pd

from pocket_lab.frames.points import without

_SERIES = ["target", *without("workers")]


def add_speedup(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with `speedup` and `efficiency` after `throughput_per_s`.

    Speed-up is the ratio of throughputs against the smallest measured worker count of the points that differ in workers only;
    efficiency is speed-up x that count / workers. NaN in an open loop, where the throughput is the given rate.
    """
    if frame.empty:
        return frame.assign(speedup=[], efficiency=[])
    ordered = frame.sort_values("workers", kind="stable")
    measured = ordered.assign(workers=ordered["workers"].where(ordered["wall_s"].notna()))
    base = measured.groupby(_SERIES, dropna=False, sort=False)[["workers", "throughput_per_s"]].transform("first")
    speedup = (frame["throughput_per_s"] / base["throughput_per_s"]).where(frame["rate"].isna())
    frame = frame.copy()
    position = list(frame.columns).index("throughput_per_s") + 1
    frame.insert(position, "speedup", speedup)
    frame.insert(position + 1, "efficiency", speedup * base["workers"] / frame["workers"])
    return frame
