"""A verdict for each point that two stored runs have in common."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from pocket_lab.analysis.compare.columns import COMPARISON_COLUMNS
from pocket_lab.analysis.compare.ratio import FEWEST_BLOCKS, Ratio, verdict_of
from pocket_lab.frames.points import LOCATION_COLUMNS, location_columns, points_of, with_point_types
from pocket_lab.stats.holm import holm
from pocket_lab.stats.huber import CONFIDENCE

STORED_MARGIN = 0.10
_STORED_BLOCKS = 10


def compare_runs(a: pd.DataFrame, b: pd.DataFrame, margin: float = STORED_MARGIN) -> pd.DataFrame:
    """A row per point that two stored runs have in common, in the columns of `compare_pairs`, by wall time.

    The samples (`frames.samples_frame`, without warm-ups) were not taken in pairs: Welch's interval over ten consecutive
    blocks of each side, and a margin as wide as the difference between two runs of the same code.
    """
    sides = [points_of(frame.assign(target="").sort_values(LOCATION_COLUMNS, kind="stable")) for frame in (a, b)]
    targets = [str(frame["target"].iloc[0]) if len(frame) else "" for frame in (a, b)]
    common = [point for point in sides[0] if point in sides[1]]
    ratios = [_welch(*(_block_logs(side[point], "run_s") for side in sides)) for point in common]
    rows = []
    for point, ratio, p in zip(common, ratios, holm([ratio.p for ratio in ratios]), strict=True):
        rows_a, rows_b = (side[point] for side in sides)
        cpu = math.exp(_mean(_block_logs(rows_b, "cpu_run_s")) - _mean(_block_logs(rows_a, "cpu_run_s")))
        rows.append(
            {
                **location_columns(point),
                "basis": "wall",
                "reason": "unpaired",
                "ratio": ratio.value,
                "ratio_low": ratio.low,
                "ratio_high": ratio.high,
                "cpu_ratio": cpu,
                "wall_ratio": ratio.value,
                "verdict": verdict_of(ratio, p, margin),
                "seconds_needed": math.nan,
                "blocks": ratio.blocks,
                "rounds": min(len(rows_a), len(rows_b)),
                "status": "done",
                "target_a": targets[0],
                "target_b": targets[1],
            }
        )
    return with_point_types(pd.DataFrame(rows, columns=COMPARISON_COLUMNS) if rows else pd.DataFrame())


def _block_logs(samples: pd.DataFrame, column: str) -> list[float]:
    """The logs of the medians of ten consecutive blocks of a column."""
    runs = samples[column].to_numpy(float)
    blocks = np.array_split(runs[runs > 0], min(_STORED_BLOCKS, max(int((runs > 0).sum()), 1)))
    return [float(np.log(np.median(block))) for block in blocks if len(block)]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def _welch(a: Sequence[float], b: Sequence[float]) -> Ratio:
    """The ratio of b to a from unpaired logs (Welch 1947)."""
    change = _mean(b) - _mean(a)
    if min(len(a), len(b)) < FEWEST_BLOCKS:
        return Ratio(math.exp(change), math.nan, math.nan, 1.0, min(len(a), len(b)))
    parts = [float(np.var(side, ddof=1)) / len(side) for side in (a, b)]
    error = max(math.sqrt(sum(parts)), 1e-12)
    weighted = sum(part**2 / (len(side) - 1) for part, side in zip(parts, (a, b), strict=True))
    freedom = sum(parts) ** 2 / weighted if weighted else len(a) + len(b) - 2
    from scipy.special import stdtr, stdtrit  # here, as above

    half = float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) * error
    p = 2 * float(stdtr(freedom, -abs(change) / error))
    return Ratio(math.exp(change), math.exp(change - half), math.exp(change + half), p, min(len(a), len(b)))
