"""A verdict for each point that two stored runs have in common.

The runs were not measured together, so that the machine may have been faster in one of them. A CPU-bound point on one worker is
corrected by the reference workloads of both runs (`control_variates`). What cannot be corrected is called changed only beyond
what unchanged code may differ by on a machine with other jobs: by its CPU time, or by its wall time, of which that share may
grow in which the point was not waiting.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pocket_lab.analysis.compare.columns import COMPARISON_COLUMNS
from pocket_lab.analysis.compare.control_variates import CRITICAL, Blocks, blocks_of, correct
from pocket_lab.analysis.compare.ratio import ALIKE, FEWEST_BLOCKS
from pocket_lab.frames.points import LOCATION_COLUMNS, location_columns, points_of, with_point_types
from pocket_lab.records.point import Point
from pocket_lab.stats.holm import holm
from pocket_lab.stats.huber import CONFIDENCE

STORED_MARGIN = 0.03
ENOUGH_S = 60.0
CORRECTED, NO_REFERENCES, TOO_SHORT, NOT_CPU = "corrected", "no references", "too short", "not CPU-bound"
STORED_REASONS = {
    CORRECTED: "both runs have reference workloads, which tell how fast the machine was",
    NO_REFERENCES: "one of the runs has no reference workloads",
    TOO_SHORT: "one of the runs is too short",
    NOT_CPU: "the point is not CPU-bound on one worker in both runs",
}
"""What each reason means: one of them corrects the ratio, each of the others says why it is not corrected."""
_WIDEST_SAME = 0.10
_FEWEST_SECONDS = 20
_BLOCKS = 10
_CPU_FACTOR, _WALL_FACTOR, _WAKING_S = 1.25, 3.5, 0.001  # what unchanged code differs by


@dataclass(frozen=True, slots=True)
class StoredRun:
    """What is compared of a run: its name, its samples without warm-ups, its references, and its points (`bench_frame`)."""

    name: str
    samples: pd.DataFrame
    references: pd.DataFrame
    points: pd.DataFrame

    def by_point(self) -> dict[Point, pd.DataFrame]:
        """The samples of each point, whatever the target's name is."""
        return points_of(self.samples.assign(target="").sort_values(LOCATION_COLUMNS, kind="stable"))

    def cpu_bound(self) -> set[Point]:
        """The points whose figure is to be read on CPU time."""
        if "basis" not in self.points:
            return set()
        return set(points_of(self.points[self.points["basis"] == "cpu"].assign(target="")))


def compare_runs(a: StoredRun, b: StoredRun, margin: float = STORED_MARGIN) -> pd.DataFrame:
    """A row per point that both runs have, in the columns of `compare_pairs` and `machine_ratio`.

    `ratio` is corrected for the machine where `reason` is "corrected"; otherwise that says why it is not. `cpu_ratio`,
    `wall_ratio`, `a_s` and `b_s` are as measured, `machine_ratio` is that of the references. A change counts from `margin`;
    "same" is within 10 %, or two margins if that is more. `seconds_needed` is the time of each run that might tell.
    """
    sides, on_cpu = (a.by_point(), b.by_point()), a.cpu_bound() & b.cpu_bound()
    common = [point for point in sides[0] if point in sides[1]]
    judged = [_Pair.of(sides[0][point], sides[1][point], a.references, b.references, point in on_cpu) for point in common]
    rows = [
        {**location_columns(point), **pair.row(p, margin), "target_a": a.name, "target_b": b.name}
        for point, pair, p in zip(common, judged, holm([pair.p for pair in judged]), strict=True)
    ]
    return with_point_types(pd.DataFrame(rows, columns=[*COMPARISON_COLUMNS, "machine_ratio"]) if rows else pd.DataFrame())


@dataclass(frozen=True, slots=True)
class _Pair:
    a: pd.DataFrame
    b: pd.DataFrame
    basis: str
    reason: str
    change: float
    error: float
    machine: float
    blocks: int

    @classmethod
    def of(cls, a: pd.DataFrame, b: pd.DataFrame, there: pd.DataFrame, here: pd.DataFrame, on_cpu: bool) -> _Pair:
        one, other = blocks_of(a, there), blocks_of(b, here)
        blocks = min(len(one), len(other))
        machine = _machine(one, other)
        if not on_cpu:
            return cls(a, b, "wall", NOT_CPU, *_wide(a, b, "run_s"), machine, blocks)
        if blocks < _FEWEST_SECONDS:
            reason = NO_REFERENCES if there.empty or here.empty else TOO_SHORT
            return cls(a, b, "cpu", reason, *_wide(a, b, "cpu_run_s"), machine, blocks)
        found = correct(one, other)
        return cls(a, b, "cpu", CORRECTED, found.change, found.error, found.machine, blocks)

    @property
    def p(self) -> float:
        """The chance of so large a change without one; 1 where that is not known."""
        if not self.error > 0:
            return 1.0
        return math.erfc(abs(self.change) / self.error / math.sqrt(2))

    def verdict(self, p: float, margin: float) -> str:
        """ "faster", "slower", "same" or "cannot tell", speaking of b."""
        if p < 1 - CONFIDENCE and abs(self.change) > math.log1p(margin):
            return "slower" if self.change > 0 else "faster"
        same = math.log1p(max(_WIDEST_SAME, ALIKE * margin))
        return "same" if abs(self.change) + CRITICAL * self.error < same else "cannot tell"

    def row(self, p: float, margin: float) -> dict[str, Any]:
        column, half = "cpu_run_s" if self.basis == "cpu" else "run_s", CRITICAL * self.error
        verdict = self.verdict(p, margin)
        more_helps = verdict == "cannot tell" and self.reason in (NO_REFERENCES, TOO_SHORT)
        return {
            "basis": self.basis,
            "a_s": _median(self.a, column),
            "b_s": _median(self.b, column),
            "ratio": math.exp(self.change),
            "ratio_low": math.exp(self.change - half),
            "ratio_high": math.exp(self.change + half),
            "cpu_ratio": _ratio(self.a, self.b, "cpu_run_s"),
            "wall_ratio": _ratio(self.a, self.b, "run_s"),
            "machine_ratio": math.exp(self.machine),
            "verdict": verdict,
            "reason": self.reason,
            "seconds_needed": ENOUGH_S if more_helps else math.nan,
            "blocks": self.blocks,
            "rounds": min(len(self.a), len(self.b)),
            "status": "done",
        }


def _machine(a: Blocks, b: Blocks) -> float:
    if not (len(a) and len(b)):
        return math.nan
    return float((b.references.mean(axis=0) - a.references.mean(axis=0)).mean())


def _wide(a: pd.DataFrame, b: pd.DataFrame, column: str) -> tuple[float, float]:
    """The log ratio of b to a and its error, which allows for other jobs on the machine; NaN where there are few samples."""
    logs = [_block_logs(side, column) for side in (a, b)]
    if not all(logs):
        return math.nan, math.nan
    change = _mean(logs[1]) - _mean(logs[0])
    if min(map(len, logs)) < FEWEST_BLOCKS:
        return change, math.nan
    of_machine = math.log(_CPU_FACTOR) if column == "cpu_run_s" else _of_wall(a if change > 0 else b)
    of_blocks = sum(float(np.var(side, ddof=1)) / len(side) for side in logs)
    return change, math.sqrt((of_machine / CRITICAL) ** 2 + of_blocks)


def _of_wall(faster: pd.DataFrame) -> float:
    """By how much the wall time of the faster side may grow: what it ran for, and a delay each time that it wakes up."""
    wall_s = _median(faster, "run_s")
    ran_s = min(_median(faster, "cpu_run_s"), wall_s)
    return math.log1p((ran_s * (_WALL_FACTOR - 1) + min(wall_s - ran_s, _WAKING_S)) / wall_s)


def _block_logs(samples: pd.DataFrame, column: str) -> list[float]:
    """The logs of the medians of ten consecutive blocks of a column."""
    runs = samples[column].to_numpy(float)
    blocks = np.array_split(runs[runs > 0], min(_BLOCKS, max(int((runs > 0).sum()), 1)))
    return [float(np.log(np.median(block))) for block in blocks if len(block)]


def _median(samples: pd.DataFrame, column: str) -> float:
    return float(samples[column].median())


def _ratio(a: pd.DataFrame, b: pd.DataFrame, column: str) -> float:
    one = _median(a, column)
    return _median(b, column) / one if one > 0 else math.nan


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
