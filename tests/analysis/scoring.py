"""What a bench says of a synthetic sweep, against what is true of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from synthetic import Sweep, make_sweep

from pocket_lab.analysis.advice import Advice
from pocket_lab.analysis.growth import CANNOT_TELL, FEWEST_SIZES
from pocket_lab.analysis.reasons import ENOUGH, Kind
from pocket_lab.frames.points import point_of
from pocket_lab.lab.bench import Bench
from pocket_lab.records.point import Point

WAITING = 0.1


@dataclass(frozen=True, slots=True)
class Score:
    """A sweep: what was said of it, and what of that is wrong, as text ("" where nothing is).

    `could_name` and `could_advise` are whether silence would be a fault: the machine was as usual, and there were enough
    rounds and sizes, or worker counts that differ by more than the precision.
    """

    seed: int
    workload: str
    machine: str
    law: str
    named: str
    wrong_law: str
    has_advice: bool
    wrong_advice: str
    wrong_reason: str
    intervals: int
    missed: int
    has_noise: bool
    missed_noise: bool
    could_name: bool
    could_advise: bool


def score(seed: int) -> Score:
    """The sweep of a seed on the real way from records to what is said."""
    sweep = make_sweep(seed)
    bench = Bench("synthetic", sweep.records)
    growth = bench.growth if sweep.law else None
    named = "" if growth is None or growth.law == CANNOT_TELL else growth.law
    advice = None if sweep.law else bench.advice
    is_advice = isinstance(advice, Advice)
    intervals, missed = _speedups(bench, sweep)
    return Score(
        seed=seed,
        workload=sweep.workload,
        machine=sweep.machine,
        law=sweep.law,
        named=named,
        wrong_law=f"{sweep.law} called {named}" if named not in ("", sweep.law) else "",
        has_advice=is_advice,
        wrong_advice=wrong_advice(advice, sweep) if isinstance(advice, Advice) else "",
        wrong_reason=wrong_reason(advice, sweep) if isinstance(advice, Advice) else "",
        intervals=intervals,
        missed=missed,
        has_noise=bench.noise is not None,
        missed_noise=bench.noise is not None and not bench.noise.low <= 1 / sweep.twin <= bench.noise.high,
        could_name=bool(sweep.law) and sweep.is_well_measured and len(sweep.work) >= FEWEST_SIZES,
        could_advise=not sweep.law and sweep.is_well_measured,
    )


def wrong_advice(advice: Advice, sweep: Sweep) -> str:
    """How an advice contradicts the truth: its throughput is below 95 % of the best, or fewer workers reach that.

    An advice is given only where the intervals exclude both, so that it has no interval beyond which it may be wrong. It is
    about the points that were visited; how fast the others are nobody knows, and its sentence says so.
    """
    visited = [point for point in sweep.work if point not in sweep.unvisited]
    chosen = next(point for point in visited if (point.workers, point.executor) == (advice.workers, advice.executor))
    best = max(sweep.throughput(point) for point in visited)
    share = sweep.throughput(chosen) / best
    if share < ENOUGH:
        return f"{_name(chosen)} reaches {share:.1%} of the best throughput"
    for point in visited:
        if point.workers < chosen.workers and sweep.throughput(point) >= ENOUGH * best:
            return f"{_name(point)} reaches {sweep.throughput(point) / best:.1%} with fewer workers than {_name(chosen)}"
    return ""


def wrong_reason(advice: Advice, sweep: Sweep) -> str:
    """How a reason contradicts the truth: a wait of work that never waits, more cores or a lock of work that mostly waits."""
    single = next(work for point, work in sweep.work.items() if point.workers == 1)
    for reason in advice.reasons:
        if reason.kind is Kind.WAITS and single.waiting < WAITING:
            return "one worker never waits"
        if reason.kind in (Kind.CORES, Kind.LOCK) and single.waiting > 1 - WAITING:
            return f"{reason.kind.name.lower()}, and one worker waits {single.waiting:.0%}"
    return ""


def _speedups(bench: Bench, sweep: Sweep) -> tuple[int, int]:
    """How many speed-ups have an interval, and how many of these miss the true one."""
    found = missed = 0
    for row in bench.frame.to_dict("records"):
        if math.isnan(row["speedup_low"]):
            continue
        point = point_of(row)
        series = [other for other in sweep.work if (other.size, other.executor) == (point.size, point.executor)]
        base = _baseline(series, round(row["efficiency"] * point.workers / row["speedup"]))
        truth = sweep.throughput(point) / sweep.throughput(base)
        found += 1
        missed += not row["speedup_low"] <= truth <= row["speedup_high"]
    return found, missed


def _baseline(series: list[Point], workers: int) -> Point:
    return next(point for point in series if point.workers == workers)


def _name(point: Point) -> str:
    return f"{point.executor} x {point.workers}"
