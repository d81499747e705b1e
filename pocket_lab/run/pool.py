"""The interface of a pool of workers, and the simplest one: the caller itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Self

from pocket_lab.run.outcome import Outcome

Call = Callable[[Any], Any]


class Pool(ABC):
    """Workers that outlive many calls of `imap`; a context manager.

    `size` is the largest number of tasks in flight, `cpu_s` the CPU seconds spent in worker processes so far.
    """

    name: str
    size: int
    cpu_s: float = 0.0

    @abstractmethod
    def imap(self, function: Call, items: Iterable[Any], workers: int | None = None) -> Iterator[Outcome]:
        """Call the function on each item, at most `workers` tasks in flight; outcomes come in the order of the items."""

    def prepare(self, function: Call) -> Call:
        """The function as it is now, for many calls of `imap`: pools of processes pickle it here instead of at each call."""
        return function

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

    def imap(self, function: Call, items: Iterable[Any], workers: int | None = None) -> Iterator[Outcome]:
        """One item after the other."""
        for index, item in enumerate(items):
            yield attempt(function, index, item)


def attempt(function: Call, index: int, item: Any) -> Outcome:
    """What becomes of one item; an exception is an outcome, too."""
    try:
        return Outcome(index, function(item))
    except Exception as error:
        return Outcome(index, None, error)
