"""How a cost grows with its input: the growth law, or "cannot tell"."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from pocket_lab.analysis.precision import remedy_of
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
_DRAWS = 200
_LEVEL = 0.05
_WORST_FIT = 0.3
_NOISE_FLOOR, _LARGEST_NOISE = 1e-3, 3.0
_MOST_GROWTH_OF_NONE = 1.25
_WIDEST_EXPONENT, _CLOSE_TO_WHOLE = 0.5, 0.1
_EXPONENTS_TRIED = np.arange(0.1, 4.6, 0.1)
_FINEST = 9
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
    params: str = ""

    def predict(self, n: float) -> float:
        """The cost at this size by the law, in the unit of the values; NaN where the law is "cannot tell"."""
        if self.law == CANNOT_TELL:
            return math.nan
        shape = n**self.exponent if self.law == POWER else float(LAWS[self.law](np.asarray(float(n))))
        return self.fixed + self.factor * shape


@dataclass(frozen=True, slots=True)
class _Points:
    """The sizes, the value at each, and the standard errors of the values as fractions; 0.0 where none is known."""

    n: Vector
    values: Vector
    errors: Vector

    @property
    def scale(self) -> Vector:
        """How uncertain each value is, as a multiple of a usual one.

        Noise that all replicates of a point share is in no standard error, so that a value of a tenth of the usual error is
        not ten times as good: half the usual error is added to each.
        """
        usual = float(np.median(self.errors**2)) + _NOISE_FLOOR**2
        return np.asarray(np.sqrt((self.errors**2 + usual / 4) / (usual * 5 / 4)))

    @property
    def floor(self) -> float:
        """The mean square of relative errors, as multiples of the scale, that the standard errors explain."""
        return float(np.mean((self.errors / self.scale) ** 2)) + _NOISE_FLOOR**2


@dataclass(frozen=True, slots=True)
class _Fit:
    """A law fitted to each of several rows of values: mean squares of scaled relative errors, its values, exponents."""

    square: Vector
    predicted: Vector
    fixed: Vector
    factor: Vector
    exponent: Vector


def growth_of_time(frame: pd.DataFrame) -> Growth | None:
    """The law of the seconds of a run in a `Bench.frame`, at the fewest workers of the first executor; None below two sizes.

    Points that failed are no sizes; those with nothing but a first run are sizes without an interval. It is the law of CPU
    time where every point of that series is read on it (`basis`), of wall time otherwise.
    """
    series = _series(frame[frame["status"] != "failed"])
    if series is None:
        return None
    measured = series[series["wall_s"].notna()]
    clock = "cpu" if "basis" in series and len(measured) and (measured["basis"] == "cpu").all() else "wall"
    values, low, high = (series[f"{clock}_{name}s"].astype(float).to_list() for name in ("", "low_", "high_"))
    intervals = list(zip(low, high, strict=True))
    growth = fit_growth(series["size"].astype(float).to_list(), values, intervals, remedy_of(series[pd.isna(low)]["status"]))
    return replace(growth, basis=clock, params=_combination(frame, series))


def growth_of_memory(frame: pd.DataFrame) -> Growth | None:
    """The law of the peak bytes in a `Bench.frame`, as `growth_of_time`; they are of one run per size."""
    series = _series(frame[frame["peak_bytes"].notna()])
    if series is None:
        return None
    growth = fit_growth(series["size"].astype(float).to_list(), series["peak_bytes"].astype(float).to_list())
    return replace(growth, params=_combination(frame, series))


def _series(frame: pd.DataFrame) -> pd.DataFrame | None:
    usable = frame[frame["size"].notna()]
    if usable["size"].nunique() < 2:
        return None
    first = usable.sort_values("workers", kind="stable").iloc[0]
    return at_point(usable, {name: first[name] for name in without(usable, "size")})


def _combination(frame: pd.DataFrame, series: pd.DataFrame) -> str:
    """The combination of parameters of a series, as in `params`; "" where there is only one."""
    return str(series["params"].iloc[0]) if "params" in frame and frame["params"].nunique() > 1 else ""


def fit_growth(
    sizes: Sequence[float],
    values: Sequence[float],
    intervals: Sequence[tuple[float, float]] | None = None,
    remedy: str = "",
) -> Growth:
    """The law by which positive values (seconds, bytes) grow with sizes; repeated sizes are replicates.

    `intervals` are the 95 % intervals of the values: where they are given, a value without one takes no part, and `remedy`
    says what would give it one. Each law
    c0 + c1 g(n) is fitted by non-negative least squares on relative errors, those of uncertain values with less weight,
    beside the powers c0 + c1 n^p; the corrected Akaike criterion (Hurvich and Tsai 1989) chooses. The law is named only if
    each rival is rejected by a bootstrap of points (the Monte Carlo test of non-nested models of Williams, Discrimination
    between regression models, 1970): values are drawn around the rival, as far from it as the measured ones are, so that
    noise which all replicates of a point share counts; fewer than 5 % of the draws may favour the law as much as the
    measured values do. A law that is a power must also lie in the interval of the exponent p (by its profile), and "1" needs
    an interval of the slope within a growth of 25 %. At least six sizes over a factor of eight are needed; over three
    decades are better.
    """
    points = _points(sizes, values, intervals)
    n = points.n
    slope, slope_interval = _slope(points)
    if reason := _too_little(n, len(n) if intervals is None else len(set(sizes)), remedy):
        return Growth(CANNOT_TELL, slope, slope_interval, 0.0, reason, sizes=len(n))
    fits = {law: _fit(law, points, points.values[np.newaxis], _FINEST) for law in (*LAWS, POWER)}
    best = min(fits, key=lambda law: _criterion(law, float(fits[law].square[0]) + points.floor, len(n)))
    is_power = best in (*_EXPONENTS, POWER)
    exponent, interval = _exponent(points, float(fits[POWER].exponent[0])) if is_power else (slope, slope_interval)
    fit, rivals = fits[best], _rivals(best, fits, points)
    rival = max(rivals, key=lambda law: (rivals[law], -float(fits[law].square[0])), default="")
    more = "more sizes or a wider range would tell"
    if intervals is not None:
        more = "more sizes, a wider range or narrower intervals would tell"
    reason = _too_far(fit, points.values) or _too_alike(best, rivals, more) or _too_vague(best, exponent, interval, n, more)
    if reason:
        return Growth(CANNOT_TELL, slope, slope_interval, 0.0, reason, sizes=len(n))
    probability = 1 - rivals.get(rival, _LEVEL / 2)
    return Growth(best, exponent, interval, probability, "", rival, float(fit.fixed[0]), float(fit.factor[0]), len(n))


def _points(sizes: Sequence[float], values: Sequence[float], intervals: Sequence[tuple[float, float]] | None) -> _Points:
    """The median at each size; without given intervals the error is that of the replicates, where they are enough for one."""
    n, y = np.asarray(sizes, float), np.asarray(values, float)
    usable = np.isfinite(y) & (y > 0) & (n > 0)
    if intervals is not None:
        ends = np.asarray(intervals, float).reshape(-1, 2)
        usable &= np.isfinite(ends).all(axis=1)
        half = (ends[:, 1] - ends[:, 0]) / 2
    found = np.unique(n[usable])
    groups = [usable & (n == size) for size in found]
    medians = np.array([float(np.median(y[group])) for group in groups])
    if intervals is None:
        errors = np.array([estimate_median(y[group].tolist()).precision for group in groups])
        errors = np.where(np.isnan(errors), np.median(errors[~np.isnan(errors)]) if np.isfinite(errors).any() else 0.0, errors)
    else:
        errors = np.array([float(np.median(half[group])) for group in groups]) / medians
    return _Points(found, medians, errors / _HALF_95)


def _slope(points: _Points) -> tuple[float, tuple[float, float]]:
    """The slope on log-log axes with its 95 % interval from the residuals of the points; NaN where there are too few."""
    if len(points.n) < 2:
        return math.nan, (math.nan, math.nan)
    weights = points.scale**-2.0
    x, y = (logs - np.average(logs, weights=weights) for logs in (np.log(points.n), np.log(points.values)))
    length, free = float(weights @ x**2), len(points.n) - 2
    slope = float(weights @ (x * y)) / length
    if free == 0:
        return slope, (math.nan, math.nan)
    variance = max(float(weights @ (y - slope * x) ** 2) / free, points.floor)
    half = _student(free) * math.sqrt(variance / length)
    return slope, (slope - half, slope + half)


def _exponent(points: _Points, best: float) -> tuple[float, tuple[float, float]]:
    """The best exponent p of c0 + c1 n^p with its 95 % interval: the p whose squares an F test does not tell from the least.

    The ends are the next exponents tried beyond those, so that the interval is rather too wide than too narrow.
    """
    tried = np.unique(np.concatenate([_FINE, best - _NEAR, [best], best + _NEAR]))
    shapes = (points.n / points.n[-1]) ** tried[:, np.newaxis]
    squares = _fit_shape(shapes, np.broadcast_to(points.values, shapes.shape), points.scale).square + points.floor
    free = len(points.n) - 3
    alike = np.flatnonzero(squares <= squares.min() * (1 + _student(free) ** 2 / free))
    return best, (float(tried[max(alike[0] - 1, 0)]), float(tried[min(alike[-1] + 1, len(tried) - 1)]))


def _rivals(best: str, fits: dict[str, _Fit], points: _Points) -> dict[str, float]:
    """By rival of the best law how likely values around it favour the best law as much as the measured ones do.

    Laws that contain the best one are no rivals here: every law contains "1", and the powers contain n, n^2 and n^3.
    """
    if best == "1":
        return {}
    found, count = {}, len(points.n)
    for rival, fit in fits.items():
        if rival == best or (rival == POWER and best in _EXPONENTS):
            continue
        free = max(count - _parameters(rival), 1)
        spread = math.sqrt(max(float(fit.square[0]) * count / free, points.floor)) * points.scale
        spread = np.minimum(spread, _LARGEST_NOISE)
        draws = fit.predicted * np.exp(spread * np.random.default_rng(0).standard_normal((_DRAWS, count)))
        measured = _advantage(fits[best], fit, points.floor)[0]
        drawn = _advantage(_fit(best, points, draws), _fit(rival, points, draws), points.floor)
        found[rival] = float(np.mean(drawn >= measured - 1e-12))
    return found


def _advantage(fit: _Fit, rival: _Fit, floor: float) -> Vector:
    return np.asarray(np.log(rival.square + floor) - np.log(fit.square + floor))


def _too_little(n: Vector, sizes: int, remedy: str) -> str:
    needed = f"{FEWEST_SIZES} or more are needed"
    if sizes < FEWEST_SIZES:
        return f"{sizes} size{'' if sizes == 1 else 's'}, {needed}"
    if len(n) < FEWEST_SIZES:
        has = "has" if len(n) == 1 else "have"
        return f"{len(n)} of {sizes} sizes {has} an interval, {needed}{f': {remedy}' if remedy else ''}"
    if n[-1] / n[0] < _SMALLEST_SPAN:
        return f"the sizes span a factor of {n[-1] / n[0]:.1f}, {_SMALLEST_SPAN} or more is needed"
    return ""


def _too_far(fit: _Fit, values: Vector) -> str:
    """Where even the best law misses the values by a lot, it is none: a relative error is never below -1, so that a law
    far below most of the values looks better than one among them.
    """
    missed = float(np.median(np.abs(fit.predicted[0] / values - 1)))
    return f"no law fits: the best one misses by {missed:.0%}" if missed > _WORST_FIT else ""


def _too_alike(best: str, rivals: dict[str, float], more: str) -> str:
    left = sorted((law for law in rivals if rivals[law] > _LEVEL), key=lambda law: -rivals[law])
    if not left:
        return ""
    names = ["a power" if law == POWER else law for law in (best, left[0])]
    return f"{' and '.join(names)} fit alike; {more}"


def _too_vague(best: str, exponent: float, interval: tuple[float, float], n: Vector, more: str) -> str:
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
        return f"n^{low:.2f} to n^{high:.2f} fit alike; {more}"
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


def _fit(law: str, points: _Points, values: Vector, zooms: int = 2) -> _Fit:
    """The law fitted to each row of values; the exponent of a power to 0.1 / 5 ^ zooms."""
    if law == POWER:
        return _fit_power(points, values, zooms)
    shape = LAWS[law](points.n)
    largest = float(np.max(shape)) or 1.0
    fit = _fit_shape(np.broadcast_to(shape / largest, values.shape), values, points.scale)
    return replace(fit, factor=fit.factor / largest)


def _fit_power(points: _Points, values: Vector, zooms: int) -> _Fit:
    n, rows = points.n, np.arange(len(values))
    tried, width = np.tile(_EXPONENTS_TRIED, (len(values), 1)), 0.1
    for zoom in range(zooms + 1):
        shapes = ((n / n[-1]) ** tried[:, :, np.newaxis]).reshape(-1, len(n))
        fit = _fit_shape(shapes, np.repeat(values, tried.shape[1], axis=0), points.scale)
        best = np.argmin(fit.square.reshape(tried.shape), axis=1)
        exponent, chosen = tried[rows, best], rows * tried.shape[1] + best
        if zoom < zooms:
            tried = np.maximum(exponent[:, np.newaxis] + np.linspace(-width, width, 11), 1e-3)
            width /= 5
    factor = fit.factor[chosen] / n[-1] ** exponent
    return _Fit(fit.square[chosen], fit.predicted[chosen], fit.fixed[chosen], factor, exponent)


def _fit_shape(shapes: Vector, values: Vector, scale: Vector) -> _Fit:
    """Rows of values by rows of shapes: c0 + c1 shape with the least relative errors, each as a multiple of its scale."""
    fixed, factor = _non_negative(1 / values / scale, shapes / values / scale, 1 / scale)
    predicted = fixed[:, np.newaxis] + factor[:, np.newaxis] * shapes
    square = np.mean(((predicted / values - 1) / scale) ** 2, axis=1)
    return _Fit(square, predicted, fixed, factor, np.full(len(values), np.nan))


def _non_negative(first: Vector, second: Vector, goal: Vector) -> tuple[Vector, Vector]:
    """For each row the a >= 0 and b >= 0 for which a * first + b * second is closest to the goal.

    Where a coefficient of the free least squares would be negative, the solution lies on a side: only first, or only second.
    """
    first_length, second_length = (np.maximum(np.linalg.norm(rows, axis=1), np.finfo(float).tiny) for rows in (first, second))
    u, v = first / first_length[:, np.newaxis], second / second_length[:, np.newaxis]
    on_u, on_v = u @ goal, v @ goal
    shared = (u * v).sum(axis=1)
    apart = v - shared[:, np.newaxis] * u
    squared = (apart**2).sum(axis=1)
    b = np.divide(apart @ goal, squared, out=np.zeros_like(squared), where=squared > 0)
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
