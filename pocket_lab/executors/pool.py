"""The interface of a pool of workers, and the simplest one: the caller itself."""

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

    `size` is the largest number of tasks in flight, `cpu_s` the CPU seconds spent in worker processes so far, `loop` the
    event loop of a pool that has one.
    """

    name: str
    size: int
    cpu_s: float = 0.0
    loop: Loop | None = None

    @abstractmethod
    def imap(
        self, function: Call, items: Iterable[Any], workers: int | None = None, check: Check | None = None
    ) -> Iterator[Outcome]:
        """Call the function on each item, at most `workers` tasks in flight; outcomes come in the order of the items.

        `check` is called now and then while it waits; what it raises ends the work, in worker processes at once.
        """

    def prepare(self, function: Call) -> Call:
        """The function as it is now, for many calls of `imap`: pools of processes pickle it here instead of at each call."""
        return function

    def everywhere(self, function: Callable[[], T]) -> list[T]:
        """What the function returns, called once on each worker; a pool whose only worker is its caller has none to ask.

        Raises what the function raises, and ProcessDied where a worker process has died.
        """
        return []

    def start(self) -> None:  # noqa: B027 (most pools have nothing to wait for)
        """Wait until the workers are there, so that the next call does not pay for them."""

    def close(self) -> None:  # noqa: B027 (a pool without workers has none to let go)
        """Let the workers go; tasks that have not started are dropped."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


class SerialPool(Pool):
    """One worker: the caller itself."""

    name = "serial"
    size = 1

    def imap(
        self, function: Call, items: Iterable[Any], workers: int | None = None, check: Check | None = None
    ) -> Iterator[Outcome]:
        """One item after the other; it never waits."""
        for index, item in enumerate(items):
            yield attempt(function, index, item)


def attempt(function: Call, index: int, item: Any) -> Outcome:
    """What becomes of one item; an exception is an outcome, too."""
    try:
        return Outcome(index, function(item))
    except Exception as error:
        return Outcome(index, None, error)
