"""The pools of a sweep: one for each executor, at its largest worker count, opened before the first clock starts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress

from pocket_lab.errors import ProcessDied
from pocket_lab.executors.pool import Pool
from pocket_lab.executors.registry import is_address, open_pool
from pocket_lab.executors.worker_state import STATE
from pocket_lab.executors.world.native_threads import NativeThreads
from pocket_lab.executors.world.settings import Settings
from pocket_lab.graph.context import INLINE
from pocket_lab.measure.job import OWN
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.point import Point

_MOST_NAMED = 5


class Pools:
    """The pool of each point; the stack closes them."""

    def __init__(self, points: Iterable[Point], stack: ExitStack) -> None:
        self._pools: dict[str, Pool] = {"serial": INLINE, OWN: INLINE}
        most: dict[str, int] = {}
        for point in points:
            most[point.executor] = max(most.get(point.executor, 1), point.workers)
        for executor in most.keys() - self._pools:
            self._pools[executor] = pool = stack.enter_context(open_pool(executor, most[executor]))
            _start(pool)

    @property
    def opened(self) -> list[Pool]:
        """Those that are not the caller itself."""
        return [pool for pool in self._pools.values() if pool is not INLINE]

    def caveats(self) -> Iterator[Caveat]:
        """What their workers have to say about a result."""
        for pool in self._pools.values():
            yield from (Caveat("other-clocks", message) for message in pool.clock_doubts)
            if is_address(pool.name):
                with suppress(ProcessDied):  # whoever uses the pool next gets the error
                    yield from _other_settings(pool)

    def of(self, point: Point) -> Pool:
        """The pool of a point's executor."""
        return self._pools[point.executor]


def _other_settings(pool: Pool) -> Iterator[Caveat]:
    """Workers that others have started keep their settings: what differs there is said, once for all of them."""
    here = Settings.here()
    found = list(dict.fromkeys(words for there in pool.everywhere(_settings) for words in here.differences(there)))
    if found:
        some = ", ".join(found[:_MOST_NAMED]) + (", ..." if len(found) > _MOST_NAMED else "")
        message = f"workers at {pool.name} have settings of their own ({some}), so their times may differ for these reasons"
        yield Caveat("other-settings", f"{message}: start them with those of this process if it matters")


def _settings() -> Settings:
    return Settings.here()


def _start(pool: Pool) -> None:
    """Start the workers, a second time where one dies meanwhile; whoever uses the pool after that gets the error."""
    for _ in range(2):
        with suppress(ProcessDied):
            pool.start()
            break
    if (limit := STATE.get(NativeThreads)) is not None and not pool.is_remote:
        pool.everywhere(limit.limit_thread)
