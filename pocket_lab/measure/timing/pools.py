"""The pools of a sweep: one for each executor, at its largest worker count, opened before the first clock starts."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack

from pocket_lab.executors.pool import Pool
from pocket_lab.executors.registry import open_pool
from pocket_lab.graph.context import INLINE
from pocket_lab.measure.job import OWN
from pocket_lab.records.point import Point


class Pools:
    """The pool of each point; the stack closes them."""

    def __init__(self, points: Iterable[Point], stack: ExitStack) -> None:
        self._pools: dict[str, Pool] = {"serial": INLINE, OWN: INLINE}
        most: dict[str, int] = {}
        for point in points:
            most[point.executor] = max(most.get(point.executor, 1), point.workers)
        for executor in most.keys() - self._pools:
            self._pools[executor] = stack.enter_context(open_pool(executor, most[executor]))
            self._pools[executor].start()

    def of(self, point: Point) -> Pool:
        """The pool of a point's executor."""
        return self._pools[point.executor]
