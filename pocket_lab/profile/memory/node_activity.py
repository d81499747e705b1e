"""When the nodes of a run were active, in the resolution that a picture needs."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

from pocket_lab.graph.observers import Event, Sink, Yielded
from pocket_lab.profile.lazy_results import opaque
from pocket_lab.records.memory import NodeActivity
from pocket_lab.records.point import Point

_MOST_VISITS = 20_000
_PARTS = 500  # a pause shorter than this part of the run is ignored


class Visits:
    """An observer that keeps the last 20,000 node visits of all runs together, and has their lazy results marked."""

    lazy_results = "marked"

    def __init__(self) -> None:
        self._events: deque[Event] = deque(maxlen=_MOST_VISITS)

    def begin(self, run: Any) -> Sink:
        """Return the sink for events, which is the queue itself."""
        return self._events.append

    def clear(self) -> None:
        """Forget all visits."""
        self._events.clear()

    def opaque(self) -> set[tuple[str, str]]:
        """The nodes with results that cannot be followed."""
        return opaque(self._events)

    @property
    def is_full(self) -> bool:
        """Whether earlier visits may have been dropped."""
        return len(self._events) == _MOST_VISITS

    def activity(self, point: Point, begun_s: float, ended_s: float) -> Iterator[NodeActivity]:
        """Yield the intervals in which each node was active, nodes in the order of their first visits."""
        visits: dict[str, list[tuple[float, float]]] = {}
        for node, start_s, end_s, _, details in sorted(self._events, key=lambda event: event[1]):
            if isinstance(details, Yielded):
                continue
            visits.setdefault(node, []).append((start_s - begun_s, end_s - begun_s))
        pause_s = (ended_s - begun_s) / _PARTS
        for node, spans in visits.items():
            start_s, end_s = spans[0]
            for next_start_s, next_end_s in spans[1:]:
                if next_start_s > end_s + pause_s:
                    yield NodeActivity(point, node, start_s, end_s)
                    start_s, end_s = next_start_s, next_end_s
                end_s = max(end_s, next_end_s)
            yield NodeActivity(point, node, start_s, end_s)
