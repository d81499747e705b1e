"""What a run is allowed to use: workers, and the time until its deadline or cancellation."""

from __future__ import annotations

import time
from collections.abc import Callable

from pocket_lab.errors import Cancelled, DeadlineExceeded
from pocket_lab.run.pool import Call, Pool, SerialPool

INLINE = SerialPool()


class Context:
    """Passed along a run; a node function that takes a `ctx` parameter receives it.

    `deadline_s` is a time of `time.monotonic()`, which the processes of one machine share.
    """

    __slots__ = ("_cancelled", "_prepared", "deadline_s", "pool", "workers")

    def __init__(self, pool: Pool = INLINE, workers: int | None = None, deadline_s: float | None = None) -> None:
        self.pool = pool
        self.workers = workers
        self.deadline_s = deadline_s
        self._cancelled = False
        self._prepared: dict[int, tuple[object, Call]] = {}

    def prepare(self, owner: object, make: Callable[[], Call]) -> Call:
        """The function that `make` makes, prepared for the pool once in the life of this context for each owner."""
        if id(owner) not in self._prepared:
            self._prepared[id(owner)] = (owner, self.pool.prepare(make()))
        return self._prepared[id(owner)][1]

    def cancel(self) -> None:
        """Ask the run to stop: between its steps, and wherever a node calls `check`."""
        self._cancelled = True

    def check(self) -> None:
        """Raise Cancelled or DeadlineExceeded where the run has to stop; cheap enough for an inner loop."""
        if self._cancelled:
            raise Cancelled("the run was cancelled")
        if self.deadline_s is not None and time.monotonic() > self.deadline_s:
            raise DeadlineExceeded("the run passed its deadline")

    def inline(self) -> Context:
        """The context of work that already runs on a worker: what it fans out runs in place (a nested pool can deadlock)."""
        return _Nested(self)


class _Nested(Context):
    """The inline context of one worker; cancelling the outer run reaches it."""

    __slots__ = ("_outer",)

    def __init__(self, outer: Context) -> None:
        super().__init__(deadline_s=outer.deadline_s)
        self._outer = outer

    def check(self) -> None:
        self._outer.check()
        super().check()
