"""Self time: of each span, without the spans inside it, and of each node."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from pocket_lab.records.spans import NodeTime, Span, Traced


@dataclass(slots=True)
class NodeTotals:
    """Calls and errors of one node, and its self time in seconds by phase, including waits of its items ("queue")."""

    calls: int = 0
    errors: int = 0
    phases: dict[str, float] = field(default_factory=dict)

    @property
    def wall_s(self) -> float:
        """Seconds of all phases except the queue."""
        return sum(seconds for phase, seconds in self.phases.items() if phase != "queue")


def self_times(spans: Sequence[Span], inside_s: float = 0.0, outside_s: float = 0.0) -> dict[int, float]:
    """Seconds by id of the span, without the time in which a span inside it was running on any worker.

    Waits of items are not subtracted from the spans around them. A "yield" has the time of its resumptions, which the span
    around it has not. The cost of recording is subtracted: `inside_s` from every span, `outside_s` for every span of the same
    worker inside it, and what timing the resumptions inside it took.
    """
    children: dict[int, list[Span]] = {}
    yielded: dict[int, float] = {}
    for span in spans:
        if span.parent is not None and span.busy_s is not None:
            seconds = span.busy_s + span.cost_s
            yielded[span.parent] = yielded.get(span.parent, 0.0) + seconds
        elif span.parent is not None and span.phase != "queue":
            children.setdefault(span.parent, []).append(span)
    own = {}
    for span in spans:
        inner = children.get(span.id, [])
        seconds = span.end_s - span.start_s
        if span.busy_s is not None:
            seconds = span.busy_s
        elif span.phase != "queue":
            seconds -= covered_s(((s.start_s, s.end_s) for s in inner), span.start_s, span.end_s) + yielded.get(span.id, 0.0)
            seconds -= inside_s + outside_s * sum(s.worker == span.worker for s in inner)
        own[span.id] = max(seconds, 0.0)
    return own


def covered_s(intervals: Iterable[tuple[float, float]], start_s: float, end_s: float) -> float:
    """Seconds between two times that are covered by at least one of the intervals."""
    total, reached = 0.0, start_s
    for begin, end in sorted(intervals):
        begin, end = max(begin, reached), min(end, end_s)
        if end > begin:
            total += end - begin
            reached = end
    return total


def node_times(spans: Sequence[Span], inside_s: float = 0.0, outside_s: float = 0.0) -> dict[str, NodeTotals]:
    """Totals by node, in the order of the first spans.

    A fan-out that has the name of the node inside it counts as that node: its own visits are not counted as calls, and what
    they take besides, such as the wait for worker processes, is the runtime's and not the node's.
    """
    own = self_times(spans, inside_s, outside_s)
    names = {span.id: span.node for span in spans}
    around = {s.parent for s in spans if s.parent is not None and s.phase != "yield" and names.get(s.parent) == s.node}
    nodes: dict[str, NodeTotals] = {}
    for span in spans:
        times = nodes.setdefault(span.node, NodeTotals())
        if span.id not in around:
            times.phases[span.phase] = times.phases.get(span.phase, 0.0) + own[span.id]
            times.calls += is_last(span)
            times.errors += span.outcome == "failed" and span.phase != "retry"
    return nodes


def is_last(span: Span) -> bool:
    """Whether it is the last span of a visit: the one with the action, or the one whose failure was final."""
    return bool(span.action) or (span.outcome == "failed" and span.phase != "retry")


def node_records(traced: Traced, spans: Sequence[Span]) -> Iterator[NodeTime]:
    """A record for each node; `share` is its part of the time of all nodes together."""
    nodes = node_times(spans, traced.inside_s, traced.outside_s)
    total_s = sum(times.wall_s for times in nodes.values())
    for node, times in nodes.items():
        share = times.wall_s / total_s if total_s else 0.0
        queue_s = times.phases.get("queue", 0.0)
        yield NodeTime(traced.point, node, times.calls, times.wall_s, share, queue_s, times.errors)
