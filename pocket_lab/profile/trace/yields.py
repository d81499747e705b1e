"""Which visit consumed a lazy result when: the work of a generator as a part of the visit that resumed it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pocket_lab.graph.observers import Event, Yielded

P = TypeVar("P")


@dataclass(slots=True)
class Consumed(Generic[P]):
    """The work of one lazy result inside one part of a visit (None outside every visit), by which it was resumed."""

    node: str
    worker: str
    part: P | None
    start_s: float
    end_s: float
    busy_s: float = 0.0
    cost_s: float = 0.0
    resumptions: int = 0
    outcome: str = "ok"


class InnermostParts(Generic[P]):
    """The parts of visits of one worker, by which of them was the innermost at each moment."""

    def __init__(self, parts: Iterable[tuple[P, float, float]]) -> None:
        """Parts with their starts and ends; those of one worker lie one inside the other, or one after the other."""
        edges = [(start_s, 1, end_s, part) for part, start_s, end_s in parts if end_s > start_s]
        edges += [(end_s, 0, 0.0, part) for _, _, end_s, part in edges]
        edges.sort(key=lambda edge: (edge[0], edge[1], -edge[2]))
        self._starts: list[float] = []
        self._innermost: list[P | None] = []
        running: dict[int, P] = {}
        for at_s, begins, _, part in edges:
            if begins:
                running[id(part)] = part
            else:
                running.pop(id(part), None)
            self._starts.append(at_s)
            self._innermost.append(next(reversed(running.values()), None))

    def shares(self, start_s: float, end_s: float) -> list[tuple[P | None, float, float]]:
        """The innermost parts of this interval, each with its piece of it."""
        pieces: list[tuple[P | None, float, float]] = []
        index = bisect_right(self._starts, start_s) - 1
        while start_s < end_s or not pieces:
            until_s = self._starts[index + 1] if index + 1 < len(self._starts) else end_s
            part = self._innermost[index] if index >= 0 else None
            if (piece_s := min(until_s, end_s)) > start_s or start_s == end_s:
                pieces.append((part, start_s, piece_s))
            if index + 1 >= len(self._starts):
                break
            start_s, index = max(start_s, until_s), index + 1
        return pieces


def consumed_by(events: Sequence[Event], by_worker: dict[str, InnermostParts[P]]) -> list[Consumed[P]]:
    """The work of the lazy results of one run, for each of them and each part that resumed it, in the order of the first.

    Resumptions that were reported together count for the parts in proportion to the time that they share.
    """
    found: dict[tuple[str, float, int], Consumed[P]] = {}
    for node, begun_s, ended_s, _, details in events:
        if not isinstance(details, Yielded) or details.outcome in ("open", "opaque"):
            continue
        parts_here = by_worker.get(details.worker)
        pieces = parts_here.shares(begun_s, ended_s) if parts_here is not None else [(None, begun_s, ended_s)]
        for part, start_s, end_s in pieces:
            if not details.resumptions:
                break
            share = (end_s - start_s) / (ended_s - begun_s) if len(pieces) > 1 else 1.0
            key = (node, details.visit_s, id(part))
            consumed = found.setdefault(key, Consumed(node, details.worker, part, start_s, end_s))
            consumed.end_s = end_s
            consumed.busy_s += details.busy_s * share
            consumed.cost_s += details.cost_s * share
            consumed.resumptions += round(details.resumptions * share)
            if details.outcome == "failed":
                consumed.outcome = "failed"
    return list(found.values())
