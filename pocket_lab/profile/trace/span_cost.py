"""The cost of recording a visit, measured in the process that records it."""

from __future__ import annotations

from itertools import pairwise
from statistics import median
from time import perf_counter
from typing import NamedTuple

from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node
from pocket_lab.graph.observers import Event, Run, Sink, Visit

_NODES, _ROUNDS, _RUNS = 20, 15, 10


class SpanCost(NamedTuple):
    """Seconds for each visit: those inside its span, and those after it."""

    inside_s: float
    outside_s: float


class _EventList:
    """Records the events of all runs in one list."""

    lazy_results = "timed"

    def __init__(self) -> None:
        self.events: list[Event] = []

    def begin(self, run: Run) -> Sink:
        """Append the events to the list."""
        return self.events.append


def measure_span_cost() -> SpanCost:
    """Run a chain of empty nodes with and without a recorder, alternately; takes about three milliseconds."""
    nodes = [Node(f"n{number}", exec=_nothing) for number in range(_NODES)]
    plain = Graph.from_edges(list(pairwise(nodes)))
    recorder = _EventList()
    observed = plain.observed(recorder)
    for graph in (plain, observed):
        graph.run()
    costs, spans = [], []
    for _ in range(_ROUNDS):
        recorder.events.clear()
        begun = perf_counter()
        for _ in range(_RUNS):
            plain.run()
        between = perf_counter()
        for _ in range(_RUNS):
            observed.run()
        visits = _RUNS * _NODES
        costs.append((perf_counter() - between - (between - begun)) / visits)
        calls_s = (between - begun) / visits
        visits_seen = [Visit.of(event) for event in recorder.events]
        spans.append(median(visit.ended_s - visit.begun_s for visit in visits_seen) - calls_s)
    inside_s = max(median(spans), 0.0)
    return SpanCost(inside_s, max(median(costs) - inside_s, 0.0))


def _nothing(value: None) -> None:
    return value
