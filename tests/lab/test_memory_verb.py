"""memory on targets with known results: every executor, drive and option, and the state after errors."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import memray
import pytest
from allocating import MIB, burst, grows, hold, piece, waits
from targets import many

from pocket_lab import Graph, Node, NodeError, UsageError, fan_out, memory
from pocket_lab.lab.memory import MemoryProfile


def of_node(result: Any, name: str, **point: Any) -> dict[str, Any]:
    frame = result.frame[result.frame["node"] == name]
    for column, value in point.items():
        frame = frame[frame[column] == value]
    (row,) = frame.to_dict("records")
    return dict(row)


@pytest.fixture(autouse=True)
def _memray_is_free(tmp_path: Path) -> Any:
    """No Tracker is active after a test, and one can be started."""
    yield
    assert threading.getprofile() is None
    assert not hasattr(threading.Thread, "_ident")
    with memray.Tracker(tmp_path / "free.bin"):
        pass


@pytest.fixture(scope="module")
def chain() -> MemoryProfile:
    """The profile of two nodes, the second of which holds the peak of the process."""
    return memory(Graph(hold >> burst), size=1)


def test_lines_say_where_a_peak_comes_from(chain: MemoryProfile) -> None:
    result = chain
    lines = result.lines.set_index("source")
    large = lines.loc["    large = bytearray(50 * MIB)"]
    assert large["node"] == "hold"
    assert large["allocations"] == 1
    assert large["peak_bytes"] == pytest.approx(50 * MIB, rel=0.02)
    assert large["at_peak_bytes"] == 0, "another node holds the peak of the process"
    assert lines.loc["    extra = bytearray(120 * MIB)", "at_peak_bytes"] == pytest.approx(120 * MIB, rel=0.02)
    for name in ("hold", "burst"):
        of_lines = result.lines.loc[result.lines["node"] == name, ["allocated_bytes", "peak_bytes"]].sum()
        assert of_lines["peak_bytes"] == of_node(result, name)["peak_bytes"]
        assert of_lines["allocated_bytes"] == of_node(result, name)["allocated_bytes"]
    assert "burst holds 120 MiB" in result.findings[0]
    assert "extra = bytearray(120 * MIB)" in result.findings[0]


def test_the_whole_run_is_the_sum_of_its_nodes_and_its_peak_is_that_of_the_process(chain: MemoryProfile) -> None:
    result = chain
    (run,) = result.runs.to_dict("records")
    assert run["peak_bytes"] == pytest.approx(120 * MIB, rel=0.02)
    for column in ("allocations", "allocated_bytes", "temporary", "leaked_bytes"):
        assert run[column] == result.frame[column].sum()
    assert result.frame["peak_share"].sum() == pytest.approx(1)


def test_the_timeline_shows_the_heap_and_the_active_nodes(chain: MemoryProfile) -> None:
    result = chain
    timeline, activity = result.timeline, result.activity.set_index("node")
    begin_s, end_s = activity.loc["burst", "start_s"], activity.loc["burst", "end_s"]
    in_burst = timeline[(timeline["at_s"] > begin_s) & (timeline["at_s"] < end_s)]
    assert in_burst["heap_bytes"].max() == pytest.approx(120 * MIB, rel=0.02)
    middle_s = activity.loc["hold", ["start_s", "end_s"]].mean()  # of the node before; memray's clock ticks in milliseconds
    assert timeline[timeline["at_s"] < middle_s]["heap_bytes"].max() < 60 * MIB
    assert timeline["at_s"].is_monotonic_increasing
    assert (timeline["rss_bytes"] > 0).all()
    assert activity.loc["hold", "end_s"] <= begin_s
    assert list(timeline.columns) == [
        "at_s",
        "heap_bytes",
        "rss_bytes",
        "size",
        "workers",
        "executor",
        "drive",
        "rate",
    ]


def test_stacks_hold_what_was_alive_at_the_peak(chain: MemoryProfile) -> None:
    result = chain
    top = result.calls[result.calls["depth"] == 0]
    assert top["total_bytes"].sum() == result.runs["peak_bytes"].iloc[0]
    (own,) = result.calls[(result.calls["node"] == "burst") & (result.calls["depth"] == 1)].to_dict("records")
    assert (own["function"], own["allocations"]) == ("burst", 1)


@pytest.fixture(scope="module")
def captures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the captures that `pieces` keeps."""
    return tmp_path_factory.mktemp("captures")


@pytest.fixture(scope="module")
def pieces(captures: Path) -> MemoryProfile:
    """The profile of a fan-out on two processes, at two sizes."""
    return memory(Graph(fan_out(piece)), sizes="1,4", input=many, workers=2, executor="processes", keep=captures / "run.bin")


def test_worker_processes_are_followed_and_added_up(pieces: MemoryProfile) -> None:
    result = pieces
    row = of_node(result, "piece", size=4)
    assert row["processes"] == 3
    assert row["process_peak_bytes"] == pytest.approx(20 * MIB, rel=0.05)
    assert row["peak_bytes"] == pytest.approx(40 * MIB, rel=0.05)
    assert row["allocated_bytes"] == pytest.approx(80 * MIB, rel=0.05)
    assert row["allocations"] >= 4
    assert any("upper bound" in caveat.message for caveat in result.caveats)
    for size in (1, 4):
        activity, timeline, runs = (part[part["size"] == size] for part in (result.activity, result.timeline, result.runs))
        assert activity["node"].eq("piece").any()
        assert timeline["heap_bytes"].max() <= runs["peak_bytes"].iloc[0]


def test_several_executors_sizes_and_workers_are_points_of_one_profile() -> None:
    result = memory(Graph(fan_out(piece)), sizes="2,4", input=many, workers="1,2", executors="threads,serial")
    assert len(result.runs) == 6
    assert list(result.runs.columns[-5:]) == ["size", "workers", "executor", "drive", "rate"]
    for size in (2, 4):
        assert of_node(result, "piece", size=size, workers=1, executor="threads")["peak_bytes"] == pytest.approx(
            20 * MIB, rel=0.05
        )
        assert of_node(result, "piece", size=size, workers=2)["peak_bytes"] == pytest.approx(40 * MIB, rel=0.05)
        assert of_node(result, "piece", size=size, executor="serial")["allocated_bytes"] == pytest.approx(
            size * 20 * MIB, rel=0.02
        )
    assert "threads" in result.to_html()


def test_tasks_of_an_event_loop_add_up() -> None:
    result = memory(Graph(fan_out(waits)), size=3, input=many, workers=3)
    assert of_node(result, "waits")["peak_bytes"] == pytest.approx(30 * MIB, rel=0.02)
    assert of_node(result, "waits")["executor"] == "asyncio"


def test_a_window_of_load_is_profiled_too() -> None:
    result = memory(Graph(grows), size=32, workers=2, executors="threads,processes", drive="load")
    for executor in ("threads", "processes"):
        row = of_node(result, "grows", executor=executor)
        # what both clients hold, and Python may take an arena of 1 MiB or two under the node
        assert 32 * MIB * 0.98 < row["peak_bytes"] < 67 * MIB
        assert row["allocations"] >= 2
        assert row["drive"] == "load"


def test_in_this_process_the_result_is_the_same_and_nothing_remains() -> None:
    result = memory(Graph(hold >> burst), size=1, isolation="kernel")
    assert of_node(result, "hold")["peak_bytes"] == pytest.approx(50 * MIB, rel=0.03)
    assert any("inside this process" in caveat.message for caveat in result.caveats)


def test_an_async_graph_is_profiled_in_this_process_under_a_running_loop_too() -> None:
    async def cell() -> Any:
        return memory(Graph(fan_out(waits)), size=2, input=many, workers=2, isolation="kernel")

    assert of_node(asyncio.run(cell()), "waits")["peak_bytes"] == pytest.approx(20 * MIB, rel=0.05)


def test_native_puts_c_code_on_the_stacks() -> None:
    result = memory(Graph(hold >> burst), size=1, native=True)
    assert of_node(result, "hold")["peak_bytes"] == pytest.approx(50 * MIB, rel=0.02)
    deeper = result.calls[(result.calls["node"] == "burst") & (result.calls["depth"] > 1)]
    assert deeper["function"].str.contains("PyByteArray|bytearray", regex=True).any()
    assert result.lines.set_index("source").loc["    large = bytearray(50 * MIB)", "peak_bytes"] > 49 * MIB


def test_the_capture_is_kept_on_request_for_memrays_own_commands(pieces: MemoryProfile, captures: Path, tmp_path: Path) -> None:
    kept = tmp_path / "run.bin"
    memory(Graph(hold >> burst), size=1, keep=kept)
    shown = subprocess.run([sys.executable, "-m", "memray", "stats", str(kept)], capture_output=True, text=True, check=True)
    assert "burst" in shown.stdout
    names = {path.name.split(".worker")[0] for path in captures.glob("*.bin")}
    assert names == {"run-1-2-processes.bin", "run-1-2-processes", "run-4-2-processes.bin", "run-4-2-processes"}
    with pytest.raises(UsageError, match="not a writable file path"):
        memory(hold, size=1, keep=tmp_path / "no" / "run.bin")


def test_memrays_own_page_is_written_without_a_capture(chain: MemoryProfile, tmp_path: Path) -> None:
    page = chain.save_flamegraph(tmp_path / "page.html")
    text = page.read_text()
    assert "burst" in text
    assert "flamegraph report" in text
    assert 'src="http' not in text
    with pytest.raises(UsageError, match="cannot be written"):
        chain.save_flamegraph(tmp_path)


def test_a_target_that_starts_a_tracker_is_refused(tmp_path: Path) -> None:
    def tracks(size: int) -> None:
        with memray.Tracker(destination=memray.FileDestination(tmp_path / "own.bin", overwrite=True)):
            pass

    for isolation in ("process", "kernel"):
        with pytest.raises(UsageError, match="take it out of the target"):
            memory(tracks, size=1, isolation=isolation)


def test_a_tracker_that_runs_in_this_process_already_is_refused_before_the_run(tmp_path: Path) -> None:
    with memray.Tracker(tmp_path / "mine.bin"):
        with pytest.raises(UsageError, match="a process can have one Tracker at a time"):
            memory(hold, size=1, isolation="kernel")
        assert of_node(memory(hold, size=1), "hold")["peak_bytes"] > 49 * MIB, "a separate process is not affected"


@pytest.mark.parametrize("executor", ["serial", "threads", "processes"])
def test_an_error_of_the_target_leaves_memray_usable(executor: str) -> None:
    def fails(item: int) -> int:
        raise ValueError("no")

    with pytest.raises(NodeError, match="no"):
        memory(Graph(fan_out(Node("fails", exec=fails))), size=2, input=many, executor=executor, isolation="kernel")


def test_an_error_on_any_executor_leaves_memray_usable_for_the_points_that_follow() -> None:
    def fails(item: int) -> int:
        if item == 2:
            raise ValueError("no")
        return len(bytearray(MIB))

    executors = ["serial", "threads", "processes"]
    result = memory(Graph(fan_out(Node("fails", exec=fails))), sizes=[3, 2], input=many, executors=executors)
    assert isinstance(result.error, NodeError)
    assert len(result.failures) == 3
    assert all("no" in failure for failure in result.failures)
    assert list(zip(result.runs["size"], result.runs["executor"], strict=True)) == [(2, name) for name in executors]


@pytest.mark.parametrize("executor", ["serial", "processes"])
def test_an_interrupt_leaves_memray_usable(executor: str) -> None:
    def interrupts(item: int) -> int:
        signal.raise_signal(signal.SIGINT)

    graph = Graph(Node("interrupts", exec=interrupts) >> fan_out(piece))
    with pytest.raises(KeyboardInterrupt):
        memory(graph, size=2, executor=executor, isolation="kernel")


def test_a_point_that_fails_does_not_end_the_others() -> None:
    def some(size: int) -> int:
        if size == 2:
            raise ValueError("two")
        return len(bytearray(size * MIB))

    result = memory(some, sizes="1,2,3")
    assert list(result.runs["size"]) == [1, 3]
    assert "two" in result.failures[0]
    assert of_node(result, "some", size=3)["peak_bytes"] == pytest.approx(3 * MIB, rel=0.05)


def test_an_empty_profile_can_be_shown() -> None:
    empty = MemoryProfile("nothing", [])
    assert "<svg" in empty.to_html()
    assert empty.findings == []
    assert [len(frame) for frame in (empty.frame, empty.lines, empty.runs, empty.timeline, empty.calls)] == [0] * 5
    with pytest.raises(UsageError, match="no run was profiled to its end"):
        empty.save_flamegraph("nowhere.html")
