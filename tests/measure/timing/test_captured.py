"""Large objects that functions capture are named with their size, where they go to worker processes."""

from __future__ import annotations

from typing import Any

import pytest

from pocket_lab import Graph, Node, fan_out
from pocket_lab.measure.job import Input
from pocket_lab.measure.planning import plan_job
from pocket_lab.measure.sweep import parse_sweep
from pocket_lab.measure.timing.captured import captured_caveats


def caveats(function: Any, executors: str) -> list[str]:
    graph = Graph(Node("upto", exec=range) >> fan_out(Node("work", exec=function)))
    job = plan_job(graph, Input.ABSENT, parse_sweep(sizes=3, workers=2, executors=executors))
    return [caveat.message for caveat in captured_caveats(job) if caveat.code == "captured-large"]


@pytest.mark.parametrize("executor", ["processes", "cluster", "tcp://host:8786"])
def test_a_large_object_is_named_with_its_size(executor: str) -> None:
    table, small = bytes(8 << 20), b"x"

    def look(item: int) -> int:
        return table[item] + small[0]

    (message,) = caveats(look, executor)
    assert 'look captures "table" (8.00 MiB), which goes to each worker of ' + executor in message


def test_threads_share_it_and_small_ones_are_not_named() -> None:
    table, small = bytes(8 << 20), bytes(1000)
    assert caveats(lambda item: table[item], "threads") == []
    assert caveats(lambda item: small[item], "processes,cluster") == []


def test_what_cannot_be_pickled_is_left_to_the_error_of_the_target() -> None:
    lines = (line for line in "ab")
    assert caveats(lambda item: next(lines), "cluster") == []
