"""The change of a target between two runs, apart from what the machine's speed changed by: control variates.

Reference workloads, measured in the rounds of both runs, tell how fast the machine was. How strongly the target follows each of
them is estimated from what varied WITHIN the runs: both are pooled with an intercept each, so that a change of the code between
them is not taken for a change of the machine. Means over blocks of a second are used, since a mean stays linear where the speed
is a mixture of fast and slow moments (Lavenberg and Welch, "A perspective on the use of control variables to increase the
efficiency of Monte Carlo simulations", 1981; the ridge is a normal prior).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pocket_lab.frames.references import WORKLOADS, clipped_logs, seconds_of_rounds, speed_by_second

CRITICAL = 2.58  # of a normal distribution, for 99 %
_LARGEST, _PRIOR = 1.2, 0.4  # of a coefficient
_BETWEEN, _OF_MACHINE = 0.02, 0.15  # what two processes differ by, and what remains of the machine's change
_STEPS = 8


@dataclass(frozen=True, slots=True)
class Blocks:
    """The seconds of a run in which both the target and the references were measured: mean logs, one row per second."""

    target: Any
    references: Any

    def __len__(self) -> int:
        return len(self.target)


@dataclass(frozen=True, slots=True)
class Correction:
    """The log ratio of b to a without the machine's part, and its standard error; `machine` is that of the references."""

    change: float
    error: float
    machine: float


def blocks_of(samples: pd.DataFrame, references: pd.DataFrame) -> Blocks:
    """The blocks of one point: `samples` are its rows of a samples frame without warm-ups."""
    usable = references[(references[WORKLOADS] > 0).all(axis=1)]
    timed = samples[samples["cpu_run_s"] > 0]
    if usable.empty or timed.empty:
        return Blocks(np.empty(0), np.empty((0, len(WORKLOADS))))
    seconds = np.floor(seconds_of_rounds(timed["round"], usable)).astype(int)
    target = pd.Series(clipped_logs(timed["cpu_run_s"])).groupby(seconds).mean().rename("target")
    both = speed_by_second(usable).join(target, how="inner")
    return Blocks(both["target"].to_numpy(), both[WORKLOADS].to_numpy())


def correct(a: Blocks, b: Blocks) -> Correction:
    """How much longer the target took in b; each side has at least two blocks."""
    shift = b.references.mean(axis=0) - a.references.mean(axis=0)
    x = np.concatenate([side.references - side.references.mean(axis=0) for side in (a, b)])
    y = np.concatenate([side.target - side.target.mean() for side in (a, b)])
    coefficients, covariance, variance = _ridge(x, y, max(len(y) - 2 - x.shape[1], 1))
    change = float(b.target.mean() - a.target.mean() - coefficients @ shift)
    of_means = variance * (1 / len(a) + 1 / len(b))
    of_machine = (_OF_MACHINE * np.abs(shift).max()) ** 2
    return Correction(change, math.sqrt(of_means + shift @ covariance @ shift + _BETWEEN**2 + of_machine), float(shift.mean()))


def _ridge(x: Any, y: Any, freedom: int) -> tuple[Any, Any, float]:
    """Coefficients between 0 and 1.2 with a normal prior, their covariance, and the variance of what remains."""
    from scipy.optimize import lsq_linear  # here, as only a comparison of stored runs needs it

    width = x.shape[1]
    prior, zeros = np.eye(width) / _PRIOR, np.zeros(width)
    coefficients, variance = zeros, float(y @ y) / freedom
    for _ in range(_STEPS):
        scale = math.sqrt(max(variance, 1e-12))
        found = lsq_linear(np.vstack([x / scale, prior]), np.concatenate([y / scale, zeros]), (0.0, _LARGEST))
        coefficients = found.x
        rest = y - x @ coefficients
        variance = float(rest @ rest) / freedom
    covariance = np.linalg.inv(x.T @ x / max(variance, 1e-12) + prior.T @ prior)
    return coefficients, covariance, variance
