"""The findings and caveats of a bench in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from pocket_lab.analysis.growth import CANNOT_TELL, Growth
from pocket_lab.analysis.noise import Noise
from pocket_lab.analysis.precision import Precision, count_outliers
from pocket_lab.frames.points import location_in, point_of
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.environment import Environment
from pocket_lab.records.point import Point, describe
from pocket_lab.stats.median_interval import FEWEST, FEWEST_TO_STOP
from pocket_lab.units import format_percent
from pocket_lab.view.text.point_cells import params_words
from pocket_lab.view.text.table import shorten

_MOST_NODES = _MOST_POINTS = 3
_NARROW_EXPONENT = 0.02
_MOST_CONFIDENCE = 0.99


def growth_sentence(growth: Growth, quantity: str = "time") -> str:
    """The growth law of a quantity with its exponent and the next likely law, or why it cannot be determined."""
    clock = {"cpu": "CPU time", "wall": "wall time"}.get(growth.basis, quantity)
    low, high = growth.interval
    at = f" at {params_words(growth.params)}" if growth.params else ""
    has_interval = low == low
    digits = 3 if high - low < _NARROW_EXPONENT else 2
    exponent = f"{growth.exponent:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"
    if growth.law == CANNOT_TELL:
        slope = f"; log-log slope of {clock} {exponent}" if has_interval else ""
        return f"Growth{'' if quantity == 'time' else f' of {quantity}'}{at}: cannot tell ({growth.reason}){slope}."
    based = f"{growth.sizes} sizes{'' if growth.basis or quantity == 'time' else ', one run per size'}"
    if growth.law == "1":
        return f"Growth{at}: {clock} does not grow with the size (log-log slope {exponent}; {based})."
    name = f"n^{growth.exponent:.2f}" if growth.law == "power" else growth.law
    measure = "log-log slope" if growth.law in ("log n", "n log n") else "a fixed cost plus n^p, p ="
    rival = "a power of n" if growth.rival == "power" else growth.rival
    confidence = min(growth.probability, _MOST_CONFIDENCE)
    excluded = f"the next likely law, {rival}, is excluded at {format_percent(confidence)}"
    return f"Growth{at}: {clock} grows like {name} ({measure} {exponent}; {based}; {excluded})."


def noise_sentence(noise: Noise, point: Point, is_fastest: bool, clock: str = "wall") -> str:
    """The A/A comparison inside a sweep; `is_fastest` if its point is the fastest of several."""
    low, high = ((end - 1) * 100 for end in (noise.low, noise.high))
    which = ", the fastest point," if is_fastest else ""
    of_time = " of CPU time" if clock == "cpu" else ""
    return (
        f"Noise floor {format_percent(noise.floor)}{of_time}: {describe(point)}{which} was built twice and measured "
        f"alternately, and differs from itself by {(noise.ratio - 1) * 100:+.1f} % ({low:+.1f} … {high:+.1f} %)."
    )


def metric_sentences(metrics: pd.DataFrame) -> list[str]:
    """The metrics of the last point, which is usually the largest one."""
    if metrics.empty:
        return []
    last = metrics.groupby(["node", "name"], sort=False).tail(1)
    texts = [
        f"{row['name']} of {row['node']} {row['value']:.4g}{'' if row['unit'] == '1' else ' ' + row['unit']}"
        for row in last.to_dict("records")
    ]
    return [f"Metrics at the last point: {', '.join(texts)} (all of them in .metrics)."]


def node_sentences(nodes: pd.DataFrame) -> list[str]:
    """The most expensive nodes at one of the largest points that were traced, with the intervals of their shares."""
    nodes = nodes[nodes["share"].notna()]
    if nodes["node"].nunique() < 2:
        return []
    by_size = nodes.sort_values("size", kind="stable")
    _, last = list(by_size.groupby(location_in(by_size), dropna=False, sort=False))[-1]
    expensive = last.sort_values("share", ascending=False).head(_MOST_NODES)
    texts = [f"{shorten(row['node'])} {_share(row)}" for row in expensive.to_dict("records")]
    where, count = describe(point_of(last.iloc[-1].to_dict())), int(expensive["runs"].min())
    runs = f"{count} separate runs" if count > 1 else "one separate run"
    few = ", too few for an interval" if expensive["share_low"].isna().any() else ""
    return [f"Nodes, from {runs} with spans at {where}{few}: {', '.join(texts)} of their time (all of them in .nodes)."]


def _share(row: Mapping[Any, Any]) -> str:
    interval = "" if pd.isna(row["share_low"]) else f" [{100 * row['share_low']:.0f}, {100 * row['share_high']:.0f}]"
    return f"{format_percent(row['share'])}{interval}"


def precision_caveats(precision: Precision, environment: Environment | None, most_workers: int) -> list[Caveat]:
    """Points without figures, with too few samples or too wide intervals, and more workers than cores."""
    found = []
    remedy = f": {precision.remedy}" if precision.remedy else ""
    if some := precision.first_run:
        which, has = _counted(some, precision.points)
        message = f"{which} {has} only a first run, which may load or compile something, and therefore no figures{remedy}"
        found.append(Caveat("first-run", f"{message} ({_listed(some)})", _only(some)))
    if some := precision.without_interval:
        which, has = _counted(some, precision.points)
        message = f"{which} {has} fewer than {FEWEST} samples and therefore no interval and no part in the findings{remedy}"
        found.append(Caveat("no-interval", f"{message} ({_listed(some)})", _only(some)))
    if some := precision.thin:
        which, has = _counted(some, precision.points)
        interval = "its interval" if len(some) == 1 else "their intervals"
        found.append(
            Caveat("thin", f"{which} {has} fewer than {FEWEST_TO_STOP} samples: {interval} may be too narrow", _only(some))
        )
    if some := precision.imprecise:
        which, _ = _counted(some, precision.points)
        found.append(Caveat("imprecise", f"the budget ended before {which} reached the requested precision", _only(some)))
    if environment is not None and most_workers > environment.cores:
        cores = "the only core" if environment.cores == 1 else f"the {environment.cores} cores"
        found.append(Caveat("few-cores", f"more workers than {cores} that the measuring process may use"))
    return found


def _counted(some: Sequence[Point], points: int) -> tuple[str, str]:
    """How many of all points, with the verb that follows."""
    if points == 1:
        return "the only point", "has"
    if len(some) == points:
        return "both points" if points == 2 else f"all {points} points", "have"
    return f"{len(some)} of {points} points", "has" if len(some) == 1 else "have"


def _listed(points: Sequence[Point]) -> str:
    more = f"; {len(points) - _MOST_POINTS} more" if len(points) > _MOST_POINTS else ""
    return "; ".join(describe(point) for point in points[:_MOST_POINTS]) + more


def _only(points: Sequence[Point]) -> Point | None:
    """The point that a caveat is about, if it is a single one."""
    return points[0] if len(points) == 1 else None


def outlier_caveats(samples: pd.DataFrame) -> list[Caveat]:
    """How many of the batches are far from the others, if they are many."""
    severe, batches = count_outliers(samples)
    if not severe:
        return []
    are, they = ("is a severe outlier", "it is") if severe == 1 else ("are severe outliers", "they are")
    message = f"{severe} of {batches} batches {are}: {they} kept, and the median is barely affected"
    return [Caveat("outliers", message)]
