"""The sampler: interleaved rounds over the points of a job until each is precise enough or the budget ends."""

from __future__ import annotations

import gc
import random
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from time import perf_counter

from pocket_lab.measure.batch import calibrate, time_batch
from pocket_lab.measure.drive import Work, build_input, build_work
from pocket_lab.measure.environment import read_environment
from pocket_lab.measure.failed import failed_point
from pocket_lab.measure.interval import BLOCKS, estimate_median
from pocket_lab.measure.job import Job
from pocket_lab.measure.pools import Pools
from pocket_lab.records import Closed, Point, Record, Sample, Started
from pocket_lab.run.pool import Pool

LONGEST_BATCH_S = 0.05
SHORTEST_BATCH_S = 0.001
_BATCHES_A_POINT = 40
_MOST_ROUNDS = 10_000


@dataclass(slots=True)
class _Lane:
    """A point under measurement; `runs_s` are seconds a run, in the order of the rounds."""

    point: Point
    pool: Pool
    runs_s: list[float] = field(default_factory=list)
    work: Work | None = None
    loops: int = 1
    failed: bool = False

    def is_precise(self, precision: float) -> bool:
        """Checked at ten samples and then at every fifth, so that checking costs little and looks seldom."""
        count = len(self.runs_s)
        return count >= BLOCKS and count % 5 == 0 and estimate_median(self.runs_s).precision <= precision


def sample(job: Job) -> Iterator[Record]:
    """Measure every point of the job; yields Environment, Caveats, then Samples as they are made and a Closed for each point.

    Garbage collection stays on, as where the target will be used, but what exists before the first round, inputs included,
    is frozen out of it, and each round starts collected. An exception of the target closes its point; the others go on.
    """
    yield read_environment()
    yield from job.caveats
    with ExitStack() as stack:
        pools = Pools(job.points, stack)
        lanes = [_Lane(point, pools.of(point)) for point in job.points]
        for lane in lanes:
            lane.runs_s += [s.wall_s / s.loops for s in job.earlier if s.point == lane.point and s.loops and s.round]
        gc.freeze()
        stack.callback(gc.unfreeze)
        deadline = perf_counter() + job.sweep.budget_s
        batch_s = min(LONGEST_BATCH_S, max(SHORTEST_BATCH_S, job.sweep.budget_s / len(lanes) / _BATCHES_A_POINT))
        open_lanes: list[_Lane] = []
        for lane in sorted(lanes, key=lambda lane: lane.point.size or 0):
            yield from _prepare(job, lane, batch_s, deadline)
            if lane.work is not None:
                open_lanes.append(lane)
        yield from _rounds(job, open_lanes, deadline)


def _prepare(job: Job, lane: _Lane, batch_s: float, deadline: float) -> Iterator[Record]:
    """Build the input, warm up, calibrate; the warm-up is kept as round 0, in case it stays alone."""
    if perf_counter() > deadline:
        yield Closed(lane.point, "budget")
        return
    yield Started(lane.point)
    try:
        work = build_work(job, lane.point, build_input(job, lane.point), lane.pool)
        loops, timing = calibrate(work, lane.pool, batch_s)
    except (Exception, SystemExit) as error:
        yield from failed_point(lane.point, 0, error)
        return
    lane.work, lane.loops = work, loops
    yield Sample(lane.point, 0, loops, timing.wall_s, timing.cpu_s, work.items * loops)


def _rounds(job: Job, lanes: list[_Lane], deadline: float) -> Iterator[Record]:
    gc.collect()
    gc.freeze()
    order = random.Random()
    first = max((earlier.round for earlier in job.earlier), default=0) + 1
    for round_number in range(first, first + _MOST_ROUNDS):
        if not lanes:
            return
        gc.collect()
        order.shuffle(lanes)
        for lane in list(lanes):
            if perf_counter() > deadline:
                yield Closed(lane.point, "budget")
                lanes.remove(lane)
                continue
            yield from _visit(lane, round_number)
            if lane.failed:
                lanes.remove(lane)
            elif lane.is_precise(job.sweep.precision):
                lanes.remove(lane)
                yield Closed(lane.point, "done")
    for lane in lanes:
        yield Closed(lane.point, "done")


def _visit(lane: _Lane, round_number: int) -> Iterator[Record]:
    assert lane.work is not None
    yield Started(lane.point)
    try:
        timing = time_batch(lane.work, lane.loops, lane.pool)
    except (Exception, SystemExit) as error:
        lane.failed = True
        yield from failed_point(lane.point, round_number, error)
        return
    lane.runs_s.append(timing.wall_s / lane.loops)
    yield Sample(lane.point, round_number, lane.loops, timing.wall_s, timing.cpu_s, lane.work.items * lane.loops)
