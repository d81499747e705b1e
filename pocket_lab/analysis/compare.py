"""Is b faster or slower than a? Ratios with intervals and a verdict for each pair, or "cannot tell" and the time to find out.

The method: log ratios of neighbouring batches, their location by Huber's estimator, and its standard error from the differences
between blocks, for each of which both targets were rebuilt. Blocks, not samples: neighbouring samples are correlated, and two
builds of one function differ by a fixed amount that no number of samples averages out (Kalibera and Jones, "Rigorous
benchmarking in reasonable time", 2013).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pocket_lab.errors import UsageError
from pocket_lab.frames.points import LOCATION_COLUMNS, location_columns, points_of, with_point_types
from pocket_lab.stats.holm import holm
from pocket_lab.stats.huber import CONFIDENCE, huber_estimate
from pocket_lab.units import parse_fraction

MARGIN = 0.01
STORED_MARGIN = 0.10
ALIKE = 2.0  # "same" is an interval within so many margins
FEWEST_BLOCKS = 5
_STORED_BLOCKS = 10
_MOST_WAITING, _MOST_HELP, _MOST_SWITCHES = 0.02, 0.05, 0.2
_TARGETS = ("target_a", "target_b")


@dataclass(frozen=True, slots=True)
class Ratio:
    """Time of b over time of a, with its 99 % interval, the chance of one so far from 1 by luck, and the blocks behind it."""

    value: float
    low: float
    high: float
    p: float
    blocks: int


def ratio_of(blocks: Sequence[Sequence[float]]) -> Ratio:
    """The ratio from the log ratios of the rounds of each block; without interval (NaN) from fewer than five blocks."""
    blocks = [block for block in blocks if len(block)]
    if not blocks:
        return Ratio(math.nan, math.nan, math.nan, 1.0, 0)
    estimate = huber_estimate(blocks)
    if len(blocks) < FEWEST_BLOCKS:
        return Ratio(math.exp(estimate.value), math.nan, math.nan, 1.0, len(blocks))
    low, high = (math.exp(estimate.value + side * estimate.half_width) for side in (-1, 1))
    from scipy.special import stdtr  # here, as only an interval needs scipy

    p = 2 * float(stdtr(estimate.freedom, -abs(estimate.value) / max(estimate.error, 1e-12)))
    return Ratio(math.exp(estimate.value), low, high, p, len(blocks))


def verdict_of(ratio: Ratio, p: float, margin: float = MARGIN) -> str:
    """ "faster", "slower", "same" or "cannot tell", speaking of b.

    A change is called where luck is excluded (`p`, corrected for the number of pairs, below 1 %) and the change is at least
    the margin; "same" where the whole interval lies within two margins.
    """
    change = math.log(ratio.value) if ratio.value > 0 else math.nan
    if p < 1 - CONFIDENCE and abs(change) >= math.log1p(margin):
        return "slower" if change > 0 else "faster"
    if max(abs(math.log(ratio.low)), abs(math.log(ratio.high))) <= math.log1p(ALIKE * margin):
        return "same"
    return "cannot tell"


def compare_pairs(pairs: pd.DataFrame, sides: pd.DataFrame, margin: float = MARGIN) -> pd.DataFrame:
    """A row per pair: basis, ratio with interval, both ratios, verdict, seconds needed, blocks, rounds, status, targets.

    `pairs` has a row per round (`frames.pairs_frame`), `sides` a row per pair (`frames.sides_frame`). The basis is "cpu"
    where both sides run on one serial worker and keep one core busy, otherwise "wall". The p values of all pairs are
    corrected together (Holm 1979).
    `seconds_needed` estimates the time that a verdict would take; NaN where there is one.
    """
    judged = [_Pair.of(side, pairs[pairs["pair"] == side["pair"]]) for side in sides.to_dict("records")]
    wall = holm([one.wall.p for one in judged])
    chosen = holm([one.ratio.p for one in judged])
    rows = [one.row(p, wall_p, margin) for one, p, wall_p in zip(judged, chosen, wall, strict=True)]
    return pd.DataFrame(rows).astype({"size": sides["size"].dtype}) if rows else pd.DataFrame()


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
    return with_point_types(pd.DataFrame(rows))


@dataclass(frozen=True, slots=True)
class Gate:
    """A change that fails a comparison: a verdict, and the smallest change that counts."""

    verdict: str
    change: float

    @classmethod
    def parse(cls, text: str) -> Gate:
        """From "slower:5%", "slower", "faster:5%" or "cannot tell"; raises UsageError."""
        verdict, _, change = text.strip().partition(":")
        if verdict not in ("slower", "faster", "cannot tell") or (change and verdict == "cannot tell"):
            raise UsageError(f'{text!r}: write slower:5%, faster:5% or "cannot tell"')
        return cls(verdict, parse_fraction(change) if change else 0.0)

    def stops(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The rows of a comparison with this verdict and at least this change: longer for "slower", shorter for "faster"."""
        rows = frame[frame["verdict"] == self.verdict]
        if self.verdict == "cannot tell":
            return rows
        change = rows["ratio"] - 1 if self.verdict == "slower" else 1 - rows["ratio"]
        return rows[change >= self.change]


def geometric_mean(frame: pd.DataFrame, column: str = "ratio") -> float:
    """The geometric mean of the ratios of a comparison, as in benchstat; NaN where there is none."""
    ratios = frame[column].dropna().to_numpy(float)
    return float(np.exp(np.log(ratios).mean())) if len(ratios) else math.nan


def geometric_means(frame: pd.DataFrame) -> dict[str, float]:
    """The geometric means of the ratio and of both clocks, by column; empty unless there are several pairs."""
    if len(frame) < 2:
        return {}
    return {column: geometric_mean(frame, column) for column in ("ratio", "cpu_ratio", "wall_ratio")}


def is_busy(waits: float, switches: float) -> bool:
    """Whether a thread kept one core busy: it barely waited, and never voluntarily; False where the system does not report it.

    `waits` is the share of the time in which it neither ran nor waited for a core: below zero where other threads ran too.
    """
    return -_MOST_HELP <= waits <= _MOST_WAITING and switches <= _MOST_SWITCHES


@dataclass(frozen=True, slots=True)
class _Pair:
    side: Mapping[Any, Any]
    wall: Ratio
    cpu: Ratio
    basis: str
    rounds: int
    spent_s: float

    @classmethod
    def of(cls, side: Mapping[Any, Any], rounds: pd.DataFrame) -> _Pair:
        are_busy = all(is_busy(side[f"waits_{name}"], side[f"switches_{name}"]) for name in "ab")
        basis = "cpu" if are_busy and side["workers"] == 1 and side["executor"] == "serial" else "wall"
        whole = _whole_blocks(rounds)
        return cls(side, _ratio(whole, "wall"), _ratio(whole, "cpu"), basis, len(rounds), float(rounds["spent_s"].sum()))

    @property
    def ratio(self) -> Ratio:
        return self.cpu if self.basis == "cpu" else self.wall

    def needed_s(self, margin: float) -> float:
        """The time in which the interval would shrink to the margin, or in which there would be ten blocks."""
        ratio = self.ratio
        if not ratio.blocks:
            return math.nan
        if not ratio.high > 0:
            return self.spent_s * max(2.0, 10 / ratio.blocks)
        half = math.log(ratio.high / ratio.low) / 2
        return self.spent_s * max(2.0, (half / math.log1p(margin)) ** 2)

    def row(self, p: float, wall_p: float, margin: float) -> dict[str, Any]:
        ratio, verdict = self.ratio, verdict_of(self.ratio, p, margin)
        on_wall = verdict_of(self.wall, wall_p, margin)
        if on_wall in ("faster", "slower") and verdict != on_wall and verdict != "cannot tell":
            verdict = "cannot tell"  # CPU time does not include the time spent waiting
        return {
            **{name: self.side[name] for name in LOCATION_COLUMNS},
            "basis": self.basis,
            "ratio": ratio.value,
            "ratio_low": ratio.low,
            "ratio_high": ratio.high,
            "cpu_ratio": self.cpu.value,
            "wall_ratio": self.wall.value,
            "verdict": verdict,
            "seconds_needed": self.needed_s(margin) if verdict == "cannot tell" else math.nan,
            "blocks": ratio.blocks,
            "rounds": self.rounds,
            "status": self.side["status"],
            **{name: self.side[name] for name in _TARGETS},
        }


def _whole_blocks(rounds: pd.DataFrame) -> pd.DataFrame:
    """The rounds without incomplete blocks, which have less than half the usual rounds."""
    counts = rounds.groupby("block")["round"].transform("count")
    return rounds[counts >= counts.median() / 2] if len(rounds) else rounds


def _ratio(rounds: pd.DataFrame, clock: str) -> Ratio:
    a, b = rounds[f"{clock}_a_s"].to_numpy(float), rounds[f"{clock}_b_s"].to_numpy(float)
    known = (a > 0) & (b > 0)
    logs = pd.Series(np.log(b[known] / a[known])).groupby(rounds["block"].to_numpy()[known])
    return ratio_of([block.to_list() for _, block in logs])


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
