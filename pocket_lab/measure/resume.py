"""A job that continues where an earlier run stopped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from pocket_lab.errors import UsageError
from pocket_lab.measure.job import Job
from pocket_lab.records.point import Point, describe
from pocket_lab.records.progress import Closed, Planned
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Latency, Sample
from pocket_lab.stats.run_time import run_seconds


def run_seconds_by_point(earlier: Iterable[Record]) -> dict[Point, list[float]]:
    """The seconds of a run in each round of the points that go on; under load those of a window."""
    found: dict[Point, list[float]] = {}
    for record in earlier:
        if isinstance(record, Sample) and record.round and record.loops:
            is_load = record.point.drive == "load"
            found.setdefault(record.point, []).append(record.wall_s if is_load else run_seconds(record.wall_s, record.loops))
    return found


def resumed(job: Job, records: Sequence[Record]) -> Job:
    """The job without the points that are done or failed in the records, and with the samples of the others.

    A point that the budget ended continues. Raises UsageError where the records have no point of the job.
    """
    planned = {point for record in records if isinstance(record, Planned) for point in record.points}
    if planned and not planned & set(job.points):
        stored, wanted = min(planned, key=str), min(job.points, key=str)
        raise UsageError(
            f'the stored run "{stored.target}" has other points (such as {describe(stored)}, and not {describe(wanted)}): '
            "resume it with the same sizes, parameters, workers, executors, drive and rate"
        )
    ended = {record.point for record in records if isinstance(record, Closed) and record.status in ("done", "failed")}
    kept = tuple(record for record in records if isinstance(record, Sample | Latency) and record.point in job.points)
    return replace(job, points=tuple(point for point in job.points if point not in ended), earlier=kept)
