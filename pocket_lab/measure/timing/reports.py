"""What the runs of a batch report of themselves: the user's own metrics."""

from __future__ import annotations

from collections.abc import Iterator

from pocket_lab.graph.context import Report
from pocket_lab.records.point import Point
from pocket_lab.records.samples import Metric


class Reports:
    """Collects the reports of one batch; `sink` is what a Context is given."""

    __slots__ = ("sink",)

    def __init__(self) -> None:
        self.sink: list[Report] = []

    def clear(self) -> None:
        """Forget those of the batch before."""
        self.sink.clear()

    def metrics(self, point: Point, round_number: int, loops: int) -> Iterator[Metric]:
        """One record for each node and name: the mean of its reports in this batch, and how many a run makes."""
        told: dict[tuple[str, str, str], list[float]] = {}
        for node, name, value, unit in self.sink:
            told.setdefault((node or point.target, name, unit), []).append(value)
        for (node, name, unit), values in told.items():
            yield Metric(point, node, name, sum(values) / len(values), unit, round_number, len(values) / loops)
