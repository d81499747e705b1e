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

from pocket_lab.analysis.compare.basis import Basis, basis_of
from pocket_lab.analysis.compare.columns import COMPARISON_COLUMNS
from pocket_lab.analysis.compare.ratio import MARGIN, Ratio, ratio_of, verdict_of
from pocket_lab.analysis.compare.seconds_needed import seconds_needed
from pocket_lab.frames.points import LOCATION_COLUMNS, with_point_types
from pocket_lab.stats.holm import holm

_OF_SIDES = ("status", "target_a", "target_b", "waits_a", "waits_b")
Blocks = list[list[float]]


def compare_pairs(pairs: pd.DataFrame, sides: pd.DataFrame, margin: float = MARGIN) -> pd.DataFrame:
    """A row per pair: basis and its reason, seconds of both sides, ratios with interval, verdict, seconds needed, waits.

    `pairs` has a row per round (`frames.pairs_frame`), `sides` a row per pair (`frames.sides_frame`). `a_s` and `b_s` are
    seconds of one run on the clock of the basis, with 99 % intervals; their quotient is `ratio`. The p values of all pairs
    are corrected together (Holm 1979). `seconds_needed` estimates the time that a verdict would take; NaN where there is one,
    or where no credible time would do.
    """
    judged = [_Pair.of(side, pairs[pairs["pair"] == side["pair"]]) for side in sides.to_dict("records")]
    wall = holm([one.wall.ratio.p for one in judged])
    chosen = holm([one.chosen.ratio.p for one in judged])
    rows = [one.row(p, wall_p, margin) for one, p, wall_p in zip(judged, chosen, wall, strict=True)]
    if not rows:
        return with_point_types(pd.DataFrame(columns=COMPARISON_COLUMNS))
    return with_point_types(pd.DataFrame(rows, columns=COMPARISON_COLUMNS).astype({"size": sides["size"].dtype}))


@dataclass(frozen=True, slots=True)
class _Clock:
    """What one clock says: the ratio, and the seconds of a run of both sides as (value, low, high)."""

    ratio: Ratio
    a_s: tuple[float, float, float]
    b_s: tuple[float, float, float]

    @classmethod
    def of(cls, rounds: pd.DataFrame, clock: str) -> _Clock:
        """The seconds of both sides share one centre, so that their quotient is the ratio."""
        a, b = rounds[f"{clock}_a_s"].to_numpy(float), rounds[f"{clock}_b_s"].to_numpy(float)
        known = (a > 0) & (b > 0)
        blocks = rounds["block"].to_numpy()[known]
        logs_a, logs_b = np.log(a[known]), np.log(b[known])
        ratio = ratio_of(_by_block(logs_b - logs_a, blocks))
        centre = ratio_of(_by_block((logs_a + logs_b) / 2, blocks)).value
        half = math.sqrt(ratio.value)
        return cls(ratio, _around(centre / half, _by_block(logs_a, blocks)), _around(centre * half, _by_block(logs_b, blocks)))


@dataclass(frozen=True, slots=True)
class _Pair:
    side: Mapping[Any, Any]
    wall: _Clock
    cpu: _Clock
    basis: Basis
    rounds: int
    spent_s: float

    @classmethod
    def of(cls, side: Mapping[Any, Any], rounds: pd.DataFrame) -> _Pair:
        basis = basis_of(side) if len(rounds) else Basis("wall", "nothing")
        whole = _whole_blocks(rounds)
        return cls(side, _Clock.of(whole, "wall"), _Clock.of(whole, "cpu"), basis, len(rounds), float(rounds["spent_s"].sum()))

    @property
    def chosen(self) -> _Clock:
        return self.cpu if self.basis.clock == "cpu" else self.wall

    def row(self, p: float, wall_p: float, margin: float) -> dict[str, Any]:
        ratio = self.chosen.ratio
        verdict, on_wall = verdict_of(ratio, p, margin), verdict_of(self.wall.ratio, wall_p, margin)
        needed_s, reason = math.nan, self.basis.reason
        if verdict == "cannot tell":
            needed_s = seconds_needed(ratio, self.spent_s, margin)
        elif on_wall in ("faster", "slower") and verdict != on_wall:
            verdict, reason = "cannot tell", "clocks"  # CPU time does not include the time spent waiting
        times = {
            f"{name}{end}_s": seconds
            for name, side in (("a", self.chosen.a_s), ("b", self.chosen.b_s))
            for end, seconds in zip(("", "_low", "_high"), side, strict=True)
        }
        return {
            **{name: self.side[name] for name in (*LOCATION_COLUMNS, *_OF_SIDES) if name in self.side},
            **times,
            "basis": self.basis.clock,
            "reason": reason,
            "ratio": ratio.value,
            "ratio_low": ratio.low,
            "ratio_high": ratio.high,
            "cpu_ratio": self.cpu.ratio.value,
            "wall_ratio": self.wall.ratio.value,
            "verdict": verdict,
            "seconds_needed": needed_s,
            "blocks": ratio.blocks,
            "rounds": self.rounds,
        }


def _whole_blocks(rounds: pd.DataFrame) -> pd.DataFrame:
    """The rounds without incomplete blocks, which have less than half the usual rounds."""
    counts = rounds.groupby("block")["round"].transform("count")
    return rounds[counts >= counts.median() / 2] if len(rounds) else rounds


def _by_block(logs: Any, blocks: Any) -> Blocks:
    return [block.to_list() for _, block in pd.Series(logs).groupby(blocks)]


def _around(value: float, logs: Blocks) -> tuple[float, float, float]:
    """The value with the relative 99 % interval of these logs."""
    own = ratio_of(logs)
    return value, value * own.low / own.value, value * own.high / own.value
