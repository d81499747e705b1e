"""The interface of an instrument, and the one loop that runs each point under it."""

from __future__ import annotations

import gc
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack

from pocket_lab.executors.faults.interrupts import INTERRUPTS
from pocket_lab.executors.outcome import pack_error
from pocket_lab.executors.pool import Pool
from pocket_lab.measure.failed_point import with_hint
from pocket_lab.measure.job import Job
from pocket_lab.measure.load.request_tally import RequestTally
from pocket_lab.measure.timing.batch import Timing, Work
from pocket_lab.measure.timing.caches import cache_caveats
from pocket_lab.measure.timing.captured import captured_caveats
from pocket_lab.measure.timing.pools import Pools
from pocket_lab.measure.timing.runs import build_input
from pocket_lab.measure.work import build_work
from pocket_lab.measure.worker.native_limit import native_caveats
from pocket_lab.measure.worker.seeds import restart_seeds
from pocket_lab.profile.conflicts import refuse_conflicts
from pocket_lab.profile.left_work import LeftWork
from pocket_lab.records.point import Point
from pocket_lab.records.progress import Closed, Failure, Started
from pocket_lab.records.record import Record

SHORT_S = 0.5  # a shorter first run mostly shows one-time work: imports, compilation, connections, start-up


class Instrument(ABC):
    """What observes a run; one object serves all points of a job, one after the other.

    To add an instrument: give it a `name`, and a row in `conflicts` for each tool that disturbs it. `watching` starts it
    before the run and stops it afterwards, in this process and, by `pool.in_worker_processes`, in every worker process,
    where `worker_state` keeps it. `records` turns what it observed into records. Then pass it to `profile_points`.
    Override `wrap_pool` if the work itself must carry it into the workers, and `run` if one run of a point is not enough.
    """

    name: str
    _left: LeftWork | None = None

    def wrap_pool(self, pool: Pool) -> Pool:
        """The pool on which the work runs; by default the pool of the point."""
        return pool

    @abstractmethod
    def watching(self, point: Point, pool: Pool) -> AbstractContextManager[None]:
        """A context manager around the run; it leaves nothing of the instrument behind, however the run ends."""

    def was_warm_up(self) -> bool:
        """Whether the run that has just ended is only a warm-up, so that a second one is watched instead."""
        return False

    def run(self, point: Point, pool: Pool, work: Work) -> Iterator[Record]:
        """Run the point once, or again after a warm-up; yields Caveats of the run. Raises the error of the target."""
        gc.collect()
        timing = self._run_once(point, pool, work)
        if self.was_warm_up():
            timing = self._run_once(point, pool, work)
        if self._left is not None:
            yield from self._left.caveats(point)
        if timing is not None:
            requests = RequestTally()
            requests.count(timing)
            yield from requests.caveats(point)

    def records(self, point: Point) -> Iterator[Record]:
        """What was observed in the run that has just ended; by default nothing beyond the records of `run`."""
        return iter(())

    def _run_once(self, point: Point, pool: Pool, work: Work) -> Timing | None:
        self._left = left = LeftWork(pool)
        with self.watching(point, pool):
            timing = work.once()
            left.look()
        return timing


def profile_points(job: Job, instrument: Instrument) -> Iterator[Record]:
    """Run each point of the job under the instrument: one run of the target, or one window of clients under "load".

    Yields Caveats, then for each point Started, the instrument's records and Closed, or Failure and Closed. Raises
    UsageError if a tool that conflicts with the instrument runs in this process.
    """
    refuse_conflicts(instrument.name)
    yield from job.caveats
    yield from cache_caveats(job)
    yield from captured_caveats(job)
    with ExitStack() as stack:
        pools = Pools(job.points, stack)
        yield from pools.caveats()
        has_run = False
        for point in job.points:
            yield Started(point)
            restart_seeds()
            try:
                pool = pools.of(point)
                work = build_work(job, point, build_input(job, point), instrument.wrap_pool(pool))
                found = list(instrument.run(point, pool, work))  # no yield in here: to be closed is no error of the target
            except BaseException as error:
                INTERRUPTS.pass_on(error)
                yield Failure(point, pack_error(with_hint(error, job, point)))
                yield Closed(point, "failed")
                continue
            yield from found
            if not has_run:
                has_run = True
                yield from native_caveats(job.native_limit, pools.opened)
            yield from instrument.records(point)
            yield Closed(point, "done")
