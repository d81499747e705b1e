"""Why so many workers of such a kind: only what was measured, and only what supports the choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from enum import Enum
from typing import Any

from pocket_lab.analysis.scaling import Throughputs, throughput_ratio
from pocket_lab.executors.registry import is_remote
from pocket_lab.frames.points import point_of
from pocket_lab.records.point import Point
from pocket_lab.stats.median_interval import NAN

ENOUGH = 0.95
_WORTH_HAVING = 1 / ENOUGH
_MUCH, _BUSY = 0.2, 0.8


class Kind(Enum):
    """What was measured; the values are the choice that it supports: more workers, no more of them, another executor."""

    WAITS = ("waits", "more")
    CORES = ("cores", "more")
    LOCK = ("lock", "not threads")
    QUEUED = ("queued", "no more")
    NO_GAIN = ("no gain", "no more")
    SLOWER = ("slower", "this executor")
    NO_FASTER = ("no faster", "this executor")

    @property
    def supports(self) -> str:
        """The choice that it supports."""
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Candidate:
    """The figures of a point that takes part; the shares are of the time of its workers, NaN where unknown.

    `busy` is CPU time per wall time. `low` and `high` are the interval of `speedup` over `base_workers` of the same executor,
    NaN at a baseline; all of them are unknown where the interval tells nothing.
    """

    point: Point
    throughput_per_s: float
    speedup: float
    low: float
    high: float
    base_workers: int
    busy: float
    waits: float
    queued: float

    @classmethod
    def of(cls, row: Mapping[Any, Any]) -> Candidate:
        """That of a row of a `Bench.frame`."""
        return cls(
            point=point_of(row),
            throughput_per_s=float(row["throughput_per_s"]),
            speedup=float(row["speedup"]),
            low=float(row["speedup_low"]),
            high=float(row["speedup_high"]),
            base_workers=round(row["efficiency"] * row["workers"] / row["speedup"]) if row["speedup"] > 0 else 0,
            busy=float(row["cpu_s"] / row["wall_s"]) if row["wall_s"] > 0 else NAN,
            waits=float(row.get("waits", NAN)),
            queued=float(row.get("queued", NAN)),
        )

    @property
    def workers(self) -> int:
        """The number of its workers."""
        return self.point.workers

    @property
    def executor(self) -> str:
        """What runs them."""
        return self.point.executor

    @property
    def has_gain(self) -> bool:
        """Whether it has an interval of its speed-up."""
        return self.low == self.low and self.high == self.high

    @property
    def is_cpu_bound(self) -> bool:
        """Whether a worker keeps its core busy, or would if it were not preempted."""
        return self.busy >= _BUSY or self.waits <= 1 - _BUSY


@dataclass(frozen=True, slots=True)
class Reason:
    """What was measured at which points; `is_proven` is False where another cause is possible."""

    kind: Kind
    points: tuple[Candidate, ...]
    is_proven: bool = True


def reasons_for(
    chosen: Candidate, candidates: Sequence[Candidate], throughputs: Throughputs, whole: Set[str], cores: int | None = None
) -> tuple[Reason, ...]:
    """The reasons for a choice that is enough, where fewer workers are too slow.

    `whole` are the executors of which every point takes part: only of these something is said as a whole.
    """
    more = [one for one in candidates if one.workers > chosen.workers]
    is_least = chosen.workers == min(one.workers for one in candidates)
    reasons = _for_no_more(chosen, more) if is_least else _for_more(chosen, candidates, throughputs)
    lock = _lock(candidates, cores) if is_least or is_remote(chosen.executor) else None
    if lock is not None:  # it names the gain of threads itself
        reasons = [lock] if chosen.executor == "threads" else [*reasons, lock]
    return (*reasons, *_against_others(chosen, [one for one in candidates if one.executor in whole], throughputs))


def _for_more(chosen: Candidate, candidates: Sequence[Candidate], throughputs: Throughputs) -> list[Reason]:
    """Why more workers than the fewest help, from the time of one worker."""
    singles = [one for one in candidates if one.workers == 1]
    single = max(singles, key=lambda one: (one.executor == chosen.executor, one.throughput_per_s), default=None)
    if single is None:
        return []
    gain = throughput_ratio(chosen.point, single.point, throughputs)
    reasons = []
    if gain.low > 1 and single.waits >= _MUCH:
        reasons.append(Reason(Kind.WAITS, (single, chosen)))
    if gain.low * single.busy > 1 and single.is_cpu_bound:  # more CPU time in a second than one core has
        reasons.append(Reason(Kind.CORES, (single, chosen)))
    return reasons


def _for_no_more(chosen: Candidate, more: Sequence[Candidate]) -> list[Reason]:
    """Why more workers do not help: that of the same executor which gains most, and whether it waited for a core."""
    gains = [one for one in more if one.executor == chosen.executor and one.has_gain]
    if not gains:
        return []
    best = max(gains, key=lambda one: one.speedup)
    reasons = [Reason(Kind.NO_GAIN, (best,))]
    return [*reasons, Reason(Kind.QUEUED, (best,))] if best.queued >= _MUCH else reasons


def _lock(candidates: Sequence[Candidate], cores: int | None) -> Reason | None:
    """That threads share the interpreter lock: one keeps a core busy, and no more of them gain anything worth having.

    Only if they did not wait for a core instead. It is proven if more processes gain, or if runs are independent
    of each other; in one run, a part that only one worker can do looks the same.
    """
    threads = [one for one in candidates if one.executor == "threads"]
    single = next((one for one in threads if one.workers == 1), None)
    more = [one for one in threads if one.workers > 1]
    if single is None or not single.is_cpu_bound or not more:
        return None
    if not all(one.has_gain and one.high < _WORTH_HAVING for one in more) or any(one.queued >= _MUCH for one in more):
        return None
    if cores == 1 and any(one.queued != one.queued for one in more):
        return None
    processes = [one for one in candidates if is_remote(one.executor) and one.workers > 1 and one.has_gain]
    gaining = [one for one in processes if one.low > _WORTH_HAVING]
    if processes and not gaining:
        return None
    best = max(more, key=lambda one: one.speedup)
    return Reason(Kind.LOCK, (single, best), is_proven=bool(gaining) or single.point.drive != "run")


def _against_others(chosen: Candidate, candidates: Sequence[Candidate], throughputs: Throughputs) -> list[Reason]:
    """What each other executor reaches at best."""
    reasons = []
    for executor in dict.fromkeys(one.executor for one in candidates if one.executor != chosen.executor):
        others = [one for one in candidates if one.executor == executor]
        best = max(others, key=lambda one: one.throughput_per_s)
        is_slower = all(throughput_ratio(one.point, chosen.point, throughputs).high < 1 for one in others)
        reasons.append(Reason(Kind.SLOWER if is_slower else Kind.NO_FASTER, (chosen, best)))
    return reasons
