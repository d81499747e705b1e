"""The interface of a pool of workers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from pocket_lab.executors.outcome import Outcome

if TYPE_CHECKING:
    from pocket_lab.executors.event_loop import Loop

T = TypeVar("T")
Call = Callable[[Any], Any]
Check = Callable[[], object]


class Pool(ABC):
    """Workers that outlive many calls of `imap`; a context manager.

    `size` is the largest number of tasks in flight, `cpu_s` the CPU seconds spent in worker processes so far, `queued_s` the
    seconds in which they were ready and no core was free, `loop` the event loop of a pool that has one. The workers of a pool
    that `is_remote` are other processes: functions, items and results are pickled, and nothing is shared.
    """

    name: str
    size: int
    is_remote: bool = False
    cpu_s: float = 0.0
    queued_s: float = 0.0
    loop: Loop | None = None

    @property
    def other_machines(self) -> list[str]:
        """The names of the machines, other than this one, on which workers are."""
        return []

    @property
    def clock_doubts(self) -> list[str]:
        """Sentences on the clocks of workers that are on other machines."""
        return []

    @abstractmethod
    def imap(
        self, function: Call, items: Iterable[Any], workers: int | None = None, check: Check | None = None
    ) -> Iterator[Outcome]:
        """Call the function on each item, at most `workers` tasks in flight; outcomes come in the order of the items.

        `check` is called repeatedly during waits; an exception that it raises ends the call, and kills worker processes.
        """

    def imap_collect(
        self, function: Call, items: Iterable[Any], workers: int | None = None, check: Check | None = None
    ) -> Iterator[Outcome]:
        """As `imap`, where a worker process that dies is the error of its item too (ProcessDied), and the others go on.

        An item that was under way in another process then may run twice.
        """
        return self.imap(function, items, workers, check)

    def prepare(self, function: Call) -> Call:
        """The function in its present state, for many calls of `imap`; a remote pool pickles it here, once."""
        return function

    def everywhere(self, function: Callable[[], T]) -> list[T]:
        """Call the function once on each worker, and return the results; empty where the caller is the only worker.

        Raises what the function raises, and ProcessDied where a worker process has died.
        """
        return []

    def in_worker_processes(self, function: Callable[[], T]) -> list[T]:
        """As `everywhere` if the pool is remote; otherwise the function is not called, and the list is empty."""
        return self.everywhere(function) if self.is_remote else []

    def start(self) -> None:  # noqa: B027 (most pools have nothing to start)
        """Wait until the workers have started, so that the next call does not include that time."""

    def close(self) -> None:  # noqa: B027 (a pool without workers of its own has none to end)
        """End the workers; pending tasks are cancelled."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()
