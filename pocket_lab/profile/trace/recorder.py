"""A recorder of runs: their events are kept in lists, and become Spans after the run."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from pocket_lab.graph.observers import Event, Run, Sink, Visit, Yielded
from pocket_lab.profile.trace.yields import Consumed, InnermostParts, consumed_by
from pocket_lab.records.point import Point
from pocket_lab.records.spans import Span

_MOST_RUNS = 100_000


class Recorder:
    """An observer that keeps the events of at most 100,000 runs; `left_out` counts the other runs."""

    lazy_results = "timed"

    def __init__(self) -> None:
        self.runs: list[tuple[Run, list[Event]]] = []
        self.left_out = 0

    def begin(self, run: Run) -> Sink:
        """A new list for the events of the run."""
        if len(self.runs) >= _MOST_RUNS:
            self.left_out += 1
            return _ignore
        events: list[Event] = []
        self.runs.append((run, events))
        return events.append


def _ignore(event: Event) -> None:
    """Drop the event of a run that is left out."""


@dataclass(slots=True)
class _Part:
    """One phase of a visit, or one failed attempt: a Span without parent; times are those of `perf_counter`."""

    node: str
    phase: str
    start_s: float
    end_s: float
    attempt: int = 1
    outcome: str = "ok"
    action: str = ""
    id: int = 0
    worker: str = ""
    busy_s: float | None = None
    cost_s: float = 0.0
    resumptions: int = 0


class _RunParts:
    """A run and the parts of its visits in order of time; parts of one run do not overlap."""

    def __init__(self, run: Run, events: Sequence[Event]) -> None:
        self.run = run
        self.events = events
        visits = [Visit.of(event) for event in events if not isinstance(event[4], Yielded)]
        self.parts = [part for visit in visits for part in _parts_of(visit)]
        self.starts = [part.start_s for part in self.parts]

    def part_at(self, at_s: float) -> _Part | None:
        """The part that was running at this time."""
        index = bisect_right(self.starts, at_s) - 1
        return self.parts[index] if index >= 0 else None


def _parts_of(visit: Visit) -> list[_Part]:
    """The phases of a visit whose duration is not zero; the last one has the action of the visit."""
    parts = []
    if visit.prepared_s > visit.begun_s or visit.failed == "prep":
        parts += _attempts(visit, "prep", visit.begun_s, visit.prepared_s)
    if visit.failed != "prep":
        parts += _attempts(visit, "exec", visit.prepared_s, visit.executed_s)
        if visit.ended_s > visit.executed_s:
            outcome = "failed" if visit.failed == "post" else "ok"
            parts.append(_Part(visit.node, "post", visit.executed_s, visit.ended_s, outcome=outcome))
    parts[-1].action = visit.action
    return parts


def _attempts(visit: Visit, phase: str, start_s: float, end_s: float) -> list[_Part]:
    """A part for each attempt that was repeated, including the delay after it, and one for the last attempt."""
    starts = [start_s, *(at_s for at_s in visit.retried if start_s < at_s <= end_s)]
    parts = [
        _Part(visit.node, "retry", begin, end, attempt, "failed") for attempt, (begin, end) in enumerate(pairwise(starts), 1)
    ]
    failed = visit.failed == phase or (phase == "exec" and visit.failed == "fallback")
    return [*parts, _Part(visit.node, phase, starts[-1], end_s, len(starts), "failed" if failed else "ok")]


def spans_of(point: Point, runs: Sequence[tuple[Run, Sequence[Event]]], origin_s: float) -> list[Span]:
    """Every phase of every visit as a Span, by start; times count from `origin_s`, the start of the first run.

    The parent of an inner run is the span of the outer run that was running when the first node of the inner run began: the
    visits of one run do not overlap, so that there is exactly one. The parent of a "yield" is the innermost span of its worker
    that was running when it was resumed.
    """
    parted = [_RunParts(run, events) for run, events in runs if events]
    by_number = {inner.run.number: inner for inner in parted if inner.parts}
    outermost = _outermost(by_number)
    rows: list[tuple[_Part, _RunParts, _Part | None]] = []
    for inner in by_number.values():
        outer = by_number.get(inner.run.parent.number) if inner.run.parent is not None else None
        parent = outer.part_at(inner.starts[0]) if outer is not None else None
        if inner.run.item is not None:
            ready_s = origin_s if parent is None else parent.start_s
            if inner.starts[0] > ready_s:
                rows.append((_Part(inner.parts[0].node, "queue", ready_s, inner.starts[0]), inner, parent))
        rows += [(part, inner, parent) for part in inner.parts]
    rows += _yields(by_number)
    rows.sort(key=lambda row: (row[0].start_s, -row[0].end_s))
    for id, (part, _, _) in enumerate(rows):
        part.id = id
    return [
        Span(
            point,
            outermost[inner.run.number],
            part.id,
            None if parent is None else parent.id,
            part.node,
            part.phase,
            part.action,
            part.start_s - origin_s,
            part.end_s - origin_s,
            part.worker or inner.run.worker,
            _item(inner.run),
            part.attempt,
            part.outcome,
            part.busy_s,
            part.cost_s,
            part.resumptions,
        )
        for part, inner, parent in rows
    ]


def _yields(by_number: dict[int, _RunParts]) -> list[tuple[_Part, _RunParts, _Part | None]]:
    """A part for the work of each lazy result in each part that resumed it, which is its parent."""
    if not any(isinstance(event[4], Yielded) for inner in by_number.values() for event in inner.events):
        return []
    parts: dict[str, list[tuple[_Part, float, float]]] = {}
    for inner in by_number.values():
        parts.setdefault(inner.run.worker, []).extend((part, part.start_s, part.end_s) for part in inner.parts)
    by_worker = {worker: InnermostParts(found) for worker, found in parts.items()}
    return [
        (_yield_of(consumed), inner, consumed.part)
        for inner in by_number.values()
        for consumed in consumed_by(inner.events, by_worker)
    ]


def _yield_of(consumed: Consumed[_Part]) -> _Part:
    part = _Part(consumed.node, "yield", consumed.start_s, consumed.end_s, outcome=consumed.outcome, worker=consumed.worker)
    part.busy_s, part.cost_s, part.resumptions = consumed.busy_s, consumed.cost_s, consumed.resumptions
    return part


def _outermost(by_number: dict[int, _RunParts]) -> dict[int, int]:
    """For each run the position of its outermost run among all outermost runs, in the order in which they began."""
    tops = {}
    for number, inner in by_number.items():
        top = inner.run
        while top.parent is not None and top.parent.number in by_number:
            top = top.parent
        tops[number] = top.number
    order = sorted(set(tops.values()), key=lambda number: by_number[number].starts[0])
    positions = {number: position for position, number in enumerate(order)}
    return {number: positions[top] for number, top in tops.items()}


def _item(run: Run) -> int | None:
    """The index of the run's item, or of the nearest outer run that has one."""
    outer: Run | None = run
    while outer is not None and outer.item is None:
        outer = outer.parent
    return None if outer is None else outer.item
