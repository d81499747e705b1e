"""leaks on targets with known leaks: what a node leaves is found, named and located, and nothing else is reported."""

from __future__ import annotations

import asyncio
import builtins
import functools
import inspect
import signal
import socket
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import leaking
import matplotlib.figure
import pytest
from leaking import (
    bursts,
    caches,
    clean,
    daemon,
    file,
    fills,
    lru,
    mebibyte,
    objects,
    pool,
    process,
    recent,
    ring,
    sockets,
    task,
    thread,
)
from targets import many

from pocket_lab import Graph, Node, NodeError, UsageError, fan_out, node
from pocket_lab.errors import TargetAborted
from pocket_lab.lab.leaks import LeakReport, leaks
from pocket_lab.lab.runs.last_result import last
from pocket_lab.profile.leaks import creation_sites as creation_sites


def leaked(report: LeakReport, kind: str) -> dict[str, Any]:
    (row,) = [row for row in report.frame.to_dict("records") if row["kind"] == kind and row["verdict"] == "grows"]
    return {str(name): value for name, value in row.items()}


def line_of(target: Node) -> int:
    """The only line in the body of a node's function."""
    return inspect.getsourcelines(target.exec)[1] + 2  # type: ignore[arg-type]


def test_a_clean_node_is_reported_clean_each_time() -> None:
    report = leaks(clean, sizes=[1, 2, 3], runs=8)
    assert report.ok, str(report)
    assert list(report.frame["size"]) == [1, 2, 3]
    assert list(report.frame["verdict"]) == ["no growth"] * 3
    assert report.findings == [f"size {size}, serial x 1: Memory: no growth seen in 8 runs." for size in (1, 2, 3)]


def test_what_is_cached_once_is_no_leak() -> None:
    report = leaks(caches, size=1, runs=8)
    assert report.ok
    assert report.findings == ["Memory: no growth seen in 8 runs."]


@pytest.fixture(scope="module")
def leftovers() -> dict[str, LeakReport]:
    """Reports of a graph whose five nodes each leave another kind of resource, and of a coroutine that leaves a task."""
    graph = leaks(Graph(thread >> daemon >> process >> file >> sockets), size=1, runs=6)
    return {"thread": graph, "daemon thread": graph, "process": graph, "file": graph, "socket": graph} | {
        "task": leaks(task, size=1, runs=6)
    }


@pytest.mark.parametrize(
    ("target", "kind", "name"),
    [
        (thread, "thread", "waits for the end"),
        (daemon, "daemon thread", "(sleep)"),
        (process, "process", "sleep 60"),
        (file, "file", leaking.__file__),
        (sockets, "socket", "listening"),
        (task, "task", "sleep (Task-"),
    ],
)
def test_leftovers_are_named_and_located(leftovers: dict[str, LeakReport], target: Node, kind: str, name: str) -> None:
    report = leftovers[kind]
    assert not report.ok
    row = leaked(report, kind)
    assert name in row["name"]
    assert (row["per_run"], row["left"], row["unit"]) == (1.0, 6.0, "count")
    assert (row["node"], row["file"]) == (target.name, leaking.__file__)
    assert row["line"] == line_of(target)
    assert list(report.left[report.left["kind"] == kind]["run"]) == [1, 2, 3, 4, 5, 6]
    assert any(f"Leaks 1 {kind} a run" in finding and target.name in finding for finding in report.findings)


def test_nothing_else_is_reported_beside_the_leftovers(leftovers: dict[str, LeakReport]) -> None:
    kinds = ["thread", "daemon thread", "process", "file", "socket"]
    assert sorted(leftovers["file"].left["kind"]) == sorted(6 * kinds)
    assert list(leftovers["task"].left["kind"]) == ["task"] * 6


def test_a_mebibyte_a_run_is_found_within_two_per_cent_with_the_line_that_keeps_it() -> None:
    report = leaks(mebibyte, size=1)
    assert last() is report
    row = leaked(report, "memory")
    assert row["per_run"] == pytest.approx(1 << 20, rel=0.02)
    assert row["low"] <= row["per_run"] <= row["high"]
    assert row["high"] - row["low"] < 0.02 * row["per_run"]
    assert (row["node"], row["file"], row["line"]) == ("mebibyte", leaking.__file__, line_of(mebibyte))
    assert report.lines["bytes_per_run"].iloc[0] == pytest.approx(1 << 20, rel=0.01)
    assert "Leaks 1.00 MiB a run" in report.findings[0]


def test_small_objects_are_found_where_resident_memory_shows_nothing() -> None:
    row = leaked(leaks(objects, size=1), "memory")
    size = sys.getsizeof(dict.fromkeys(range(20))) + 20 * sys.getsizeof(object())
    assert row["per_run"] == pytest.approx(size, rel=0.15)
    assert row["line"] == line_of(objects)


def test_a_graph_names_the_node_among_others_on_every_executor() -> None:
    graph = Graph(Node("items", exec=many) >> fan_out(daemon))
    report = leaks(graph, size=3, workers=2, executors="threads,processes", runs=6)
    assert report.error is None
    rows = report.frame[report.frame["kind"] == "daemon thread"].set_index("executor")
    assert rows["per_run"].to_dict() == {"threads": 3.0, "processes": 3.0}
    assert set(rows["node"]) == {"daemon"}
    assert rows["process"].to_dict() == {"threads": "main", "processes": "worker"}
    assert {"workers", "executor"} & set(report.table.headers)
    assert not report.ok


def test_a_clean_graph_is_clean_on_worker_processes_and_under_load() -> None:
    assert leaks(Node("n", exec=abs), drive="map", size=4, workers=2, executor="processes", runs=6).ok
    assert leaks(Node("n", exec=abs), drive="load", size=4, workers=2, runs=6).ok


def test_few_runs_cannot_tell_whether_memory_grows() -> None:
    report = leaks(Node("n", exec=abs), size=1, runs=3)
    assert list(report.frame["verdict"]) == ["cannot tell"]
    assert "cannot tell from 3 runs whether it grows" in report.findings[0]
    assert report.ok


def test_scipy_is_not_loaded_where_memory_is_watched(tmp_path: Path) -> None:
    seen = tmp_path / "loaded.txt"

    @node
    def records_scipy(n: int) -> None:
        import sys

        with open(seen, "a", encoding="utf-8") as lines:
            lines.write(f"{any(name.partition('.')[0] == 'scipy' for name in sys.modules)}\n")

    leaks(records_scipy, sizes=[1, 2], runs=6)
    assert seen.read_text().split() == ["False"] * 18, "two points, three runs to warm up and six more"


def test_buffers_with_a_bound_are_no_leak_however_long_they_take_to_fill() -> None:
    report = leaks(Graph(ring >> lru >> recent >> pool), size=1)
    assert list(report.frame["verdict"]) == ["kept"]
    assert report.ok
    assert report.frame["left"].iloc[0] == pytest.approx(5e6 + 125 * 5e4 + 37 * 2e4 + 22 * 1e5, rel=0.1)
    assert report.findings[0].startswith("Memory: rose by ")
    assert not any("Leaks" in finding for finding in report.findings)


def test_a_leak_in_bursts_is_found_beside_a_ring() -> None:
    row = leaked(leaks(bursts, size=1), "memory")
    assert row["per_run"] == pytest.approx(20_000, rel=0.15)


def test_a_cache_that_is_not_full_yet_leaves_a_doubt() -> None:
    report = leaks(fills, size=1)
    assert list(report.frame["verdict"]) == ["cannot tell"]
    assert report.filling["name"].iloc[0] == "lru_cache of row"
    assert report.filling["per_run"].iloc[0] == pytest.approx(1)
    assert "while lru_cache of row is being filled" in report.findings[0]
    assert report.ok


def patched() -> list[Any]:
    return [
        *(
            builtins.open,
            creation_sites.io.open,
            creation_sites.os.open,
            creation_sites.os.pipe,
            creation_sites.os.fork,
            creation_sites.os.dup,
        ),
        *(threading.Thread.start, socket.socket.__init__, subprocess.Popen.__init__, asyncio.BaseEventLoop.create_task),
        creation_sites.multiprocessing.process.BaseProcess.start,
    ]


def raise_error(n: int) -> None:
    raise LookupError("no data")


def interrupt(n: int) -> None:
    signal.raise_signal(signal.SIGINT)


def raise_interrupt(n: int) -> None:
    raise KeyboardInterrupt("of the target's own")


def grow_and_interrupt(n: int) -> None:
    leaking.KEPT.append(bytearray(1 << 20))
    if tracemalloc.is_tracing():
        signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize(
    ("function", "error"),
    [
        (raise_error, NodeError),
        (raise_interrupt, TargetAborted),
        (interrupt, KeyboardInterrupt),
        (grow_and_interrupt, KeyboardInterrupt),
    ],
)
def test_in_this_process_nothing_stays_installed_whatever_the_target_raises(
    function: Callable[[int], None], error: type[BaseException]
) -> None:
    before = patched()
    with pytest.raises(error):
        leaks(Node("n", exec=function), size=1, runs=6, isolation="kernel")
    assert patched() == before
    assert not tracemalloc.is_tracing()
    leaking.KEPT.clear()


def test_in_this_process_it_finds_the_same_and_leaves_nothing_of_its_own() -> None:
    before = patched()
    report = leaks(file, size=1, runs=4, isolation="kernel")
    assert leaked(report, "file")["line"] == line_of(file)
    assert any("inside this process" in caveat.message for caveat in report.caveats)
    assert patched() == before
    while leaking.KEPT:
        leaking.KEPT.pop().close()


def test_while_tracemalloc_runs_here_it_is_refused_here() -> None:
    tracemalloc.start()
    try:
        with pytest.raises(UsageError, match="tracemalloc is running"):
            leaks(clean, size=1, isolation="kernel")
    finally:
        tracemalloc.stop()


def test_bad_input_is_one_sentence() -> None:
    with pytest.raises(UsageError, match="3 runs at least"):
        leaks(clean, size=1, runs=2)
    with pytest.raises(UsageError, match="not a count"):
        leaks(clean, size=1, runs="many")


def test_a_report_has_text_html_and_a_picture(leftovers: dict[str, LeakReport]) -> None:
    report = leftovers["daemon thread"]
    bundle = report._repr_mimebundle_()
    assert "daemon thread" in bundle["text/plain"]
    assert "<svg" in bundle["text/html"]
    assert isinstance(report.plot(), matplotlib.figure.Figure)
    figure = matplotlib.figure.Figure()
    assert report.plot(ax=figure.add_subplot()) is figure
    assert list(report.memory[report.memory["process"] == "main"]["run"]) == list(range(7))


KEPT: list[Any] = []


def keeps_its_file(function: Any) -> Any:
    @functools.wraps(function)
    def layer(value: Any) -> Any:
        KEPT.append(open(__file__))  # noqa: SIM115 (it is left open)
        return function(value)

    return layer


@keeps_its_file
def in_decorator(value: Any) -> Any:
    return value


def open_elsewhere() -> None:
    KEPT.append(open(__file__))  # noqa: SIM115 (it is left open)


def in_thread(value: Any) -> Any:
    thread = threading.Thread(target=open_elsewhere)
    thread.start()
    thread.join()
    return value


async def in_helper_thread(value: Any) -> Any:
    KEPT.append(await asyncio.to_thread(open, __file__))
    return value


@pytest.mark.parametrize(
    ("function", "where"), [(in_decorator, "layer"), (in_thread, "open_elsewhere"), (in_helper_thread, "")]
)
def test_a_file_that_is_opened_because_of_a_node_is_of_that_node(function: Any, where: str) -> None:
    """By its decorator, in a thread of its own, in a pool; the line is known where Python code has opened it."""
    try:
        result = leaks(Graph(Node("opens", exec=function) >> Node("other", exec=len_of)), size=1, runs=3, isolation="kernel")
        (row,) = [row for row in result.frame.to_dict("records") if row["name"].startswith(__file__)]
        assert (row["node"], row["function"], row["left"]) == ("opens", where, 3)
        assert (row["line"] > 0) == bool(where)
    finally:
        while KEPT:
            KEPT.pop().close()


def len_of(value: Any) -> int:
    return len([value])


def test_the_workers_of_a_cluster_at_an_address_are_refused_by_name() -> None:
    with pytest.raises(UsageError, match=r"the workers of tcp://127\.0\.0\.1:1 keep records of Dask"):
        leaks(Graph(fan_out(Node("n", exec=abs))), input=[1, 2], workers=2, executor="tcp://127.0.0.1:1")
