"""memory and lines on built truths, through a real measuring process."""

from __future__ import annotations

import threading
import time
from typing import Any

import matplotlib.figure
import pytest
from allocating import MIB, burst, shrink

from pocket_lab import (
    DeadlineExceeded,
    Graph,
    Node,
    NodeError,
    UsageError,
    bench,
    cpu,
    fan_out,
    last,
    lines,
    memory,
    node,
    trace,
)


def of_node(frame: Any, name: str) -> dict[str, Any]:
    (row,) = frame[frame["node"] == name].to_dict("records")
    return dict(row)


def test_a_node_shows_its_own_peak_though_another_holds_the_peak_of_the_process() -> None:
    result = memory(Graph(shrink >> burst), size=1)
    held, burst_ = of_node(result.frame, "shrink"), of_node(result.frame, "burst")
    assert held["peak_bytes"] == pytest.approx(60 * MIB, rel=0.02)
    assert burst_["peak_bytes"] == pytest.approx(120 * MIB, rel=0.02)
    assert burst_["peak_share"] > 0.9
    assert held["allocated_bytes"] == pytest.approx(70 * MIB, rel=0.02)
    assert held["leaked_bytes"] < MIB
    columns = "node peak_bytes inclusive_peak_bytes peak_share allocations allocated_bytes temporary leaked_bytes"
    columns += " process_peak_bytes processes size workers executor drive rate"
    assert list(result.frame.columns) == columns.split()


def test_memory_under_a_nested_call_belongs_to_the_innermost_node_and_inclusively_to_the_outer() -> None:
    @node
    def outer(size: int) -> int:
        return len(shrink(size))

    result = memory(Graph(outer >> shrink.with_(name="other")), size=1)
    outer_ = of_node(result.frame, "outer")
    assert outer_["peak_bytes"] < 3 * MIB  # Python may take an arena of 1 MiB under it
    assert outer_["inclusive_peak_bytes"] == pytest.approx(60 * MIB, rel=0.02)


def test_concurrent_calls_of_one_node_add_up() -> None:
    meet = "meet"

    def together(item: int) -> int:
        block = bytearray(20 * MIB)
        barrier = vars(threading).setdefault(meet, threading.Barrier(2))
        barrier.wait(20)
        return len(block)

    graph = Graph(fan_out(Node("together", exec=together)))
    result = memory(graph, size=2, input=lambda size: list(range(size)), workers=2, executor="threads")
    assert of_node(result.frame, "together")["peak_bytes"] == pytest.approx(40 * MIB, rel=0.02)


@pytest.mark.parametrize("drive", ["run", "map", "load"])
@pytest.mark.parametrize("is_async", [False, True])
def test_a_profile_has_the_workers_that_a_bench_has(drive: str, is_async: bool) -> None:
    async def waiting(item: int) -> int:
        return item

    graph = Graph(fan_out(Node("each", exec=waiting if is_async else abs)))
    options: dict[str, Any] = {"drive": drive, "input": [[1, 2]] * 2 if drive == "map" else [1, 2]}
    results = (bench(graph, budget="300ms", **options), trace(graph, **options))
    executors = {tuple(result.frame["executor"].unique()) for result in results}
    assert executors == {("asyncio",) if is_async else ("threads",) if drive == "load" else ("serial",)}


def test_what_stays_alive_after_the_run_is_left_behind() -> None:
    kept: list[bytearray] = []

    def leak(size: int) -> None:
        kept.append(bytearray(5 * MIB))

    result = memory(leak, size=1)
    assert of_node(result.frame, "leak")["leaked_bytes"] == pytest.approx(5 * MIB, rel=0.02)
    assert any("arena" in caveat.message for caveat in result.caveats)


def test_nodes_that_share_their_source_stay_apart() -> None:
    def make(name: str, mebibytes: int) -> Node:
        return Node(name, exec=lambda value: len(bytearray(mebibytes * MIB)))

    result = memory(Graph(make("small", 1) >> make("big", 50)), size=1)
    for name, mebibytes in (("small", 1), ("big", 50)):
        assert of_node(result.frame, name)["peak_bytes"] == pytest.approx(mebibytes * MIB, rel=0.02)
    assert "shared-source" not in {caveat.code for caveat in result.caveats}


@pytest.mark.parametrize("verb", [memory, lines])
def test_one_worker_may_be_said_in_any_way(verb: Any) -> None:
    for workers in (1, "1", [1]):
        assert of_node(
            verb(shrink, size=1, workers=workers, executors="serial").frame.groupby("node", as_index=False).max(), "shrink"
        )


@pytest.mark.parametrize("verb", [memory, lines])
def test_a_talkative_run_is_ended_at_its_budget_too(verb: Any, capfd: pytest.CaptureFixture[str]) -> None:
    @node
    def talk(size: int) -> None:
        while True:
            print("x" * 100)

    start = time.monotonic()
    with pytest.raises(DeadlineExceeded, match=r"budget of 1\.00 s"):
        verb(talk, size=1, budget="1s")
    assert time.monotonic() - start < 10
    capfd.readouterr()


@pytest.mark.parametrize("verb", [memory, lines])
def test_a_run_beyond_its_budget_is_ended(verb: Any) -> None:
    @node
    def endless(size: int) -> None:
        while True:
            time.sleep(0.01)

    with pytest.raises(DeadlineExceeded, match="longer than the budget of 500 ms"):
        verb(endless, size=1, budget="500ms")


def test_python_allocators_sees_small_objects_too() -> None:
    def small(size: int) -> list[object]:
        return [object() for _ in range(size)]

    plain = of_node(memory(small, size=50_000).frame, "small")
    every = memory(small, size=50_000, python_allocators=True)
    assert of_node(every.frame, "small")["allocations"] >= 50_000 > plain["allocations"]
    assert not any("arena" in caveat.message for caveat in every.caveats)


def test_line_hits_are_exact_and_the_dear_line_is_named() -> None:
    @node
    def looping(size: int) -> int:
        total = 0
        for _ in range(size):
            total += sum(range(2000))
        if size < 0:
            total = -1
        return total

    result = lines(Graph(looping), size=100)
    hits = {row["source"].strip(): row["hits"] for row in result.frame.to_dict("records")}
    assert hits["total = 0"] == 1
    assert hits["for _ in range(size):"] == 101
    assert hits["total += sum(range(2000))"] == 100
    assert hits["total = -1"] == 0
    assert result.frame["share"].sum() == pytest.approx(1.0)
    dearest = result.frame.loc[result.frame["time_s"].idxmax()]
    assert dearest["source"].strip() == "total += sum(range(2000))"
    columns = "node file line hits time_s share source function inside size workers executor drive rate"
    assert list(result.frame.columns) == columns.split()


def test_every_phase_and_nested_node_is_profiled() -> None:
    def prepare(store: Any, value: int) -> list[int]:
        return [value] * 3

    @node
    def step(value: int) -> int:
        return value + 1

    graph = Graph(Node("start", prep=prepare) >> fan_out(step))
    hits = lines(graph, size=1).frame.set_index(["node", "source"])["hits"]
    assert hits["start"].max() == 1
    assert hits["step"].max() == 3


@pytest.mark.parametrize("verb", [memory, lines])
def test_the_targets_own_error_is_raised(verb: Any) -> None:
    @node
    def boom(size: int) -> float:
        return 1 / size

    with pytest.raises(NodeError, match="boom") as raised:
        verb(boom, size=0)
    assert isinstance(raised.value.__cause__, ZeroDivisionError)


def test_what_cannot_be_profiled_is_refused_in_one_sentence() -> None:
    with pytest.raises(UsageError, match="no Python function"):
        lines(len, size=None, input="text")


@pytest.mark.parametrize("verb", [memory, lines])
def test_a_profile_has_text_html_and_a_plot_and_is_kept(verb: Any) -> None:
    result = verb(shrink, size=1)
    bundle = result._repr_mimebundle_()
    assert "shrink" in bundle["text/plain"]
    assert "<table" in bundle["text/html"]
    assert isinstance(result.plot(), matplotlib.figure.Figure)
    figure = matplotlib.figure.Figure()
    assert result.plot(ax=figure.add_subplot()) is figure
    assert last() is result


@pytest.mark.parametrize("verb", [cpu, memory], ids=lambda verb: verb.__name__)
def test_a_node_that_calls_the_function_of_another_one_itself_is_named(verb: Any) -> None:
    def hold(size: int) -> int:
        begun_s = time.thread_time()
        block = bytearray(8_000_000)
        while time.thread_time() - begun_s < 0.05:
            pass
        return len(block)

    def twice(size: int) -> int:
        return hold(size)

    result = verb(Graph(Node("hold", hold) >> Node("twice", twice)), size=1)
    said = [caveat.message for caveat in result.caveats if caveat.code == "node-calls"]
    assert said == ['size 1, serial x 1: "twice" calls the function of "hold" itself: such calls count for "hold"']
    assert "node-calls" not in {caveat.code for caveat in verb(Graph(Node("hold", hold)), size=1).caveats}
