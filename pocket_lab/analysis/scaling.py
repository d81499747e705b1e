"""How time falls with workers."""

from __future__ import annotations

import pandas as pd

_SERIES = ["target", "size", "executor", "drive"]


def add_speedup(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with `speedup` and `efficiency` after `throughput_per_s`.

    Speed-up is against the smallest measured worker count of the same target, size and executor; efficiency is
    speed-up x that count / workers.
    """
    if frame.empty:
        return frame.assign(speedup=[], efficiency=[])
    frame = frame.copy()
    measured = frame[frame["wall_s"].notna()].sort_values("workers", kind="stable")
    first = measured.groupby(_SERIES, dropna=False, sort=False)[["workers", "wall_s"]].first()
    base = frame[_SERIES].merge(first.reset_index(), on=_SERIES, how="left")
    speedup = base["wall_s"].to_numpy() / frame["wall_s"].to_numpy()
    position = list(frame.columns).index("throughput_per_s") + 1
    frame.insert(position, "speedup", speedup)
    frame.insert(position + 1, "efficiency", speedup * base["workers"].to_numpy() / frame["workers"].to_numpy())
    return frame
