"""The work of a batch, chosen by the drive of its point."""

from __future__ import annotations

from typing import Any

from pocket_lab.executors.pool import Pool
from pocket_lab.measure.job import Job
from pocket_lab.measure.timing.batch import Work
from pocket_lab.measure.timing.runs import build_runs
from pocket_lab.records.point import Point


def build_work(job: Job, point: Point, value: Any, pool: Pool) -> Work:
    """Runs of the target on the workers of the pool, or under the drive "load" clients that run it repeatedly."""
    if point.drive == "load":
        from pocket_lab.measure.load.generator import LoadGenerator  # here: it loads asyncio, which most points do without

        return LoadGenerator(job, point, value, pool)
    return build_runs(job, point, value, pool)
