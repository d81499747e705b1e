"""How much longer runs go on where memory rises: a cache, a pool or a ring that is still being filled looks like a leak."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter, process_time

from pocket_lab.measure.job import Job
from pocket_lab.measure.worker.budget import deadline_of

_LONGER, _LEAST_RUNS = 10, 200  # more entries than `lru_cache` keeps by default
_LEAST_S, _LEAST_CPU_S = 10.0, 3.0  # wall time depends on what else the machine does
_SHARE = 0.25  # of what remains of the budget and of the time for a point
_MOST_BYTES = 2**29


@dataclass(frozen=True, slots=True)
class Limits:
    """The last of the further runs, the times of `perf_counter` and `process_time` that end them, and what they may keep."""

    runs: int
    end_s: float
    cpu_end_s: float
    most_bytes: int

    def has_ended(self, kept_bytes: int) -> bool:
        """Whether no further run begins."""
        return perf_counter() >= self.end_s or process_time() >= self.cpu_end_s or kept_bytes >= self.most_bytes


@dataclass(frozen=True, slots=True)
class Extension:
    """The time that a job leaves for further runs: to the end of its budget, and of the time of each point."""

    budget_end_s: float
    point_timeout_s: float | None

    @classmethod
    def of(cls, job: Job) -> Extension:
        """Return that of a job which begins now."""
        return cls(deadline_of(job.budget_s, job.begun_s), job.point_timeout_s)

    def most_runs(self, runs: int) -> int:
        """Return the most runs after this many, both together."""
        return max(_LONGER * runs, _LEAST_RUNS)

    def limits(self, runs: int, took_s: float) -> Limits:
        """Return the limits after this many runs, which took so long: as long again, or ten seconds and three of CPU time."""
        now_s = perf_counter()
        left_s = [self.budget_end_s - now_s]
        if self.point_timeout_s is not None:
            left_s.append(self.point_timeout_s - took_s)
        wall_s = min(max(took_s, _LEAST_S), _SHARE * min(left_s))
        return Limits(self.most_runs(runs), now_s + wall_s, process_time() + max(took_s, _LEAST_CPU_S), _MOST_BYTES)
