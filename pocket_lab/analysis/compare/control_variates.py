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
_BETWEEN, _OF_MACHINE = 0.015, 0.05  # what two processes differ by, and what remains of the machine's change
_MEMORY, _OF_MEMORY = WORKLOADS.index("memory_s"), 0.4  # the part of its own change that is the machine's
_MEMORY_BOUND = 0.45  # a coefficient: beyond it two processes differ by how their pages are laid out, by up to a quarter
_STEPS, _LEAST_VARIANCE = 5, 1e-12


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


@dataclass(frozen=True, slots=True)
class Speed:
    """The references of a run, and their mean logs by second."""

    references: pd.DataFrame
    by_second: pd.DataFrame

    @classmethod
    def of(cls, references: pd.DataFrame) -> Speed:
        """Without the rounds in which a workload took no time that the clock could see."""
        usable = references[(references[WORKLOADS] > 0).all(axis=1)]
        return cls(usable, speed_by_second(usable))


def blocks_of(samples: pd.DataFrame, speed: Speed) -> Blocks:
    """The blocks of one point: `samples` are its rows of a samples frame without warm-ups."""
    timed = samples[samples["cpu_run_s"] > 0]
    if speed.references.empty or timed.empty:
        return Blocks(np.empty(0), np.empty((0, len(WORKLOADS))))
    seconds = np.floor(seconds_of_rounds(timed["round"], speed.references)).astype(int)
    target = pd.Series(clipped_logs(timed["cpu_run_s"])).groupby(seconds).mean().rename("target")
    both = speed.by_second.join(target, how="inner")
    return Blocks(both["target"].to_numpy(), both[WORKLOADS].to_numpy())


def correct(a: Blocks, b: Blocks) -> Correction:
    """How much longer the target took in b; each side has at least two blocks."""
    measured = b.references.mean(axis=0) - a.references.mean(axis=0)
    shift, of_cores = _without_pages(measured), np.delete(measured, _MEMORY)
    x = np.concatenate([side.references - side.references.mean(axis=0) for side in (a, b)])
    y = np.concatenate([side.target - side.target.mean() for side in (a, b)])
    coefficients, covariance, variance = _ridge(x, y, max(len(y) - 2 - x.shape[1], 1))
    change = float(b.target.mean() - a.target.mean() - coefficients @ shift)
    of_means = variance * (1 / len(a) + 1 / len(b))
    of_machine = (_OF_MACHINE * np.abs(of_cores).max()) ** 2
    of_pages = max(float(coefficients[_MEMORY]) - _MEMORY_BOUND, 0.0) ** 2
    error = math.sqrt(of_means + shift @ covariance @ shift + _BETWEEN**2 + of_machine + of_pages)
    return Correction(change, error, float(measured.mean()))


def _without_pages(measured: Any) -> Any:
    """The change of the machine, when that of the memory workload is partly how its pages are laid out in each process."""
    shift, of_cores = measured.copy(), float(np.delete(measured, _MEMORY).mean())
    shift[_MEMORY] = of_cores + _OF_MEMORY * (measured[_MEMORY] - of_cores)
    return shift


def _ridge(x: Any, y: Any, freedom: int) -> tuple[Any, Any, float]:
    """Coefficients between 0 and 1.2 with a normal prior, their covariance, and the variance of what remains."""
    precision = np.eye(x.shape[1]) / _PRIOR**2
    coefficients, variance = np.zeros(x.shape[1]), max(float(y @ y) / freedom, _LEAST_VARIANCE)
    for _ in range(_STEPS):
        coefficients = np.linalg.solve(x.T @ x / variance + precision, x.T @ y / variance)
        if coefficients.min() < 0 or coefficients.max() > _LARGEST:
            coefficients = _bounded(x, y, variance)
        rest = y - x @ coefficients
        variance = max(float(rest @ rest) / freedom, _LEAST_VARIANCE)
    return coefficients, np.linalg.inv(x.T @ x / variance + precision), variance


def _bounded(x: Any, y: Any, variance: float) -> Any:
    from scipy.optimize import lsq_linear  # here, as only a comparison of stored runs needs it

    rows = np.vstack([x / math.sqrt(variance), np.eye(x.shape[1]) / _PRIOR])
    return lsq_linear(rows, np.concatenate([y / math.sqrt(variance), np.zeros(x.shape[1])]), (0.0, _LARGEST)).x
