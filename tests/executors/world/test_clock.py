"""Times and deadlines of a worker whose clock is ahead are those of the caller's clock."""

from __future__ import annotations

import os
import time
from typing import Any

import pytest
from clusters import ForeignCluster

from pocket_lab import Graph, Node
from pocket_lab.executors.cluster import joined
from pocket_lab.executors.registry import open_pool
from pocket_lab.executors.world.clock import AHEAD_S
from pocket_lab.graph.context import Context
from pocket_lab.graph.observers import Collector, Run, Visit, Yielded


def test_all_times_of_an_event_move_and_nothing_else() -> None:
    collector = Collector()
    sink = collector.begin(Run(0, "g", None, None, "w"))
    sink(("n", 10.0, 14.0, "default", (11.0, 13.0, (12.0,), "")))
    sink(("n", 10.0, 14.0, "default", None))
    sink(("n", 10.0, 14.0, "(yielded)", Yielded(9.0, 0.5, 0.1, 3, "w", "ended")))
    ((_, events),) = collector.take(ahead_s=8.0)
    assert Visit.of(events[0]) == Visit("n", 2.0, 3.0, 5.0, 6.0, "default", (4.0,), "")
    assert events[1] == ("n", 2.0, 6.0, "default", None)
    assert events[2] == ("n", 2.0, 6.0, "(yielded)", Yielded(1.0, 0.5, 0.1, 3, "w", "ended"))


def test_a_worker_on_another_machine_gets_deadlines_of_its_own_clock_and_a_caveat(
    foreign: ForeignCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def an_hour_ahead(self: Any, address: str) -> tuple[float, float]:
        return 3600.0, 0.002

    monkeypatch.setattr(joined.JoinedCluster, "_clock_of", an_hour_ahead)
    monkeypatch.setattr(joined, "this_machine", lambda: "another boot")
    graph = Graph(Node("left", exec=lambda item, ctx: (AHEAD_S.get(), ctx.left_s())))
    with open_pool(foreign.address, 1) as pool:
        ((ahead_s, left_s),) = graph.map([1], context=Context(pool, deadline_s=time.monotonic() + 100.0))
        assert ahead_s == 3600.0
        assert 3600.0 < left_s < 3701.0
        (message,) = pool.clock_doubts
    assert f"workers on {os.uname().nodename} have a clock of their own, which was compared with ours to within 2" in message
