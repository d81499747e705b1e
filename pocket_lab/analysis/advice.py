"""How many workers of which kind, where the data can tell."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd

from pocket_lab.analysis.precision import remedy_of
from pocket_lab.analysis.reasons import ENOUGH, Candidate, Reason, reasons_for
from pocket_lab.analysis.scaling import Throughputs, throughput_ratio
from pocket_lab.frames.points import point_of

_NEARLY = 0.9
_CLEARLY_SLOWER = 0.8


@dataclass(frozen=True, slots=True)
class Advice:
    """The fewest workers that reach 95 % of the best throughput at a size, on the executor that is fastest with so many.

    `reasons` are what was measured and supports the choice; none where the cause is not known. `size` is None where only one
    size was measured. `is_partial` if other points of the size have no interval, and therefore took no part: they were not
    visited, or clearly slower.
    """

    chosen: Candidate
    size: int | None
    reasons: tuple[Reason, ...]
    is_partial: bool = False
    params: str = ""

    @property
    def workers(self) -> int:
        """The worker count to use."""
        return self.chosen.workers

    @property
    def executor(self) -> str:
        """The executor to use."""
        return self.chosen.executor

    @property
    def speedup(self) -> float:
        """The speed-up of the choice against the fewest workers of its executor."""
        return self.chosen.speedup


@dataclass(frozen=True, slots=True)
class Undecided:
    """The intervals do not tell whether the candidate reaches 95 % of the throughput of its rival.

    `is_near` if it reaches 90 % of all others for certain. `remedy` is what may narrow the intervals.
    """

    candidate: Candidate
    rival: Candidate
    size: int | None
    is_near: bool
    remedy: str
    params: str = ""


def advise_workers(frame: pd.DataFrame, throughputs: Throughputs, cores: int | None = None) -> Advice | Undecided | None:
    """The fewest workers within 5 % of the best throughput, at the largest size of a `Bench.frame` at which there is a choice.

    Only points with an interval take part. A point is enough if the upper ends of the ratios of all others to it, within
    rounds (`throughput_ratio`), are below 1 / 0.95; it is too slow if the lower end of one is above that. The advice is
    the fewest workers that are not too slow, if they are enough, else undecided. It is undecided, too, where a point without
    an interval was not clearly slower in the rounds that it has. None where fewer than two points take part.
    `cores` are those that the target may use, where known. Of several combinations of parameters it is the advice for the one
    that is fastest at the largest size.
    """
    usable = _usable(frame, throughputs)
    if "params" in usable and usable["params"].nunique() > 1:  # of the combination that is fastest at the largest size
        largest = usable[usable["size"].isna() | (usable["size"] == usable["size"].max())]
        best = largest["params"].loc[largest["throughput_per_s"].idxmax()]
        frame, usable = frame[frame["params"] == best], usable[usable["params"] == best]
        advised = _advise(frame, usable, throughputs, cores)
        return None if advised is None else replace(advised, params=str(best))
    return _advise(frame, usable, throughputs, cores)


def _advise(
    frame: pd.DataFrame, usable: pd.DataFrame, throughputs: Throughputs, cores: int | None
) -> Advice | Undecided | None:
    """The advice for points that differ in sizes, executors and workers only."""
    by_size = {size: rows for size, rows in usable.groupby("size", dropna=False) if len(rows) > 1}
    if not by_size:
        return None
    rows = list(by_size.values())[-1]
    candidates = [Candidate.of(row) for row in rows.to_dict("records")]
    size = candidates[0].point.size if frame["size"].nunique() > 1 else None
    enough, too_slow = 1 / ENOUGH, set[Candidate]()
    highest: dict[Candidate, tuple[float, Candidate]] = {}
    for candidate in candidates:
        for other in candidates:
            if other == candidate:
                continue
            ratio = throughput_ratio(other.point, candidate.point, throughputs)
            high = ratio.high if ratio.high == ratio.high else float("inf")
            highest[candidate] = max(highest.get(candidate, (0.0, other)), (high, other), key=lambda pair: pair[0])
            if ratio.low > enough:
                too_slow.add(candidate)
    left = [candidate for candidate in candidates if candidate not in too_slow]
    if not left:
        return None
    fewest = [candidate for candidate in left if candidate.workers == min(one.workers for one in left)]
    chosen = max(fewest, key=lambda one: (highest[one][0] <= enough, one.throughput_per_s))
    high, rival = highest[chosen]
    sized = frame if size is None else frame[frame["size"] == size]
    if high > enough:
        return Undecided(chosen, rival, size, high <= 1 / _NEARLY, remedy_of(rows["status"]))
    left_out = sized[~sized.index.isin(rows.index) & (sized["status"] != "failed")]
    seen = left_out[left_out["throughput_per_s"] > _CLEARLY_SLOWER * chosen.throughput_per_s]
    if len(seen):
        return Undecided(
            chosen,
            Candidate.of(seen.sort_values("throughput_per_s").iloc[-1].to_dict()),
            size,
            False,
            remedy_of(seen["status"]),
        )
    whole = {one.executor for one in candidates} - set(left_out["executor"])
    reasons = reasons_for(chosen, candidates, throughputs, whole, cores)
    return Advice(chosen, size, reasons, is_partial=len(left_out) > 0)


def _usable(frame: pd.DataFrame, throughputs: Throughputs) -> pd.DataFrame:
    """The points that have an interval, of the first target and drive, in the order of their workers."""
    has_rounds = pd.Series([point_of(row) in throughputs for row in frame.to_dict("records")], index=frame.index, dtype=bool)
    has_interval = frame["wall_low_s"].notna() & frame["wall_high_s"].notna() & has_rounds
    usable = frame[has_interval & (frame["status"] != "failed") & frame["rate"].isna() & (frame["throughput_per_s"] > 0)]
    return usable.sort_values("workers", kind="stable")
