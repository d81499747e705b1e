"""trace, through a real measuring process."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import re
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

import matplotlib.figure
import pytest
from targets import many, nap_longer, rest

from pocket_lab import DeadlineExceeded, Graph, History, Node, NodeError, Retry, UsageError, bench, fan_out, last
from pocket_lab.lab.trace import Trace, trace
from pocket_lab.records.spans import Span

POINT = ["size", "workers", "executor", "drive", "rate"]


nap = nap_longer.with_(name="nap")
naps = Graph(Node("list", exec=many) >> fan_out(nap, name="each") >> rest, name="naps")


@pytest.fixture(scope="module")
def four_naps() -> Trace:
    """The trace of a fan-out on two threads."""
    return trace(naps, size=4, workers=2, executor="threads")


def test_a_trace_has_a_row_per_span_and_findings_in_words(four_naps: Trace) -> None:
    result = four_naps
    assert list(result.frame.columns) == [*(field.name for field in fields(Span) if field.name != "point"), "self_s", *POINT]
    assert list(result.nodes["node"]) == ["list", "each", "nap", "rest"]
    assert list(result.nodes["calls"]) == [1, 1, 4, 1]
    nodes = result.nodes.set_index("node")
    assert nodes.loc["nap", "wall_s"] >= 4 * 0.018
    assert nodes.loc["nap", "queue_s"] >= 2 * 0.018
    assert nodes["share"].sum() == pytest.approx(1)
    assert nodes.loc["rest", "slack_s"] == 0
    assert set(result.critical_path["node"]) >= {"nap", "rest"}
    assert 0 < result.critical_path["share"].sum() <= 1
    assert 0 <= result.overhead.share < 1
    assert list(result.phases["phase"]) == ["exec", "queue"]
    told = str(result)
    for text in (
        "Critical path: ",
        "What if: `",
        "twice as fast: the run gains",
        "Runtime: no node is at work",
        "Instrument: 7 visits",
    ):
        assert text in told


def test_what_if_gains_nothing_for_nothing_and_names_what_there_is(four_naps: Trace) -> None:
    result = four_naps
    assert result.what_if("nap", 1).gain == 0
    half, gone = result.what_if("nap"), result.what_if("nap", float("inf"))
    assert 0 < half.gain < gone.gain < 1
    assert str(half).startswith("`nap` twice as fast: the run gains")
    with pytest.raises(UsageError, match='no node "nope"; it has list, each, nap, rest'):
        result.what_if("nope")


def test_several_points_are_one_frame_and_each_can_be_asked_for() -> None:
    result = trace(naps, sizes="2,4", workers="1,2", executor="threads")
    assert set(zip(result.frame["size"], result.frame["workers"], strict=True)) == {(2, 1), (2, 2), (4, 1), (4, 2)}
    assert len(result.nodes) == 4 * 4
    assert result.findings[0].startswith("At size 4, threads x 2: Critical path")
    assert all(sentence.startswith("At size 4, threads x 2: ") for sentence in result.findings)
    small = result.at(size=2, workers=1)
    assert set(zip(small.frame["size"], small.frame["workers"], strict=True)) == {(2, 1)}
    assert small.findings[0].startswith("Critical path")
    assert small.what_if("nap").measured_s < result.at(size=4, workers=1).what_if("nap").measured_s
    with pytest.raises(UsageError, match="nothing was traced at size=3; there is size 2, threads x 1"):
        result.at(size=3)


@pytest.mark.parametrize("executor", ["processes", "asyncio"])
def test_other_workers_are_lanes_too(executor: str) -> None:
    async def anap(value: int) -> int:
        await asyncio.sleep(0.02)
        return value

    def snap(value: int) -> int:  # sent by value: a worker that had to import this module could be too late for its share
        time.sleep(0.02)
        return value

    graph = Graph(fan_out(Node("nap", exec=anap if executor == "asyncio" else snap), name="each"))
    result = trace(graph, size=4, input=lambda size: list(range(size)), workers=2, executor=executor)
    workers = set(result.frame["worker"])
    assert len(workers) == 3
    assert sum(name.startswith("process " if executor == "processes" else "pocket-lab-task_") for name in workers) == 2


def test_a_trace_under_load_is_of_its_requests() -> None:
    result = trace(nap, size=1, workers=2, drive="load")
    assert (result.frame["drive"] == "load").all()
    assert result.frame["run"].nunique() == len(result.frame)
    assert len(result.critical_path) == 1
    assert result.what_if("nap").gain == pytest.approx(0.5)
    assert "a request gains 50 %" in str(result)
    assert "of the slowest request" in str(result)


def test_retries_and_errors_are_columns() -> None:
    def flaky(value: int, seen: list[int] = [0]) -> int:  # noqa: B006 (it counts the calls)
        seen[0] += 1
        if seen[0] % 2:
            raise ValueError("not yet")
        return value

    (row,) = trace(Graph(Node("flaky", exec=flaky, retry=Retry(1, delay="20ms"))), size=1).nodes.to_dict("records")
    assert row["retry_s"] >= 0.018
    assert row["wall_s"] == pytest.approx(row["retry_s"] + row["exec_s"])
    assert (row["calls"], row["errors"]) == (1, 0)


def test_the_targets_own_error_is_raised_and_the_spans_until_then_are_kept() -> None:
    def boom(value: int) -> float:
        return 1 / (value - 1)

    with pytest.raises(NodeError, match="boom") as raised:
        trace(Graph(nap >> Node("boom", exec=boom)), size=1)
    assert isinstance(raised.value.__cause__, ZeroDivisionError)
    kept = last()
    assert isinstance(kept, Trace)
    assert list(kept.frame["outcome"]) == ["ok", "failed"]
    assert "Failed: " in str(kept)


@pytest.mark.parametrize("executor", ["serial", "threads"])
def test_a_run_that_failed_is_not_spoken_of_as_a_whole_one(executor: str) -> None:
    """What would have come after the error is not known: no what-if, no slack, and the path is that until the error."""
    graph = Graph(Node("many", exec=many) >> fan_out(nap, name="each") >> Node("fails", exec=fail) >> Node("never", exec=rest))
    with pytest.raises(NodeError, match="fails"):
        trace(graph, size=3, workers=1 if executor == "serial" else 2, executor=executor)
    kept = last()
    assert isinstance(kept, Trace)
    assert not [sentence for sentence in kept.findings if "What if" in sentence]
    assert all("of the run until it failed" in sentence for sentence in kept.findings if "of the run" in sentence)
    assert sum("of the run until it failed" in sentence for sentence in kept.findings) == 2
    assert "replay" not in {caveat.code for caveat in kept.caveats}
    assert kept.nodes["slack_s"].isna().all()
    assert kept.plot().axes[0].get_title(loc="left").startswith("Who ran when until it failed")
    with pytest.raises(UsageError, match="failed, so that what a faster nap would gain is not known"):
        kept.what_if("nap")


def test_of_several_points_only_those_that_failed_are_without_what_if() -> None:
    result = trace(Graph(nap >> Node("odd", exec=fail_if_odd)), sizes=[2, 3])
    assert "until it failed" in result.findings[0]
    good = result.at(size=2)
    assert "failed" not in str(good.findings)
    assert good.what_if("nap").gain > 0


def test_a_slowest_request_that_failed_is_said_to_have_failed() -> None:
    result = trace(Graph(nap >> Node("fails", exec=fail_once_slowly)), size=1, workers=1, drive="load")
    assert "of the slowest request until it failed" in result.findings[0]
    assert result.nodes["slack_s"].isna().all()
    assert "a request" in str(result.what_if("nap"))


def fail(value: Any) -> Any:
    raise ValueError("no")


def fail_if_odd(value: float) -> float:
    if value % 2:
        raise ValueError("odd")
    return value


CALLS = itertools.count()


def fail_once_slowly(value: float) -> float:
    if next(CALLS) % 3 == 2:
        time.sleep(0.2)
        raise ValueError("late")
    return value


def start_two(n: int) -> int:
    return n + os.system("true") + os.system("true")


def test_processes_that_a_node_starts_are_said_to_be_missing(four_naps: Trace) -> None:
    """gaogaotiantian/viztracer 85 and 306: there children are missing from the trace without a word."""
    result = trace(Graph(Node("start", exec=start_two)), size=1)
    (caveat,) = [caveat for caveat in result.caveats if caveat.code == "own-processes"]
    assert '2 processes were started (2 by node "start") and not followed' in caveat
    assert not [caveat for caveat in four_naps.caveats if caveat.code == "own-processes"]


def test_a_run_beyond_its_budget_is_ended() -> None:
    def endless(value: int) -> None:
        while True:
            time.sleep(0.01)

    with pytest.raises(DeadlineExceeded, match="longer than the budget of 500 ms"):
        trace(endless, size=1, budget="500ms")


def test_it_is_shown_saved_and_found_again(tmp_path: Path) -> None:
    file = tmp_path / "trace.json"
    result = trace(naps, size=2, name="kept trace", isolation="kernel", chrome=file)
    assert len([event for event in json.loads(file.read_text())["traceEvents"] if event["ph"] == "X"]) == 5
    bundle = result._repr_mimebundle_()
    assert "nap" in bundle["text/plain"]
    assert "<table" in bundle["text/html"]
    assert "<svg" in bundle["text/html"]
    assert isinstance(result.plot(), matplotlib.figure.Figure)
    figure = matplotlib.figure.Figure()
    assert result.plot(ax=figure.add_subplot()) is figure
    assert last() is result
    again: Any = History().load("kept trace")
    assert again.frame.equals(result.frame)


def test_a_trace_that_was_broken_off_before_its_first_span_can_be_shown() -> None:
    empty = Trace("nothing", [])
    assert "Nothing was traced" in empty.to_html()
    assert (len(empty.frame), len(empty.nodes), len(empty.critical_path), empty.findings) == (0, 0, 0, [])
    with pytest.raises(UsageError, match="nothing of nothing was traced"):
        empty.what_if("n")


def test_a_file_that_cannot_be_written_is_told_before_the_run(tmp_path: Path) -> None:
    def runs(value: int) -> None:
        raise AssertionError("it ran")

    with pytest.raises(UsageError, match=r"chrome=.* is not a writable file path"):
        trace(runs, size=1, chrome=tmp_path / "nowhere" / "trace.json")


def test_a_bench_of_a_graph_has_its_nodes_from_a_pass_of_its_own() -> None:
    def brief(value: int) -> int:
        time.sleep(0.002)
        return value

    graph = Graph(Node("list", exec=many) >> fan_out(Node("nap", exec=brief), name="each") >> Node("rest", exec=len))
    # the rounds end at the precision, long before the budget, so that there is time for the pass on a slow machine too
    result = bench(graph, sizes="2,3", workers="1,2", executor="threads", budget="4s", precision="50%")
    shares, counts = ["share", "share_low", "share_high"], ["queue_s", "errors", "runs"]
    assert list(result.nodes.columns) == ["node", "calls", "wall_s", *shares, *counts, *POINT]
    assert set(zip(result.nodes["size"], result.nodes["workers"], strict=True)) == {(2, 1), (2, 2), (3, 1), (3, 2)}
    for (size, _), rows in result.nodes.groupby(["size", "workers"]):
        told = rows.set_index("node")
        assert told.loc["nap", "calls"] == size
        assert told.loc["nap", "wall_s"] >= size * 0.0018
        assert told["share"].sum() == pytest.approx(1, abs=0.1), "medians of shares"
    assert set(result.nodes["runs"]) <= set(range(1, 12))
    assert re.search(r"Nodes, from (one|\d+) separate runs? with spans at size 3", str(result))


def test_a_bench_of_a_callable_or_without_time_has_no_nodes() -> None:
    assert bench(len, input=[1], budget="0.3s").nodes.empty
    assert bench(naps, size=50, workers=1, budget="0.5s").nodes.empty
