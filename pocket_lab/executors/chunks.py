"""How many items go into a task: few enough to stop soon and to finish together, enough to be worth the cost of sending."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from operator import length_hint
from typing import Any

LONGEST_CHUNK_S = 0.1
SHORTEST_CHUNK_S = 0.001
_CHUNKS_A_WORKER = 4
_PARTS = 16  # of a chunk in which an item has ended its worker
_LARGEST_CHUNK = 8 << 20  # bytes, where the size of items is known


@dataclass(frozen=True, slots=True)
class Grain:
    """How long chunks are, in seconds, and how many items one has at most where their number is not known.

    `is_even` where sending costs more than that workers wait for each other: then the last chunks are equally long.
    """

    shortest_s: float = SHORTEST_CHUNK_S
    longest_s: float = LONGEST_CHUNK_S
    most_unknown: int = 64
    is_even: bool = False


class Chunks:
    """Cuts items into chunks by guided self-scheduling (Polychronopoulos and Kuck 1987): large ones first, small ones last.

    The durations of earlier chunks limit the next one to a tenth of a second, and make it at least a millisecond long while
    each worker has that much left; before the first duration is known, a chunk is one item. If the number of items is not
    known, a chunk is about a millisecond long. Another grain has other limits.
    """

    def __init__(self, items: Iterable[Any], workers: int, grain: Grain = Grain()) -> None:
        self._remaining = length_hint(items) or None
        self._source: Iterator[Any] = iter(items)
        self.workers = workers
        self._grain = grain
        self._start = 0
        self._item_s: float | None = None
        self._item_bytes = 0.0
        self._last: int | None = None
        self._returned: list[tuple[int, list[Any]]] = []
        self._suspects: list[tuple[int, list[Any]]] = []
        self._is_one_alone = False

    def take(self, in_flight: int = 0) -> tuple[int, list[Any]] | None:
        """The number of the first item and the items of the next chunk; None at the end, or while one has to run alone."""
        if in_flight and (self._is_one_alone or self._suspects):
            return None
        self._is_one_alone = bool(self._suspects)
        if self._suspects:
            return self._suspects.pop(0)
        if self._returned:
            return self._returned.pop(0)
        chunk = list(islice(self._source, self._size()))
        start, self._start = self._start, self._start + len(chunk)
        if self._remaining is not None:
            self._remaining = max(self._remaining - len(chunk), 0)
        return (start, chunk) if chunk else None

    def give_back(self, start: int, chunk: list[Any]) -> None:
        """Items that were taken and not worked on; they are taken again, before others."""
        if chunk:
            self._returned.append((start, chunk))

    def suspect(self, start: int, chunk: list[Any]) -> None:
        """One of these items may end its worker: they are taken again in parts, each when nothing else is in flight."""
        size = -(-len(chunk) // _PARTS)
        self._suspects += [(start + first, chunk[first : first + size]) for first in range(0, len(chunk), size)]

    @property
    def has_returned(self) -> bool:
        """Whether items wait that were given back."""
        return bool(self._returned or self._suspects)

    @property
    def item_s(self) -> float | None:
        """How long an item takes, as far as it is known; whoever knows it from an earlier call may say so."""
        return self._item_s

    @item_s.setter
    def item_s(self, seconds: float | None) -> None:
        self._item_s = seconds

    def record_duration(self, count: int, seconds: float) -> None:
        """A chunk of `count` items took `seconds`; the newest duration has half of the weight."""
        item_s = seconds / max(count, 1)
        self._item_s = item_s if self._item_s is None else (self._item_s + item_s) / 2

    def record_bytes(self, count: int, size: int) -> None:
        """A chunk of `count` items, or its results, had so many bytes; the largest items so far limit the next chunks."""
        self._item_bytes = max(self._item_bytes, size / max(count, 1))

    def _size(self) -> int:
        if self._item_s is None:
            return 1
        size = self._size_by_time(max(self._item_s, 1e-9))
        return max(1, min(size, int(_LARGEST_CHUNK / self._item_bytes))) if self._item_bytes else size

    def _size_by_time(self, item_s: float) -> int:
        worth_sending = int(self._grain.shortest_s / item_s)
        if self._remaining is None:
            return min(max(1, worth_sending), self._grain.most_unknown)
        guided = self._remaining // (self.workers * _CHUNKS_A_WORKER)
        if self._grain.is_even and worth_sending * self.workers >= self._remaining:
            self._last = self._last or -(-self._remaining // self.workers)
            return min(self._last, int(self._grain.longest_s / item_s))
        worth_sending = min(worth_sending, self._remaining // self.workers)
        return max(1, min(max(guided, worth_sending), int(self._grain.longest_s / item_s)))


class Numbered:
    """Pairs (index, item), or `task(pair)` for each; has a length hint if the items have one."""

    def __init__(self, items: Iterable[Any], task: Callable[[tuple[int, Any]], Any] | None = None) -> None:
        self._items = items
        self._task = task

    def __iter__(self) -> Iterator[Any]:
        numbered = enumerate(self._items)
        return numbered if self._task is None else map(self._task, numbered)

    def __length_hint__(self) -> int:
        return length_hint(self._items)
