"""Visits that return a generator, or another lazy result: they end with its work, which their consumers have not."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from pocket_lab.graph.observers import Event, Yielded

_KEPT = 64  # of one worker: they are needed until the visits around them end


@dataclass(slots=True)
class _Resumed:
    """Work of the lazy result of one visit, with its timing, between two ends of visits of one worker."""

    first_s: float
    visit_s: float
    busy_s: float = 0.0


@dataclass(slots=True)
class _Open:
    """The visit of a lazy result that has not ended, and what its resumptions have taken until now."""

    visit: Event | None = None
    busy_s: float = 0.0


class LazyVisits:
    """Rewrites the events of visits; one object serves all threads. Until the first lazy result it is not `is_active`."""

    def __init__(self) -> None:
        self.is_active = False
        self._open: dict[tuple[str, float], _Open] = {}
        self._resumed: dict[str, deque[_Resumed]] = {}
        self._since: dict[str, dict[float, _Resumed]] = {}  # the last end of a visit, by the visit of the result

    def yielded(self, event: Event, details: Yielded) -> Event | None:
        """Take the event of a lazy result; the event of its visit where the result has ended."""
        node, begun_s, ended_s, _, _ = event
        key = node, details.visit_s
        if details.outcome == "open":
            self._open[key] = _Open()
            self.is_active = True
        if details.outcome in ("open", "opaque"):
            return None
        if details.resumptions:
            since = self._since.setdefault(details.worker, {})
            if (resumed := since.get(details.visit_s)) is None:
                resumed = since[details.visit_s] = _Resumed(begun_s, details.visit_s)
                self._resumed.setdefault(details.worker, deque(maxlen=_KEPT)).append(resumed)
            resumed.busy_s += details.busy_s + details.cost_s
        opened = self._open.get(key)
        if opened is None:
            return None
        opened.busy_s += details.busy_s
        if details.outcome == "suspended":
            return None
        del self._open[key]
        if opened.visit is None:
            return None
        _, called_s, returned_s, action, phases = opened.visit
        took_s = returned_s - called_s + opened.busy_s
        if details.outcome == "failed":
            phases = (ended_s, ended_s, (), "exec")
        return node, ended_s - took_s, ended_s, action, phases

    def visited(self, event: Event, worker: str) -> Event | None:
        """The event of a visit without the work of lazy results of earlier visits; None for one whose own is still open."""
        node, begun_s, ended_s, action, phases = event
        others_s = 0.0
        for resumed in reversed(list(self._resumed.get(worker, ()))):  # threads may have the same name
            if resumed.first_s < begun_s:
                break
            if resumed.visit_s < begun_s:
                others_s += resumed.busy_s
        self._since.pop(worker, None)
        event = node, min(begun_s + others_s, ended_s), ended_s, action, phases
        if (opened := self._open.get((node, begun_s))) is None:
            return event
        opened.visit = event
        return None
