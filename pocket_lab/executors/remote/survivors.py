"""A call that outlives its workers: the item of a dead worker has an error, and all others get their outcomes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

from pocket_lab.errors import ProcessDied
from pocket_lab.executors.chunks import Chunks
from pocket_lab.executors.concurrent import Chunk
from pocket_lab.executors.outcome import Outcomes

Received = Callable[[Future[Any]], tuple[Outcomes, float]]

_MOST_UNEXPLAINED = 3


class Reply(Future[Any], ABC):
    """What a worker process answers to a chunk, which is under way from the beginning; `chunk` is the number of the chunk."""

    def __init__(self, chunk: int) -> None:
        super().__init__()
        self.chunk = chunk
        self.set_running_or_notify_cancel()

    @abstractmethod
    def blamed(self) -> ProcessDied | None:
        """The error of the item on which the worker was at work when it died, if one of this chunk is known."""

    @abstractmethod
    def unexplained(self) -> object | None:
        """What ended the workers, for which no item accounts: one object for each time that it happens."""

    @property
    def ends_call(self) -> bool:
        """Whether the workers may go on with what they cannot answer: then nothing is run again beside them."""
        return False

    @property
    def is_suspect(self) -> bool:
        """Whether an item of the chunk may have ended the worker, and which one is not known."""
        return False


class Survivors:
    """The chunks of one call; `outcomes` are those of a reply, or raise ProcessDied."""

    def __init__(self, outcomes: Received, chunks: Chunks) -> None:
        self._outcomes = outcomes
        self._chunks = chunks
        self._unexplained: list[object] = []  # since the last outcome

    def arrived(self, done: Future[Any], chunk: Chunk) -> Iterator[Outcomes]:
        """The outcomes of a chunk.

        Raises ProcessDied where workers die again and again, or go on unseen.
        """
        assert isinstance(done, Reply)
        start, items = chunk
        try:
            outcomes, seconds = self._outcomes(done)
        except ProcessDied as died:
            if done.ends_call:
                raise
            error = done.blamed()
            if error is None or error.item is None:
                if done.is_suspect:
                    self._chunks.suspect(start, items)
                else:
                    self._chunks.give_back(start, items)
                cause = done.unexplained()
                if cause is not None and cause not in self._unexplained:
                    self._unexplained.append(cause)
                if len(self._unexplained) >= _MOST_UNEXPLAINED:
                    raise
                return
            self._chunks.give_back(start, items[: error.item - start])
            self._chunks.give_back(error.item + 1, items[error.item + 1 - start :])
            error.__cause__ = died.__cause__
            yield Outcomes(error.item, [None], {error.item: error})
        else:
            self._unexplained.clear()
            self._chunks.record_duration(len(outcomes), seconds)
            yield outcomes
