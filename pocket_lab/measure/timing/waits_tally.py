"""What the workers of a point did during its batches, summed; and the clock that this makes the better one."""

from __future__ import annotations

from dataclasses import replace

from pocket_lab.executors.pool import Pool
from pocket_lab.measure.timing.batch import Timing
from pocket_lab.measure.timing.thread_waits import WorkerWaits
from pocket_lab.records.point import Point
from pocket_lab.records.samples import Waits
from pocket_lab.stats.cpu_bound import is_cpu_bound_at, share_waiting
from pocket_lab.stats.median_interval import NAN

_MOST_UNKNOWN = 0.1


class WaitsTally:
    """`begin` before a batch, `end` after it; `take` gives what has come since the last call as a record.

    A batch whose run queue is unknown, because another thread worked beside it, is left out; where there are many of them, all
    is unknown.
    """

    def __init__(self, point: Point, pool: Pool) -> None:
        self._point = point
        self._waits = WorkerWaits(pool)
        self._taken = self._total = Waits(point, 0, 0.0, 0.0, 0.0, 0)
        self._unknown = 0

    def begin(self) -> None:
        """A batch begins."""
        self._waits.begin()

    def end(self, timing: Timing) -> None:
        """A batch has ended."""
        waits, total = self._waits.end(), self._total
        if waits.queued_s != waits.queued_s:
            self._unknown += 1
            return
        self._total = Waits(
            self._point,
            total.batches + 1,
            total.wall_s + timing.wall_s,
            total.cpu_s + timing.cpu_s,
            total.queued_s + waits.queued_s,
            total.switches + waits.switches,
        )

    @property
    def is_due(self) -> bool:
        """Whether there is as much since the last record as before it, so that a long measurement makes few records."""
        return self._total.batches >= 2 * max(self._taken.batches, 4)

    def take(self) -> Waits:
        """What has come since the last call."""
        before, self._taken = self._taken, self._total
        now = self._total
        if self._is_unknown:
            now = replace(now, batches=max(now.batches, before.batches + 1), queued_s=NAN)
        return Waits(
            self._point,
            now.batches - before.batches,
            now.wall_s - before.wall_s,
            now.cpu_s - before.cpu_s,
            now.queued_s - before.queued_s,
            now.switches - before.switches,
        )

    @property
    def is_cpu_bound(self) -> bool:
        """Whether the one worker of the point has kept a core busy."""
        point, total = self._point, self._total
        if point.drive == "load" or self._is_unknown:  # under load a latency is the figure
            return False
        waits = share_waiting(total.wall_s, total.cpu_s, total.queued_s)
        return is_cpu_bound_at(point.workers, point.executor, waits, total.switches / max(total.batches, 1))

    @property
    def _is_unknown(self) -> bool:
        return self._unknown > _MOST_UNKNOWN * (self._unknown + self._total.batches)
