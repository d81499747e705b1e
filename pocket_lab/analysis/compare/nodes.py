"""Which nodes the change between two graphs comes from: differences of self times within traced rounds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from pocket_lab.analysis.compare.ratio import FEWEST_BLOCKS
from pocket_lab.frames.points import LOCATION_COLUMNS, location_in, with_point_types
from pocket_lab.stats.holm import holm
from pocket_lab.stats.huber import CONFIDENCE, huber_estimate

NODE_COLUMNS = [
    *("pair", "node", "a_s", "b_s", "change_s", "change_low_s", "change_high_s", "share", "is_changed", "rounds"),
    *LOCATION_COLUMNS,
]


def compare_nodes(rounds: pd.DataFrame) -> pd.DataFrame:
    """A row per pair and node: self time of a run of both sides, its change with a 99 % interval, and its share of all change.

    `rounds` is `frames.node_pairs_frame`. A node that only one side has is NaN on the other and changes by its whole time.
    `share` is of the change of all nodes together, NaN where that may be luck. `is_changed` marks a change that is not luck,
    corrected for the number of nodes (Holm 1979).
    """
    rows: list[dict[str, Any]] = []
    for _, of_pair in rounds.groupby("pair", sort=False):
        rows += _nodes_of(of_pair)
    return with_point_types(pd.DataFrame(rows, columns=NODE_COLUMNS))


def _nodes_of(rounds: pd.DataFrame) -> list[dict[str, Any]]:
    whole = rounds.assign(a=rounds["a_s"].fillna(0.0), b=rounds["b_s"].fillna(0.0))
    sums = whole.groupby("round")[["a", "b"]].sum()
    unit_s = float(np.median((sums["a"] + sums["b"]) / 2)) or 1.0
    total = _change((sums["b"] - sums["a"]).to_list(), unit_s)
    rows, ps = [], []
    for node, of_node in whole.groupby("node", sort=False):
        change, low, high, p = _change((of_node["b"] - of_node["a"]).to_list(), unit_s)
        a_s, b_s = (float(of_node[name].median()) for name in ("a_s", "b_s"))
        share = change / total[0] if total[3] < 1 - CONFIDENCE else math.nan
        ps.append(p)
        point = {name: of_node[name].iloc[0] for name in ("pair", *location_in(of_node))}
        row = {"node": node, "a_s": a_s, "b_s": b_s, "change_s": change, "change_low_s": low, "change_high_s": high}
        rows.append({**point, **row, "share": share, "rounds": len(of_node)})
    return [{**row, "is_changed": p < 1 - CONFIDENCE} for row, p in zip(rows, holm(ps), strict=True)]


def _change(differences_s: Sequence[float], unit_s: float) -> tuple[float, float, float, float]:
    """The location of differences in seconds with its 99 % interval, and the chance of one so far from 0; Huber's estimate."""
    estimate = huber_estimate([[difference / unit_s] for difference in differences_s])
    value_s = estimate.value * unit_s
    if len(differences_s) < FEWEST_BLOCKS:
        return value_s, math.nan, math.nan, 1.0
    from scipy.special import stdtr  # here, as only an interval needs scipy

    p = 2 * float(stdtr(estimate.freedom, -abs(estimate.value) / max(estimate.error, 1e-12)))
    half_s = estimate.half_width * unit_s
    return value_s, value_s - half_s, value_s + half_s, p
