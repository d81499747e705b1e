"""How a cost grows with its input: the growth law, or "cannot tell"."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]
Fit = tuple[str, float, float]  # law, c0, c1; of a power c0 * n ** c1

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


def fit_growth(sizes: Sequence[float], values: Sequence[float]) -> Growth:
    """The law by which positive values (seconds, bytes) grow with sizes; repeated sizes are replicates.

    Each law c0 + c1 g(n) is fitted by non-negative least squares on relative errors (in closed form), beside a free power
    law; the corrected Akaike criterion (Hurvich and Tsai 1989) chooses. The choice is repeated on bootstrap
    replicates, drawn within each size, or from the residuals where sizes have one value, and a law is named only if it
    wins 90 % of them. At least six sizes over a factor of eight are needed; over three decades are better.
    """
    n, replicates = _group(sizes, values)
    medians = np.array([np.median(group) for group in replicates])
    if len(n) < 2:
        return Growth(CANNOT_TELL, np.nan, (np.nan, np.nan), 0.0, f"{len(n)} size measured, {FEWEST_SIZES} or more are needed")
    best = _best_fit(n, medians)
    draws = _draw(n, medians, replicates, best, np.random.default_rng(0))
    slopes = _slopes(n, draws)
    interval = (float(np.quantile(slopes, 0.025)), float(np.quantile(slopes, 0.975)))
    reason, probability = _too_little(n) or _too_far(best, n, medians), 0.0
    if not reason:
        votes = _vote(n, draws)
        probability = votes.count(best[0]) / len(votes)
        if probability < _SURE:
            rivals = sorted(set(votes), key=votes.count, reverse=True)[:2]
            reason = f"{' and '.join(rivals)} fit alike; more sizes or a wider range would tell"
    law = CANNOT_TELL if reason else best[0]
    return Growth(law, float(_slopes(n, medians)[0]), interval, probability, reason)


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


def _too_far(fit: Fit, n: Vector, values: Vector) -> str:
    """Where even the best law misses the values by a lot, it is none: a relative error is never below -1, so that a law
    far below most of the values looks better than one among them.
    """
    missed = float(np.median(np.abs(_predict(fit, n) / values - 1)))
    return f"no law fits: the best one misses by {missed:.0%}" if missed > _WORST_FIT else ""


def _predict(fit: Fit, n: Vector) -> Vector:
    name, constant, slope = fit
    return np.asarray(constant * n**slope if name == "power" else constant + slope * LAWS[name](n))


def _slopes(n: Vector, values: Vector) -> Vector:
    """The slope on log-log axes of each row of values."""
    return np.asarray(_fit_power(n, np.atleast_2d(values))[1][:, 1])


def _best_fit(n: Vector, values: Vector) -> Fit:
    """The fit with the least corrected Akaike criterion."""
    fits = _fit_all(n, values[np.newaxis])
    name = min(fits, key=lambda name: float(fits[name][0][0]))
    constant, slope = fits[name][1][0]
    return name, float(constant), float(slope)


def _vote(n: Vector, draws: Vector) -> list[str]:
    """The law of the best fit of each row of draws."""
    fits = _fit_all(n, draws)
    names = list(fits)
    return [names[best] for best in np.argmin([criterion for criterion, _ in fits.values()], axis=0)]


def _fit_all(n: Vector, values: Vector) -> dict[str, tuple[Vector, Vector]]:
    """By law the criterion and the coefficients (c0, c1) of each row of values."""
    return {**{name: _fit_law(name, shape(n), values) for name, shape in LAWS.items()}, "power": _fit_power(n, values)}


def _fit_law(name: str, shape: Vector, values: Vector) -> tuple[Vector, Vector]:
    scale = float(np.max(shape)) or 1.0
    constant, slope = _non_negative(1 / values, shape / scale / values)
    errors = (constant[:, np.newaxis] + slope[:, np.newaxis] * shape / scale) / values - 1
    return _aicc(errors, 1 if name == "1" else 2), np.stack([constant, slope / scale], axis=1)


def _non_negative(first: Vector, second: Vector) -> tuple[Vector, Vector]:
    """For each row the a >= 0 and b >= 0 for which a * first + b * second is closest to 1.

    Where a coefficient of the free least squares would be negative, the solution lies on a side: only first, or only second.
    """
    first_length, second_length = (np.maximum(np.linalg.norm(rows, axis=1), np.finfo(float).tiny) for rows in (first, second))
    u, v = first / first_length[:, np.newaxis], second / second_length[:, np.newaxis]
    on_u, on_v = u.sum(axis=1), v.sum(axis=1)
    shared = (u * v).sum(axis=1)
    apart = v - shared[:, np.newaxis] * u
    squared = (apart**2).sum(axis=1)
    b = np.divide(apart.sum(axis=1), squared, out=np.zeros_like(squared), where=squared > 0)
    a = on_u - shared * b
    on_side = (a < 0) | (b < 0)
    only_u = np.maximum(on_u, 0) >= np.maximum(on_v, 0)
    a = np.where(on_side, np.where(only_u, np.maximum(on_u, 0), 0.0), a)
    b = np.where(on_side, np.where(only_u, 0.0, np.maximum(on_v, 0)), b)
    return a / first_length, b / second_length


def _fit_power(n: Vector, values: Vector) -> tuple[Vector, Vector]:
    slope, intercept = np.polyfit(np.log(n), np.log(values).T, 1)
    errors = np.exp(intercept[:, np.newaxis] + slope[:, np.newaxis] * np.log(n)) / values - 1
    return _aicc(errors, 3), np.stack([np.exp(intercept), slope], axis=1)


def _aicc(errors: Vector, parameters: int) -> Vector:
    """Hurvich and Tsai's criterion of fits to relative errors, one a row; errors below one part in a thousand are no
    information.
    """
    count, used = errors.shape[1], parameters + 1
    variance = np.mean(errors**2, axis=1) + _NOISE_FLOOR**2
    penalty = 2 * used + 2 * used * (used + 1) / max(count - used - 1, 0.5)
    return np.asarray(count * np.log(variance) + penalty)


def _draw(n: Vector, medians: Vector, replicates: list[Vector], fit: Fit, random: np.random.Generator) -> Vector:
    """Bootstrap replicates of the medians, one a row."""
    if all(len(group) > 1 for group in replicates):
        counts = [len(group) for group in replicates]
        chosen = random.integers(0, np.repeat(counts, counts), (_BOOTSTRAPS, sum(counts)))
        groups = np.split(chosen, np.cumsum(counts)[:-1], axis=1)
        return np.stack([np.median(group[of], axis=1) for group, of in zip(replicates, groups, strict=True)], axis=1)
    fitted = _predict(fit, n)
    residuals = medians / fitted - 1
    residuals = (residuals - residuals.mean()) * np.sqrt(len(n) / max(len(n) - 2, 1))
    return np.asarray(fitted * np.maximum(1 + random.choice(residuals, (_BOOTSTRAPS, len(n))), 0.01))
