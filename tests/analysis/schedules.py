"""Traces that are made up: the spans of a schedule, as `Trace.frame` has them."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush
from typing import Any

import pandas as pd
from hypothesis import strategies as st

COLUMNS = ["run", "id", "parent", "node", "phase", "action", "start_s", "end_s", "worker", "item", "attempt", "outcome"]
COLUMNS += ["busy_s", "cost_s", "resumptions"]
Items = Sequence[Sequence[tuple[str, float]]]  # of each item the nodes with their seconds


class Schedule:
    """Adds spans one after the other; `now_s` is where it has come."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.now_s = 0.0

    def add(self, node: str, start_s: float, end_s: float, **fields: Any) -> int:
        """One span; its id."""
        id = len(self.rows)
        row = {"run": 0, "id": id, "parent": None, "node": node, "phase": "exec", "action": "default", "start_s": start_s}
        row |= {"end_s": end_s, "worker": "caller", "item": None, "attempt": 1, "outcome": "ok"}
        row |= {"busy_s": None, "cost_s": 0.0, "resumptions": 0}
        self.rows.append({**row, **fields})
        return id

    def work(self, node: str, seconds: float, gap_s: float = 0.0) -> Schedule:
        """A node of the outermost run."""
        self.now_s += gap_s
        self.add(node, self.now_s, self.now_s + seconds)
        self.now_s += seconds
        return self

    def spread(self, items: Items, workers: int, name: str = "each", gap_s: float = 0.0) -> Schedule:
        """A fan-out: each item goes to the worker that is free first, after a gap."""
        begun_s = self.now_s
        around = self.add(name, begun_s, begun_s)
        free = [(begun_s, worker) for worker in range(workers)]
        for index, item in enumerate(items):
            at_s, worker = heappop(free)
            where = {"parent": around, "item": index, "worker": f"pocket-lab-worker_{worker}"}
            at_s += gap_s
            self.add(item[0][0], begun_s, at_s, phase="queue", action="", **where)
            for node, seconds in item:
                self.add(node, at_s, at_s + seconds, **where)
                at_s += seconds
            heappush(free, (at_s, worker))
        self.now_s = max([row["end_s"] for row in self.rows if row["parent"] == around], default=begun_s)
        self.rows[around]["end_s"] = self.now_s
        return self

    @property
    def frame(self) -> pd.DataFrame:
        """The spans by start."""
        frame = pd.DataFrame(self.rows, columns=COLUMNS).astype({"parent": "Int64", "item": "Int64", "busy_s": float})
        return frame.sort_values(["start_s", "id"], kind="stable", ignore_index=True)


seconds = st.integers(1, 50).map(lambda number: number / 10)
nodes = st.sampled_from(["a", "b", "c"])
items = st.lists(st.lists(st.tuples(nodes, seconds), min_size=1, max_size=3), min_size=1, max_size=8)
steps = st.one_of(st.tuples(nodes, seconds), st.tuples(items, st.integers(1, 4)))
gaps = st.sampled_from([0.0, 0.25])


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    """Chains of nodes and fan-outs."""
    schedule = Schedule()
    for first, second in draw(st.lists(steps, min_size=1, max_size=5)):
        gap_s = draw(gaps)
        if isinstance(first, str):
            schedule.work(first, second, gap_s)
        else:
            schedule.spread(first, second, gap_s=gap_s)
    return schedule
