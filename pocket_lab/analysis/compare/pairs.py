"""A verdict for each pair of points that were measured together, or "cannot tell" and the time to find out.

The method: log ratios of neighbouring batches, their location by Huber's estimator, and its standard error from the differences
between blocks, for each of which both targets were rebuilt. Blocks, not samples: neighbouring samples are correlated, and two
builds of one function differ by a fixed amount that no number of samples averages out (Kalibera and Jones, "Rigorous
benchmarking in reasonable time", 2013).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pocket_lab.analysis.compare.ratio import MARGIN, Ratio, ratio_of, verdict_of
from pocket_lab.frames.points import LOCATION_COLUMNS
from pocket_lab.stats.holm import holm

_MOST_WAITING, _MOST_HELP, _MOST_SWITCHES = 0.02, 0.05, 0.2
_TARGETS = ("target_a", "target_b")


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
