"""When the nodes of a run were at work, as far as a picture needs it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

from pocket_lab.graph.observers import Event, Sink
from pocket_lab.records.memory import NodeActivity
from pocket_lab.records.point import Point

_MOST_VISITS = 20_000
_PARTS = 500  # a pause shorter than this part of the run is none


class Visits:
    """An observer that keeps the last 20,000 visits of all runs together, and nothing else."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque(maxlen=_MOST_VISITS)

    def begin(self, run: Any) -> Sink:
        """The queue itself takes the events."""
        return self._events.append

    def clear(self) -> None:
        """Forget all of them."""
        self._events.clear()

    @property
    def is_full(self) -> bool:
        """Whether there may have been more."""
        return len(self._events) == _MOST_VISITS

    def activity(self, point: Point, begun_s: float, ended_s: float) -> Iterator[NodeActivity]:
        """By node, in the order in which they began: the stretches in which it was at work."""
        visits: dict[str, list[tuple[float, float]]] = {}
        for node, start_s, end_s, *_ in sorted(self._events, key=lambda event: event[1]):
            visits.setdefault(node, []).append((start_s - begun_s, end_s - begun_s))
        pause_s = (ended_s - begun_s) / _PARTS
        for node, spans in visits.items():
            start_s, end_s = spans[0]
            for other_s, until_s in spans[1:]:
                if other_s > end_s + pause_s:
                    yield NodeActivity(point, node, start_s, end_s)
                    start_s, end_s = other_s, until_s
                end_s = max(end_s, until_s)
            yield NodeActivity(point, node, start_s, end_s)
