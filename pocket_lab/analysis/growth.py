"""How a cost grows with its input: the growth law, or "cannot tell"."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from pocket_lab.frames.points import at_point, without
from pocket_lab.stats.median_interval import estimate_median

Vector = npt.NDArray[np.float64]

LAWS: dict[str, Callable[[Vector], Vector]] = {
    "1": np.zeros_like,
    "log n": np.log,
    "n": lambda n: n,
    "n log n": lambda n: n * np.log(n),
    "n^2": lambda n: n**2,
    "n^3": lambda n: n**3,
}
POWER = "power"
CANNOT_TELL = "cannot tell"
FEWEST_SIZES = 6
_EXPONENTS = {"n": 1.0, "n^2": 2.0, "n^3": 3.0}
_SMALLEST_SPAN = 8
_DRAWS = 400
_LEVEL = 0.05
_WORST_FIT = 0.3
_NOISE_FLOOR = 1e-3
_MOST_GROWTH_OF_NONE = 1.25
_WIDEST_EXPONENT, _CLOSE_TO_WHOLE = 0.5, 0.1
_COARSE = np.arange(0.02, 4.5, 0.04)
_FINE = np.arange(0.02, 5.0, 0.01)
_NEAR = np.geomspace(1e-5, 0.015, 30)
_HALF_95 = 1.96


@dataclass(frozen=True, slots=True)
class Growth:
    """A growth law with its doubt.

    `law` is "1", "log n", "n", "n log n", "n^2", "n^3", "power" or "cannot tell" (then `reason` says why, and what would
    tell). `exponent` and its 95 % `interval` (NaN below three sizes) are those of c0 + c1 n^p where the law is such a power,
    otherwise the slope on log-log axes. `probability` is the confidence with which `rival`, the next likely law, is
    excluded. The cost is `fixed` + `factor` g(n); `sizes` is how many sizes it is based on; `basis` is the clock of a time,
    "cpu" or "wall", "" of anything else.
    """

    law: str
    exponent: float
    interval: tuple[float, float]
    probability: float
    reason: str = ""
    rival: str = ""
    fixed: float = math.nan
    factor: float = math.nan
    sizes: int = 0
    basis: str = ""

    def predict(self, n: float) -> float:
        """The cost at this size by the law, in the unit of the values; NaN where the law is "cannot tell"."""
        if self.law == CANNOT_TELL:
            return math.nan
        shape = n**self.exponent if self.law == POWER else float(LAWS[self.law](np.asarray(float(n))))
        return self.fixed + self.factor * shape


@dataclass(frozen=True, slots=True)
class _Fit:
    """A law fitted to each of several rows of values: mean squares of relative errors, what it predicts, its exponents."""

    square: Vector
    predicted: Vector
    fixed: Vector
    factor: Vector
    exponent: Vector


def growth_of_time(frame: pd.DataFrame) -> Growth | None:
    """The law of the seconds of a run in a `Bench.frame`, at the fewest workers of the first executor; None below two sizes.

    It is the law of CPU time where every point of that series is read on it (`basis`), of wall time otherwise.
    """
    series = _series(frame, "wall_s")
    if series is None:
        return None
    clock = "cpu" if "basis" in series and (series["basis"] == "cpu").all() else "wall"
    values, low, high = (series[f"{clock}_{name}s"].astype(float).to_list() for name in ("", "low_", "high_"))
    growth = fit_growth(series["size"].astype(float).to_list(), values, list(zip(low, high, strict=True)))
    return replace(growth, basis=clock)


def growth_of_memory(frame: pd.DataFrame) -> Growth | None:
    """The law of the peak bytes in a `Bench.frame`, as `growth_of_time`; they are of one run per size."""
    series = _series(frame, "peak_bytes")
    if series is None:
        return None
    return fit_growth(series["size"].astype(float).to_list(), series["peak_bytes"].astype(float).to_list())


def _series(frame: pd.DataFrame, cost: str) -> pd.DataFrame | None:
    usable = frame[frame["size"].notna() & frame[cost].notna()]
    if usable["size"].nunique() < 2:
        return None
    first = usable.sort_values("workers", kind="stable").iloc[0]
    return at_point(usable, {name: first[name] for name in without("size")})


def fit_growth(
    sizes: Sequence[float], values: Sequence[float], intervals: Sequence[tuple[float, float]] | None = None
) -> Growth:
    """The law by which positive values (seconds, bytes) grow with sizes; repeated sizes are replicates.

    `intervals` are the 95 % intervals of the values: where they are given, a value without one takes no part. Each law
    c0 + c1 g(n) is fitted by non-negative least squares on relative errors, beside the powers c0 + c1 n^p; the corrected
    Akaike criterion (Hurvich and Tsai 1989) chooses. The law is named only if each rival is rejected by a bootstrap of
    points (the Monte Carlo test of non-nested models of Williams, Discrimination between regression models, 1970): values are
    drawn around the rival, as far from it as the measured ones are, so that noise which all replicates of a point share
    counts; fewer than 5 % of the draws may favour the law as much as the measured values do. A law that is a power must also
    lie in the interval of the exponent p (by its profile), and "1" needs an interval of the slope within a growth of 25 %.
    At least six sizes over a factor of eight are needed; over three decades are better.
    """
    n, points, doubt = _points(sizes, values, intervals)
    slope, slope_interval = _slope(n, points, doubt)
    if reason := _too_little(n, len(n) if intervals is None else len(set(sizes))):
        return Growth(CANNOT_TELL, slope, slope_interval, 0.0, reason, sizes=len(n))
    floor = _NOISE_FLOOR**2 + doubt**2
    fits = {law: _fit(law, n, points[np.newaxis]) for law in (*LAWS, POWER)}
    best = min(fits, key=lambda law: _criterion(law, float(fits[law].square[0]) + floor, len(n)))
    fit = fits[best]
    is_power = best in (*_EXPONENTS, POWER)
    exponent, interval = _exponent(n, points, floor) if is_power else (slope, slope_interval)
    rivals = _rivals(best, fits, n, floor)
    rival = max(rivals, key=lambda law: (rivals[law], -float(fits[law].square[0])), default="")
    reason = _too_far(fit, points) or _too_alike(best, rivals) or _too_vague(best, exponent, interval, n)
    if reason:
        return Growth(CANNOT_TELL, slope, slope_interval, 0.0, reason, sizes=len(n))
    probability = 1 - rivals.get(rival, _LEVEL / 2)
    return Growth(best, exponent, interval, probability, "", rival, float(fit.fixed[0]), float(fit.factor[0]), len(n))


def _points(
    sizes: Sequence[float], values: Sequence[float], intervals: Sequence[tuple[float, float]] | None
) -> tuple[Vector, Vector, float]:
    """The sizes, the median at each, and the standard error of such a median as a fraction; 0.0 where it is not known."""
    n, y = np.asarray(sizes, float), np.asarray(values, float)
    usable = np.isfinite(y) & (y > 0) & (n > 0)
    errors = np.zeros_like(y)
    if intervals is not None:
        ends = np.asarray(intervals, float).reshape(-1, 2)
        usable &= np.isfinite(ends).all(axis=1)
        errors[usable] = (ends[usable, 1] - ends[usable, 0]) / 2 / y[usable] / _HALF_95
    found = np.unique(n[usable])
    groups = [usable & (n == size) for size in found]
    if intervals is None:
        estimates = [estimate_median(y[group].tolist()) for group in groups]
        known = [estimate.precision / _HALF_95 for estimate in estimates if estimate.low == estimate.low]
        return found, np.array([estimate.value for estimate in estimates]), _mean_square_root(known)
    medians = np.array([float(np.median(y[group])) for group in groups])
    return found, medians, _mean_square_root([float(np.median(errors[group])) for group in groups])


def _mean_square_root(errors: Sequence[float]) -> float:
    return math.sqrt(sum(error**2 for error in errors) / len(errors)) if errors else 0.0


def _slope(n: Vector, values: Vector, doubt: float) -> tuple[float, tuple[float, float]]:
    """The slope on log-log axes with its 95 % interval from the residuals of the points; NaN where there are too few."""
    if len(n) < 2:
        return math.nan, (math.nan, math.nan)
    x, y = np.log(n) - np.log(n).mean(), np.log(values) - np.log(values).mean()
    slope = float(x @ y / (x @ x))
    if len(n) < 3:
        return slope, (math.nan, math.nan)
    left = y - slope * x
    variance = max(float(left @ left) / (len(n) - 2), _NOISE_FLOOR**2 + doubt**2)
    half = _student(len(n) - 2) * math.sqrt(variance / float(x @ x))
    return slope, (slope - half, slope + half)


def _exponent(n: Vector, values: Vector, floor: float) -> tuple[float, tuple[float, float]]:
    """The exponent p of c0 + c1 n^p with its 95 % interval: the p whose squares an F test does not tell from the least.

    The ends are the next exponents tried beyond those, so that the interval is rather too wide than too narrow.
    """
    best, width = float(_fit(POWER, n, values[np.newaxis]).exponent[0]), 0.04
    for _ in range(8):
        near = np.maximum(np.linspace(best - width, best + width, 21), 1e-3)
        best, width = float(near[np.argmin(_squares(n, values, near))]), width / 8
    tried = np.unique(np.concatenate([_FINE, best - _NEAR, [best], best + _NEAR]))
    squares = _squares(n, values, tried) + floor
    free = len(n) - 3
    alike = np.flatnonzero(squares <= squares.min() * (1 + _student(free) ** 2 / free))
    return best, (float(tried[max(alike[0] - 1, 0)]), float(tried[min(alike[-1] + 1, len(tried) - 1)]))


def _squares(n: Vector, values: Vector, exponents: Vector) -> Vector:
    shapes = (n / n[-1]) ** exponents[:, np.newaxis]
    return _fit_shape(shapes, np.broadcast_to(values, shapes.shape)).square


def _rivals(best: str, fits: dict[str, _Fit], n: Vector, floor: float) -> dict[str, float]:
    """By rival of the best law how likely values around it favour the best law as much as the measured ones do.

    Laws that contain the best one are no rivals here: every law contains "1", and the powers contain n, n^2 and n^3.
    """
    if best == "1":
        return {}
    found = {}
    for rival, fit in fits.items():
        if rival == best or (rival == POWER and best in _EXPONENTS):
            continue
        random = np.random.default_rng(0)
        free = max(len(n) - _parameters(rival), 1)
        spread = math.sqrt(max(float(fit.square[0]) * len(n) / free, floor))
        draws = fit.predicted * np.exp(spread * random.standard_normal((_DRAWS, len(n))))
        measured = _advantage(fits[best], fit, floor)[0]
        drawn = _advantage(_fit(best, n, draws), _fit(rival, n, draws), floor)
        found[rival] = float(np.mean(drawn >= measured - 1e-12))
    return found


def _advantage(fit: _Fit, rival: _Fit, floor: float) -> Vector:
    return np.asarray(np.log(rival.square + floor) - np.log(fit.square + floor))


def _too_little(n: Vector, measured: int) -> str:
    needed = f"{FEWEST_SIZES} or more are needed"
    if measured < FEWEST_SIZES:
        return f"{measured} size{'' if measured == 1 else 's'} measured, {needed}"
    if len(n) < FEWEST_SIZES:
        has = "has" if len(n) == 1 else "have"
        return f"{len(n)} of {measured} sizes {has} an interval, {needed}: raise the budget"
    if n[-1] / n[0] < _SMALLEST_SPAN:
        return f"the sizes span a factor of {n[-1] / n[0]:.1f}, {_SMALLEST_SPAN} or more is needed"
    return ""


def _too_far(fit: _Fit, values: Vector) -> str:
    """Where even the best law misses the values by a lot, it is none: a relative error is never below -1, so that a law
    far below most of the values looks better than one among them.
    """
    missed = float(np.median(np.abs(fit.predicted[0] / values - 1)))
    return f"no law fits: the best one misses by {missed:.0%}" if missed > _WORST_FIT else ""


def _too_alike(best: str, rivals: dict[str, float]) -> str:
    left = sorted((law for law in rivals if rivals[law] > _LEVEL), key=lambda law: -rivals[law])
    if not left:
        return ""
    names = ["a power" if law == POWER else law for law in (best, left[0])]
    return f"{' and '.join(names)} fit alike; more sizes, a wider range or a longer budget would tell"


def _too_vague(best: str, exponent: float, interval: tuple[float, float], n: Vector) -> str:
    """Why a law that no rival beats is not named: its exponent is too uncertain, or disagrees with it."""
    low, high = interval
    if best == "1":
        most = float(n[-1] / n[0]) ** high
        if low > 0:
            return "it grows, but no law fits better than none"
        if high < 0:
            return "it falls as the size grows"
        return "" if most <= _MOST_GROWTH_OF_NONE else f"a growth by a factor of up to {most:.2g} may be noise or not"
    if best not in (*_EXPONENTS, POWER):
        return ""
    if high - low > _WIDEST_EXPONENT:
        return f"n^{low:.2f} to n^{high:.2f} fit alike; more sizes, a wider range or a longer budget would tell"
    if best in _EXPONENTS and not low <= _EXPONENTS[best] <= high:
        return f"{best} fits best, but exponents of {low:.2f} to {high:.2f} fit better"
    whole = max(round(exponent), 1)
    if best == POWER and abs(exponent - whole) < _CLOSE_TO_WHOLE:
        law = next(law for law, of in _EXPONENTS.items() if of == min(whole, 3))
        return f"n^{exponent:.2f} is close to {law}, but not the same"
    return ""


def _criterion(law: str, square: float, count: int) -> float:
    """Hurvich and Tsai's criterion."""
    used = _parameters(law) + 1
    return count * math.log(square) + 2 * used + 2 * used * (used + 1) / max(count - used - 1, 0.5)


def _parameters(law: str) -> int:
    return {"1": 1, POWER: 3}.get(law, 2)


def _fit(law: str, n: Vector, values: Vector) -> _Fit:
    """The law fitted to each row of values."""
    if law != POWER:
        shape = LAWS[law](n)
        scale = float(np.max(shape)) or 1.0
        fit = _fit_shape(np.broadcast_to(shape / scale, values.shape), values)
        return _Fit(fit.square, fit.predicted, fit.fixed, fit.factor / scale, fit.exponent)
    rows, tried = len(values), len(_COARSE)
    shapes = (n / n[-1]) ** _COARSE[:, np.newaxis]
    fit = _fit_shape(np.tile(shapes, (rows, 1)), np.repeat(values, tried, axis=0))
    chosen = np.arange(rows) * tried + np.argmin(fit.square.reshape(rows, tried), axis=1)
    exponent = _COARSE[chosen % tried]
    return _Fit(fit.square[chosen], fit.predicted[chosen], fit.fixed[chosen], fit.factor[chosen] / n[-1] ** exponent, exponent)


def _fit_shape(shapes: Vector, values: Vector) -> _Fit:
    """Rows of values by rows of shapes: c0 + c1 shape with the least relative errors."""
    fixed, factor = _non_negative(1 / values, shapes / values)
    predicted = fixed[:, np.newaxis] + factor[:, np.newaxis] * shapes
    square = np.mean((predicted / values - 1) ** 2, axis=1)
    return _Fit(square, predicted, fixed, factor, np.full(len(values), np.nan))


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


def _student(free: int) -> float:
    """How many standard errors a 95 % interval reaches to either side, by Student's t."""
    from scipy.special import stdtrit  # here, because it takes a third of a second to load

    return float(stdtrit(free, 0.975))
