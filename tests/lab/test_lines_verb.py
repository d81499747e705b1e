"""lines on built truths: exact hits wherever a node runs, helpers, points, and nothing left behind."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Any

import pytest
from counted import Machine, helper, later, split, work

from pocket_lab import Graph, NodeError, UsageError, fan_out, lines, node

ITEMS = 30


def hits(frame: Any, node_: str | None = None) -> dict[str, int]:
    rows = frame if node_ is None else frame[frame["node"] == node_]
    return {row["source"].strip(): row["hits"] for row in rows.to_dict("records")}


def check_hits(frame: Any, calls: int) -> None:
    """The hits of `helper`, which the nodes call `calls` times with 10, and where a Machine is at work as often with 5."""
    steps = 10 * ITEMS + 5 * (calls - ITEMS)
    assert hits(frame, "helper()")["for step in range(value):"] == steps + calls
    assert hits(frame, "helper()")["total += step"] == steps
    assert hits(frame, "helper()")["return total"] == calls
    assert hits(frame)["result = helper(10)"] == ITEMS
    if calls > ITEMS:
        assert hits(frame, "Machine.turn()")["return helper(value) + 1"] == ITEMS
    assert frame.loc[frame["hits"] > 0, "time_s"].min() > 0


def test_hits_are_exact_on_every_executor_those_of_helpers_too() -> None:
    executors = ["serial", "threads", "processes"]
    frame = lines(Graph(split >> fan_out(work)), size=ITEMS, also=[helper, Machine], executors=executors, workers=3).frame
    assert sorted(set(zip(frame["executor"], frame["workers"], strict=True))) == [
        ("processes", 3),
        ("serial", 1),
        ("threads", 3),
    ]
    for executor in executors:
        check_hits(frame[frame["executor"] == executor], 2 * ITEMS)


def test_hits_of_tasks_are_exact() -> None:
    graph = Graph(split >> fan_out(later))
    check_hits(lines(graph, size=ITEMS, also=[helper, Machine], executor="asyncio", workers=3).frame, ITEMS)


def test_hits_in_this_process_are_exact() -> None:
    options: dict[str, Any] = {"isolation": "kernel", "executor": "threads", "workers": 3}
    check_hits(lines(Graph(split >> fan_out(work)), size=ITEMS, also=[helper, Machine], **options).frame, 2 * ITEMS)


def test_a_class_of_the_notebook_in_worker_processes() -> None:
    def local_helper(value: int) -> int:
        return value + 1

    @node
    def local_work(item: int) -> int:
        return local_helper(item)

    frame = lines(Graph(split >> fan_out(local_work)), size=8, also=local_helper, executor="processes", workers=2).frame
    assert hits(frame)["return value + 1"] == hits(frame)["return local_helper(item)"] == 8


def test_several_points_each_with_its_own_lines() -> None:
    result = lines(Graph(split >> fan_out(work)), sizes=[2, 5], workers="1,2", executor="threads")
    counted = result.frame[result.frame["source"].str.strip() == "result = helper(10)"]
    assert {(row.size, row.workers): row.hits for row in counted.itertuples(index=False)} == {
        (2, 1): 2,
        (2, 2): 2,
        (5, 1): 5,
        (5, 2): 5,
    }
    assert result.frame.groupby(["size", "workers"])["share"].sum().to_list() == pytest.approx([1.0] * 4)
    assert list(result.frame.columns[:7]) == ["node", "file", "line", "hits", "time_s", "share", "source"]
    assert "size 5, threads x 2" in result.to_html()
    assert any("waits for the interpreter lock" in caveat.message for caveat in result.caveats)


def test_under_load_every_request_counts() -> None:
    result = lines(helper, size=3, drive="load", workers=2, executor="threads")
    found = hits(result.frame)
    assert found["return total"] > 10
    assert found["total += step"] == 3 * found["return total"]


def test_what_has_no_python_code_is_said_and_skipped() -> None:
    result = lines(work, size=1, also=[len, helper])
    assert "also: len has no Python function and was left out" in [caveat.message for caveat in result.caveats]
    assert "helper()" in set(result.frame["node"])
    with pytest.raises(UsageError, match="not a function, class or module"):
        lines(work, size=1, also="helper")


def starts_a_process(n: int) -> int:
    return os.system("true") + n


def test_processes_that_a_node_starts_are_said_to_be_missing() -> None:
    """rkern/line_profiler 54: the functions that multiprocessing runs are missing there without a word."""
    caveats = lines(starts_a_process, size=1).caveats
    (found,) = [caveat for caveat in caveats if caveat.code == "own-processes"]
    assert '1 process was started (1 by node "starts_a_process") and not followed' in found


def test_nothing_is_left_in_this_process_after_an_error_and_an_interrupt() -> None:
    code = helper.__code__

    def stopped(size: int) -> None:
        signal.raise_signal(signal.SIGINT)

    @node
    def boom(size: int) -> float:
        return 1 / (size - 1)

    for _ in range(2):
        with pytest.raises(NodeError):
            lines(boom, size=1, also=helper, isolation="kernel")
        with pytest.raises(KeyboardInterrupt):
            lines(stopped, size=1, also=helper, isolation="kernel")
        assert helper.__code__ is code
        assert sys.gettrace() is None
        assert hits(lines(helper, size=4, isolation="kernel").frame)["total += step"] == 4
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("pocket-lab")]


def test_one_of_several_points_that_fails_is_told_and_the_others_stand() -> None:
    @node
    def boom(size: int) -> float:
        return 1 / size

    result = lines(boom, sizes=[0, 1])
    assert result.frame["size"].unique().tolist() == [1]
    assert len(result.failures) == 1
    assert isinstance(result.error, NodeError)
