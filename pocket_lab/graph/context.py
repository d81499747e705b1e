"""The context of a run: its workers, its deadline and its cancellation."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from pocket_lab.errors import Cancelled, DeadlineExceeded, GraphError, UsageError
from pocket_lab.executors.faults.foreign import is_a
from pocket_lab.executors.pool import Call, Pool
from pocket_lab.executors.serial import SerialPool
from pocket_lab.units import format_duration, parse_duration

if TYPE_CHECKING:
    from pocket_lab.graph.observers import Run, Sink

INLINE = SerialPool()
Report = tuple[str, str, float, str]
NAP_S = 0.02


class TimedOut(DeadlineExceeded):
    """A node passed its own timeout; `owner` is the context that the node got for it."""

    def __init__(self, message: str, owner: Context | None = None) -> None:
        super().__init__(message)
        self.owner = owner

    def __reduce__(self) -> tuple[type[TimedOut], tuple[str]]:
        return TimedOut, (str(self),)


class TooManySteps(GraphError):
    """The bound on the steps of a run; it is not a failure of a node."""


class Context:
    """Passed along a run; a node function that takes a `ctx` parameter receives it.

    Args:
        pool: the workers of the outermost fan-out (by default the run itself).
        workers: the most items in flight at once (by default as many as the pool has).
        deadline_s: when to stop, as a time of `time.monotonic()`, which the processes of one machine share.
        timeout: when to stop, counted from now, in seconds or as a text such as "2s".
    """

    __slots__ = (
        "_owner",
        "_prepared",
        "_stops",
        "_timeout",
        "deadline_s",
        "item",
        "node",
        "pool",
        "reports",
        "run",
        "sink",
        "workers",
    )
    _timeout: tuple[str, float]  # the node and the length of a timeout: set on the context that owns the deadline

    def __init__(
        self,
        pool: Pool = INLINE,
        workers: int | None = None,
        deadline_s: float | None = None,
        *,
        timeout: float | str | None = None,
    ) -> None:
        if timeout is not None:
            if deadline_s is not None:
                raise UsageError("a context has either a deadline_s or a timeout")
            deadline_s = time.monotonic() + parse_duration(timeout)
        if workers is not None and workers < 1:
            raise UsageError(f"workers={workers}: a run has at least one worker")
        self.pool = pool
        self.workers = workers
        self.deadline_s = deadline_s
        self.item: int | None = None
        self.run: Run | None = None
        self.sink: Sink | None = None
        self.node = ""
        self.reports: list[Report] | None = None
        self._owner: Context | None = None
        self._stops: tuple[list[bool], ...] = ([False],)  # its own flag, then those of the contexts around it
        self._prepared: dict[int, tuple[object, Call]] = {}

    def prepare(self, owner: object, make: Callable[[], Call]) -> Call:
        """The function that `make` makes, prepared for the pool once in the life of this context for each owner."""
        if id(owner) not in self._prepared:
            self._prepared[id(owner)] = (owner, self.pool.prepare(make()))
        return self._prepared[id(owner)][1]

    def cancel(self) -> None:
        """Ask the run to stop: between its steps, and wherever a node calls `check`."""
        self._stops[0][0] = True

    def report(self, name: str, value: float, unit: str = "1") -> None:
        """Add a metric of your own to a measurement: `Bench.metrics` shows it under this node; other runs ignore it."""
        number = float(value)
        if self.reports is not None:
            self.reports.append((self.node, str(name), number, str(unit)))

    def check(self) -> None:
        """Raise Cancelled or DeadlineExceeded where the run has to stop; cheap enough for an inner loop."""
        for (stop,) in self._stops:  # as check_cancelled, without its call
            if stop:
                raise Cancelled("the run was cancelled")
        if self.deadline_s is not None and time.monotonic() > self.deadline_s:
            raise self.late()

    def check_cancelled(self) -> None:
        """Raise Cancelled where the run was cancelled."""
        for (stop,) in self._stops:
            if stop:
                raise Cancelled("the run was cancelled")

    def late(self) -> DeadlineExceeded:
        """The error of the deadline: that of the node whose timeout it is, or of the run."""
        if self._owner is None:
            return DeadlineExceeded("the run passed its deadline")
        node, timeout_s = self._owner._timeout
        return TimedOut(f'node "{node}" passed its timeout of {format_duration(timeout_s)}', self._owner)

    def left_s(self) -> float | None:
        """The seconds until the deadline; None where there is none."""
        return None if self.deadline_s is None else self.deadline_s - time.monotonic()

    def inline(self) -> Context:
        """The context of work that already runs on a worker: what it fans out runs in place (a nested pool can deadlock).

        Cancelling the outer run reaches it, and not the other way round.
        """
        inner = self._derived()
        inner.pool, inner.workers = INLINE, 1
        inner._stops = ([False], *self._stops)
        return inner

    def within(self, timeout_s: float, node: str) -> Context:
        """The context of a node with a timeout: the earlier of its own deadline and the one outside."""
        inner = self._derived()
        deadline_s = time.monotonic() + timeout_s
        if self.deadline_s is None or deadline_s < self.deadline_s:
            inner.deadline_s, inner._owner, inner._timeout = deadline_s, inner, (node, timeout_s)
        return inner

    def owns(self, error: BaseException) -> bool:
        """Whether the error is the timeout of the node that got this context."""
        return type(error) is TimedOut and error.owner is self

    def at(self, item: int) -> Context:
        """The context of one item of a fan-out, for those who observe it."""
        inner = self._derived()
        inner.item = item
        return inner

    def named(self, node: str) -> Context:
        """The context of a node that gets to see it, where its reports are collected."""
        if self.reports is None:
            return self
        inner = self._derived()
        inner.node = node
        return inner

    def observed(self, run: Run, sink: Sink) -> Context:
        """The context of one run that is observed."""
        inner = self._derived()
        inner.run, inner.sink, inner.item = run, sink, None
        return inner

    def _derived(self) -> Context:
        inner = object.__new__(Context)
        inner.pool, inner.workers, inner.deadline_s = self.pool, self.workers, self.deadline_s
        inner.item, inner.run, inner.sink = self.item, self.run, self.sink
        inner.node, inner.reports = self.node, self.reports
        inner._owner, inner._stops, inner._prepared = self._owner, self._stops, self._prepared
        return inner


def pause(context: Context, wait_s: float) -> bool:
    """Wait in short naps, so that a cancelled run ends soon; False where no time is left, at once if that is foreseen."""
    end_s = time.monotonic() + wait_s
    if context.deadline_s is not None and end_s > context.deadline_s:
        return False
    while (left_s := end_s - time.monotonic()) > 0:
        context.check_cancelled()
        time.sleep(min(left_s, NAP_S))
    context.check_cancelled()
    return context.deadline_s is None or time.monotonic() < context.deadline_s


def stops(error: BaseException, own: Context | None) -> bool:
    """Whether the error ends the run rather than fails the node: all but an Exception of the node's, its timeout included."""
    if is_a(error, Cancelled, DeadlineExceeded, TooManySteps):
        return own is None or not own.owns(error)
    return not is_a(error, Exception)
