"""How many items a task takes along: few enough to stop soon and to end together, many enough to be worth sending."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from itertools import islice
from typing import Any

LONGEST_CHUNK_S = 0.1
SHORTEST_CHUNK_S = 0.001
_CHUNKS_A_WORKER = 4


class Chunks:
    """Cuts items into chunks by guided self-scheduling (Polychronopoulos and Kuck 1987): large ones first, small ones last.

    By what the chunks before it took, a chunk is at most a tenth of a second long, and at least a millisecond where each
    worker has so much left; until one has been timed, and where the number of items is not known, it is one item.
    """

    def __init__(self, items: Iterable[Any], workers: int) -> None:
        self._source: Iterator[Any] = iter(items)
        self._remaining = len(items) if isinstance(items, Sized) else 0
        self._workers = workers
        self._start = 0
        self._item_s: float | None = None

    def take(self) -> tuple[int, list[Any]] | None:
        """The number of the first item and the items of the next chunk; None at the end."""
        chunk = list(islice(self._source, self._size()))
        start, self._start = self._start, self._start + len(chunk)
        self._remaining -= len(chunk)
        return (start, chunk) if chunk else None

    def timed(self, count: int, seconds: float) -> None:
        """A chunk of `count` items took so long; the newest one counts half."""
        item_s = seconds / max(count, 1)
        self._item_s = item_s if self._item_s is None else (self._item_s + item_s) / 2

    def _size(self) -> int:
        if self._item_s is None:
            return 1
        item_s = max(self._item_s, 1e-9)
        guided = self._remaining // (self._workers * _CHUNKS_A_WORKER)
        worth_sending = min(int(SHORTEST_CHUNK_S / item_s), self._remaining // self._workers)
        return max(1, min(max(guided, worth_sending), int(LONGEST_CHUNK_S / item_s)))
