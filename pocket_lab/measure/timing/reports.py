"""Custom metrics that the runs of a batch report."""

from __future__ import annotations

from collections.abc import Iterator

from pocket_lab.graph.context import Report
from pocket_lab.records.point import Point
from pocket_lab.records.samples import Metric


class Reports:
    """Collects the reports of one batch; `sink` is the list that a Context appends to."""

    __slots__ = ("sink",)

    def __init__(self) -> None:
        self.sink: list[Report] = []

    def clear(self) -> None:
        """Drop the reports of the previous batch."""
        self.sink.clear()

    def metrics(self, point: Point, round_number: int, loops: int) -> Iterator[Metric]:
        """One record for each node and name: the mean of its reports in this batch, and their number per run."""
        grouped: dict[tuple[str, str, str], list[float]] = {}
        for node, name, value, unit in self.sink:
            grouped.setdefault((node or point.target, name, unit), []).append(value)
        for (node, name, unit), values in grouped.items():
            yield Metric(point, node, name, sum(values) / len(values), unit, round_number, len(values) / loops)
