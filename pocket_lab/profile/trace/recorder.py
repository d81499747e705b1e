"""A recorder of runs: what it is told while they run is a list, and becomes Spans afterwards."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from pocket_lab.graph.observers import Event, Run, Sink, Visit
from pocket_lab.records.point import Point
from pocket_lab.records.spans import Span

_MOST_RUNS = 100_000


class Recorder:
    """An observer that keeps the visits of every run, up to 100,000 runs; `left_out` counts the others."""

    def __init__(self) -> None:
        self.runs: list[tuple[Run, list[Event]]] = []
        self.left_out = 0

    def begin(self, run: Run) -> Sink:
        """A new list of events."""
        if len(self.runs) >= _MOST_RUNS:
            self.left_out += 1
            return _ignore
        events: list[Event] = []
        self.runs.append((run, events))
        return events.append


def _ignore(event: Event) -> None:
    """The sink of a run that is left out."""


@dataclass(slots=True)
class _Piece:
    """A span in the making; its times are those of the clock."""

    node: str
    phase: str
    start_s: float
    end_s: float
    attempt: int = 1
    outcome: str = "ok"
    action: str = ""
    id: int = 0


class _Traced:
    """A run with its pieces in their order, which do not overlap."""

    def __init__(self, run: Run, events: Sequence[Event]) -> None:
        self.run = run
        self.pieces = [piece for event in events for piece in _pieces_of(Visit.of(event))]
        self.starts = [piece.start_s for piece in self.pieces]

    def piece_at(self, at_s: float) -> _Piece | None:
        """The piece during which something began."""
        place = bisect_right(self.starts, at_s) - 1
        return self.pieces[place] if place >= 0 else None


def _pieces_of(visit: Visit) -> list[_Piece]:
    """The phases of a visit that took any time; the last one bears its action."""
    pieces = []
    if visit.prepared_s > visit.begun_s or visit.failed == "prep":
        pieces += _attempts(visit, "prep", visit.begun_s, visit.prepared_s)
    if visit.failed != "prep":
        pieces += _attempts(visit, "exec", visit.prepared_s, visit.executed_s)
        if visit.ended_s > visit.executed_s:
            outcome = "failed" if visit.failed == "post" else "ok"
            pieces.append(_Piece(visit.node, "post", visit.executed_s, visit.ended_s, outcome=outcome))
    pieces[-1].action = visit.action
    return pieces


def _attempts(visit: Visit, phase: str, start_s: float, end_s: float) -> list[_Piece]:
    """A piece for each attempt that was repeated, with the wait after it, and one for the last."""
    begun = [start_s, *(at_s for at_s in visit.retried if start_s < at_s <= end_s)]
    pieces = [
        _Piece(visit.node, "retry", one, other, attempt, "failed") for attempt, (one, other) in enumerate(pairwise(begun), 1)
    ]
    failed = visit.failed == phase or (phase == "exec" and visit.failed == "fallback")
    return [*pieces, _Piece(visit.node, phase, begun[-1], end_s, len(begun), "failed" if failed else "ok")]


def spans_of(point: Point, runs: Sequence[tuple[Run, Sequence[Event]]], origin_s: float) -> list[Span]:
    """Every phase of every visit as a Span, by start; times count from `origin_s`, when the first run was asked for.

    A run inside another one lies in the span of it that was under way when its first node began: the visits of one run
    follow each other, so that there is one such span.
    """
    traced = {run.number: _Traced(run, events) for run, events in runs if events}
    outermost = _outermost(traced)
    placed: list[tuple[_Piece, _Traced, _Piece | None]] = []
    for one in traced.values():
        above = traced.get(one.run.parent.number) if one.run.parent is not None else None
        holder = above.piece_at(one.starts[0]) if above is not None else None
        if one.run.item is not None:
            ready_s = origin_s if holder is None else holder.start_s
            if one.starts[0] > ready_s:
                placed.append((_Piece(one.pieces[0].node, "queue", ready_s, one.starts[0]), one, holder))
        placed += [(piece, one, holder) for piece in one.pieces]
    placed.sort(key=lambda place: (place[0].start_s, -place[0].end_s))
    for id, (piece, _, _) in enumerate(placed):
        piece.id = id
    return [
        Span(
            point,
            outermost[one.run.number],
            piece.id,
            None if holder is None else holder.id,
            piece.node,
            piece.phase,
            piece.action,
            piece.start_s - origin_s,
            piece.end_s - origin_s,
            one.run.worker,
            _item(one.run),
            piece.attempt,
            piece.outcome,
        )
        for piece, one, holder in placed
    ]


def _outermost(traced: dict[int, _Traced]) -> dict[int, int]:
    """The number of the outermost run around each, by the order in which those began."""
    tops = {}
    for number, one in traced.items():
        top = one.run
        while top.parent is not None and top.parent.number in traced:
            top = top.parent
        tops[number] = top.number
    order = sorted(set(tops.values()), key=lambda number: traced[number].starts[0])
    places = {number: place for place, number in enumerate(order)}
    return {number: places[top] for number, top in tops.items()}


def _item(run: Run) -> int | None:
    """The index of the nearest item around it."""
    around: Run | None = run
    while around is not None and around.item is None:
        around = around.parent
    return None if around is None else around.item
