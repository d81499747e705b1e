"""A verdict for each point that two stored runs have in common.

The runs were not measured together, so that the machine may have been faster in one of them. A CPU-bound point on one worker is
corrected by the reference workloads of both runs (`control_variates`). What cannot be corrected is called changed only beyond
what unchanged code may differ by on a machine with other jobs: by its CPU time, or by its wall time, of which that share may
grow in which the point was not waiting.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from pocket_lab.analysis.compare.columns import COMPARISON_COLUMNS
from pocket_lab.analysis.compare.control_variates import CRITICAL, Blocks, Speed, blocks_of, correct
from pocket_lab.analysis.compare.ratio import ALIKE, FEWEST_BLOCKS
from pocket_lab.frames.points import location_columns, location_in, points_of, with_point_types
from pocket_lab.records.point import Point
from pocket_lab.stats.holm import holm
from pocket_lab.stats.huber import CONFIDENCE
from pocket_lab.stats.median_interval import Estimate, estimate_median

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
_FEWEST_SECONDS = 20  # of 20 recorded seconds, 0.9 % of unchanged points are called changed; of 10 seconds 2 %
_BLOCKS = 10
_CPU_FACTOR, _WALL_FACTOR, _WAKING_S = 1.6, 5.0, 0.003  # what unchanged code differs by on a machine with other jobs


@dataclass(frozen=True)
class StoredRun:
    """What is compared of a run: its name, its samples without warm-ups, its references, and its points (`bench_frame`)."""

    name: str
    samples: pd.DataFrame
    references: pd.DataFrame
    points: pd.DataFrame

    @cached_property
    def sides(self) -> dict[Point, _Side]:
        """What was measured at each point, whatever the target's name is."""
        samples = points_of(self.samples.assign(target="").sort_values(location_in(self.samples), kind="stable"))
        on_cpu: set[Point] = set()
        if "basis" in self.points:
            on_cpu = set(points_of(self.points[self.points["basis"] == "cpu"].assign(target="")))
        speed = Speed.of(self.references)
        return {point: _Side.of(rows, blocks_of(rows, speed), point in on_cpu) for point, rows in samples.items()}


def compare_runs(a: StoredRun, b: StoredRun, margin: float = STORED_MARGIN) -> pd.DataFrame:
    """A row per point that both runs have, in the columns of `compare_pairs` and `machine_ratio`.

    `ratio` is corrected for the machine where `reason` is "corrected"; otherwise that says why it is not, and `ratio` is
    `b_s / a_s`. `cpu_ratio`, `wall_ratio`, `a_s` and `b_s` are as measured, `a_low_s` to `b_high_s` the 95 % intervals of both
    runs, `machine_ratio` is that of the references. A change counts from `margin`; "same" is within 10 %, or two margins if
    that is more. `seconds_needed` is the time of each run that might tell.
    """
    common = [point for point in a.sides if point in b.sides]
    bare = a.references.empty or b.references.empty
    judged = [_Pair.of(a.sides[point], b.sides[point], bare) for point in common]
    rows = [
        {**location_columns(point), **pair.row(p, margin), "target_a": a.name, "target_b": b.name}
        for point, pair, p in zip(common, judged, holm([pair.p for pair in judged]), strict=True)
    ]
    return with_point_types(pd.DataFrame(rows, columns=[*COMPARISON_COLUMNS, "machine_ratio"]) if rows else pd.DataFrame())


@dataclass(frozen=True, slots=True)
class _Side:
    """One point of a run: its figures, the logs of consecutive parts of it, and its blocks beside the references."""

    wall: Estimate
    cpu: Estimate
    rounds: int
    wall_logs: list[float]
    cpu_logs: list[float]
    blocks: Blocks
    on_cpu: bool

    @classmethod
    def of(cls, samples: pd.DataFrame, blocks: Blocks, on_cpu: bool) -> _Side:
        timed = samples[samples["loops"] > 0]
        figures = [estimate_median(timed[name].to_list()) for name in ("run_s", "cpu_run_s")]
        logs = [_block_logs(samples[name].to_numpy(float)) for name in ("run_s", "cpu_run_s")]
        return cls(figures[0], figures[1], len(samples), logs[0], logs[1], blocks, on_cpu)


@dataclass(frozen=True, slots=True)
class _Pair:
    a: _Side
    b: _Side
    basis: str
    reason: str
    change: float
    error: float
    machine: float
    blocks: int

    @classmethod
    def of(cls, a: _Side, b: _Side, bare: bool) -> _Pair:
        blocks, machine = min(len(a.blocks), len(b.blocks)), _machine(a.blocks, b.blocks)
        if not (a.on_cpu and b.on_cpu):
            return cls(a, b, "wall", NOT_CPU, *_on_wall(a, b), machine, blocks)
        if blocks < _FEWEST_SECONDS:
            return cls(a, b, "cpu", NO_REFERENCES if bare else TOO_SHORT, *_on_cpu(a, b, machine), machine, blocks)
        found = correct(a.blocks, b.blocks)
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
        a, b, half = self.a, self.b, CRITICAL * self.error
        verdict = self.verdict(p, margin)
        more_helps = verdict == "cannot tell" and self.reason in (NO_REFERENCES, TOO_SHORT)
        return {
            "basis": self.basis,
            **_times("a", a.cpu if self.basis == "cpu" else a.wall),
            **_times("b", b.cpu if self.basis == "cpu" else b.wall),
            "ratio": math.exp(self.change),
            "ratio_low": math.exp(self.change - half),
            "ratio_high": math.exp(self.change + half),
            "cpu_ratio": b.cpu.value / a.cpu.value if a.cpu.value > 0 else math.nan,
            "wall_ratio": b.wall.value / a.wall.value if a.wall.value > 0 else math.nan,
            "machine_ratio": math.exp(self.machine),
            "verdict": verdict,
            "reason": self.reason,
            "seconds_needed": ENOUGH_S if more_helps else math.nan,
            "blocks": self.blocks,
            "rounds": min(a.rounds, b.rounds),
            "status": "done",
        }


def _machine(a: Blocks, b: Blocks) -> float:
    if not (len(a) and len(b)):
        return math.nan
    return float((b.references.mean(axis=0) - a.references.mean(axis=0)).mean())


def _on_cpu(a: _Side, b: _Side, machine: float) -> tuple[float, float]:
    """The log ratio of CPU times and its error, which allows for other jobs on the machine; NaN where there are few samples.

    It allows for as much as the references changed, too, where they are known.
    """
    change, error = _log_ratio(a.cpu.value, b.cpu.value), _welch(a.cpu_logs, b.cpu_logs)
    allowed = math.log(_CPU_FACTOR) + (abs(machine) if machine == machine else 0.0)
    return change, math.hypot(error, allowed / CRITICAL)


def _on_wall(a: _Side, b: _Side) -> tuple[float, float]:
    """The same of wall times: the faster side may grow by what it ran for, and by a delay each time that it wakes up."""
    change, error = _log_ratio(a.wall.value, b.wall.value), _welch(a.wall_logs, b.wall_logs)
    faster = a if change > 0 else b
    wall_s = faster.wall.value
    ran_s = min(faster.cpu.value, wall_s)
    more_s = ran_s * (_WALL_FACTOR - 1) + min(wall_s - ran_s, _WAKING_S)
    return change, math.hypot(error, math.log1p(more_s / wall_s) / CRITICAL)


def _times(side: str, figure: Estimate) -> dict[str, float]:
    return {f"{side}_s": figure.value, f"{side}_low_s": figure.low, f"{side}_high_s": figure.high}


def _log_ratio(a_s: float, b_s: float) -> float:
    """Of the two times that are shown, so that a reader finds the same; NaN where one is not known."""
    return math.log(b_s / a_s) if a_s > 0 and b_s > 0 else math.nan


def _welch(a: list[float], b: list[float]) -> float:
    """The error of the difference of the means of two sets of logs (Welch 1947), NaN for fewer than five values a side."""
    if min(len(a), len(b)) < FEWEST_BLOCKS:
        return math.nan
    return math.sqrt(sum(float(np.var(side, ddof=1)) / len(side) for side in (a, b)))


def _block_logs(seconds: Any) -> list[float]:
    """The logs of the medians of ten consecutive parts of a column."""
    known = seconds[seconds > 0]
    parts = np.array_split(known, min(_BLOCKS, max(len(known), 1)))
    return [float(np.log(np.median(part))) for part in parts if len(part)]
