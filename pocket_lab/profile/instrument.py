"""One run of each point under an instrument: what every profile does."""

from __future__ import annotations

import gc
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack

from pocket_lab.executors.outcome import pack_error
from pocket_lab.executors.pool import Pool
from pocket_lab.measure.job import Job
from pocket_lab.measure.load.request_tally import RequestTally
from pocket_lab.measure.timing.batch import Timing, Work
from pocket_lab.measure.timing.caches import cache_caveats
from pocket_lab.measure.timing.pools import Pools
from pocket_lab.measure.timing.runs import build_input
from pocket_lab.measure.work import build_work
from pocket_lab.profile.conflicts import refuse_conflicts
from pocket_lab.records.point import Point
from pocket_lab.records.progress import Closed, Failure, Started
from pocket_lab.records.record import Record

SHORT_S = 0.5  # a first run that is shorter mostly shows what is done once: import, compile, connect, start


class Instrument(ABC):
    """What watches a run; `name` is its name in the table of exclusion."""

    name: str

    def inside(self, pool: Pool) -> Pool:
        """The pool that the run is given: this one, or one that takes the instrument along into its workers."""
        return pool

    @abstractmethod
    def watching(self, point: Point, pool: Pool) -> AbstractContextManager[None]:
        """Around the run: nothing of the instrument is left when it ends, however that is."""

    def was_warm_up(self) -> bool:
        """Whether the first run of a point, which has just ended, was to warm up: then another one is watched in its place."""
        return False

    @abstractmethod
    def records(self, point: Point) -> Iterator[Record]:
        """What it saw of the run that has just ended."""


def profile_points(job: Job, instrument: Instrument) -> Iterator[Record]:
    """One run of each point of the job (under "load" one window of clients), watched.

    Yields Caveats, then the instrument's records and a Closed for each point, or its Failure. Raises UsageError where
    another instrument runs in this process that does not go together with this one.
    """
    refuse_conflicts(instrument.name)
    yield from job.caveats
    yield from cache_caveats(job)
    with ExitStack() as stack:
        pools = Pools(job.points, stack)
        for point in job.points:
            yield Started(point)
            requests = RequestTally()
            try:
                pool = pools.of(point)
                work = build_work(job, point, build_input(job, point), instrument.inside(pool))
                gc.collect()
                timing = _watched(instrument, point, pool, work)
                if instrument.was_warm_up():
                    timing = _watched(instrument, point, pool, work)
                if timing is not None:
                    requests.count(timing)
            except (Exception, SystemExit) as error:
                yield Failure(point, pack_error(error))
                yield Closed(point, "failed")
                continue
            yield from requests.caveats(point)
            yield from instrument.records(point)
            yield Closed(point, "done")


def _watched(instrument: Instrument, point: Point, pool: Pool, work: Work) -> Timing | None:
    """One run."""
    with instrument.watching(point, pool):
        return work.once()
