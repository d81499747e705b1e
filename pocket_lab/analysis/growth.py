"""How a cost grows with its input: the growth law, or "cannot tell"."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]

LAWS: dict[str, Callable[[Vector], Vector]] = {
    "1": np.zeros_like,
    "log n": np.log,
    "n": lambda n: n,
    "n log n": lambda n: n * np.log(n),
    "n^2": lambda n: n**2,
    "n^3": lambda n: n**3,
}
CANNOT_TELL = "cannot tell"
FEWEST_SIZES = 6
_SMALLEST_SPAN = 8
_BOOTSTRAPS = 200
_SURE = 0.9
_WORST_FIT = 0.3
_NOISE_FLOOR = 1e-3


@dataclass(frozen=True, slots=True)
class Growth:
    """A growth law with its doubt.

    `law` is "1", "log n", "n", "n log n", "n^2", "n^3", "power" or "cannot tell" (then `reason` says why); `exponent` is
    the slope on log-log axes and `interval` its 95 % bootstrap interval; `probability` is the share of bootstrap
    replicates that chose the law.
    """

    law: str
    exponent: float
    interval: tuple[float, float]
    probability: float
    reason: str = ""
    _fit: tuple[str, float, float] = field(default=("1", np.nan, 0.0), repr=False)

    def predict(self, n: float) -> float:
        """The cost at size n by the law that fits best, also where `law` is "cannot tell"."""
        name, constant, slope = self._fit
        sizes = np.array([float(n)])
        if name == "power":
            return float(constant * sizes[0] ** slope)
        return float(constant + slope * LAWS[name](sizes)[0])


def fit_growth(sizes: Sequence[float], values: Sequence[float]) -> Growth:
    """The law by which positive values (seconds, bytes) grow with sizes; repeated sizes are replicates.

    Each law c0 + c1 g(n) is fitted by non-negative least squares on relative errors (Lawson and Hanson's NNLS), beside a
    free power law; the corrected Akaike criterion (Hurvich and Tsai 1989) chooses. The choice is repeated on bootstrap
    replicates, drawn within each size, or from the residuals where sizes have one value, and a law is named only if it
    wins 90 % of them. At least six sizes over a factor of eight are needed; over three decades are better.
    """
    n, replicates = _group(sizes, values)
    medians = np.array([np.median(group) for group in replicates])
    if len(n) < 2:
        return Growth(CANNOT_TELL, np.nan, (np.nan, np.nan), 0.0, f"{len(n)} size measured, {FEWEST_SIZES} or more are needed")
    best = _choose(n, medians)
    random = np.random.default_rng(0)
    draws = [_draw(n, medians, replicates, best, random) for _ in range(_BOOTSTRAPS)]
    slopes = [_slope(n, draw) for draw in draws]
    interval = (float(np.quantile(slopes, 0.025)), float(np.quantile(slopes, 0.975)))
    reason, probability = _too_little(n) or _too_far(best, n, medians), 0.0
    if not reason:
        votes = [_choose(n, draw)[0] for draw in draws]
        probability = votes.count(best[0]) / len(votes)
        if probability < _SURE:
            rivals = sorted(set(votes), key=votes.count, reverse=True)[:2]
            reason = f"{' and '.join(rivals)} fit alike; more sizes or a wider range would tell"
    law = CANNOT_TELL if reason else best[0]
    return Growth(law, _slope(n, medians), interval, probability, reason, best)


def _group(sizes: Sequence[float], values: Sequence[float]) -> tuple[Vector, list[Vector]]:
    all_sizes, all_values = np.asarray(sizes, float), np.asarray(values, float)
    usable = np.isfinite(all_values) & (all_values > 0) & (all_sizes > 0)
    n = np.unique(all_sizes[usable])
    return n, [all_values[usable & (all_sizes == size)] for size in n]


def _too_little(n: Vector) -> str:
    if len(n) < FEWEST_SIZES:
        return f"{len(n)} sizes measured, {FEWEST_SIZES} or more are needed"
    if n[-1] / n[0] < _SMALLEST_SPAN:
        return f"the sizes span a factor of {n[-1] / n[0]:.1f}, {_SMALLEST_SPAN} or more is needed"
    return ""


def _too_far(fit: tuple[str, float, float], n: Vector, values: Vector) -> str:
    """Where even the best law misses the values by a lot, it is none: a relative error is never below -1, so that a law
    far below most of the values looks better than one among them.
    """
    growth = Growth(fit[0], 0.0, (0.0, 0.0), 0.0, "", fit)
    missed = float(np.median([abs(growth.predict(size) / value - 1) for size, value in zip(n, values, strict=True)]))
    return f"no law fits: the best one misses by {missed:.0%}" if missed > _WORST_FIT else ""


def _slope(n: Vector, values: Vector) -> float:
    return float(np.polyfit(np.log(n), np.log(values), 1)[0])


def _choose(n: Vector, values: Vector) -> tuple[str, float, float]:
    """(law, c0, c1) with the least corrected Akaike criterion."""
    fits = [_fit_law(name, shape(n), values) for name, shape in LAWS.items()] + [_fit_power(n, values)]
    return min(fits, key=lambda fit: fit[0])[1]


def _fit_law(name: str, shape: Vector, values: Vector) -> tuple[float, tuple[str, float, float]]:
    from scipy.optimize import nnls  # here, as it takes its time to load

    columns = [np.ones_like(values)] if name == "1" else [np.ones_like(values), shape]
    scales = [float(np.max(column)) or 1.0 for column in columns]
    design = np.stack([column / scale / values for column, scale in zip(columns, scales, strict=True)], axis=1)
    weights, _ = nnls(design, np.ones_like(values))
    errors = design @ weights - 1
    constant, slope = (weights[0], 0.0) if name == "1" else (weights[0], weights[1] / scales[1])
    return _aicc(errors, len(columns)), (name, float(constant), float(slope))


def _fit_power(n: Vector, values: Vector) -> tuple[float, tuple[str, float, float]]:
    slope, intercept = np.polyfit(np.log(n), np.log(values), 1)
    errors = np.exp(intercept + slope * np.log(n)) / values - 1
    return _aicc(errors, 3), ("power", float(np.exp(intercept)), float(slope))


def _aicc(errors: Vector, parameters: int) -> float:
    """Hurvich and Tsai's criterion of a fit to relative errors; errors below one part in a thousand are no information."""
    count, used = len(errors), parameters + 1
    variance = float(np.mean(errors**2)) + _NOISE_FLOOR**2
    penalty = 2 * used + 2 * used * (used + 1) / max(count - used - 1, 0.5)
    return count * float(np.log(variance)) + penalty


def _draw(
    n: Vector, medians: Vector, replicates: list[Vector], fit: tuple[str, float, float], random: np.random.Generator
) -> Vector:
    if all(len(group) > 1 for group in replicates):
        return np.array([np.median(random.choice(group, len(group))) for group in replicates])
    growth = Growth(fit[0], 0.0, (0.0, 0.0), 0.0, "", fit)
    fitted = np.array([growth.predict(size) for size in n])
    residuals = medians / fitted - 1
    residuals = (residuals - residuals.mean()) * np.sqrt(len(n) / max(len(n) - 2, 1))
    return np.asarray(fitted * np.maximum(1 + random.choice(residuals, len(n)), 0.01))
