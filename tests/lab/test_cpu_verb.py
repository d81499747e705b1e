"""cpu on built truths, through a real measuring process and on every executor."""

from __future__ import annotations

from typing import Any

import matplotlib.figure
import pytest
from spinning import busy, split, waiting

from pocket_lab import Graph, History, NodeError, UsageError, cpu, fan_out, last, node


def under(frame: Any, node_: str, function: str) -> Any:
    rows = frame[(frame["node"] == node_) & frame["function"].str.endswith(function)]
    return rows[["self_s", "total_s", "cpu_s"]].sum()


@pytest.fixture(scope="module")
def busy_frame() -> Any:
    """The frame of a fan-out on each executor, on two workers where it has workers."""
    return cpu(Graph(split >> fan_out(busy)), size=4, workers=2, executors="serial,threads,processes").frame


@pytest.mark.parametrize(("executor", "workers"), [("serial", 1), ("threads", 2), ("processes", 2)])
def test_wall_and_cpu_time_are_told_for_every_call_on_every_executor(busy_frame: Any, executor: str, workers: int) -> None:
    frame = busy_frame[busy_frame["executor"] == executor]
    assert set(frame["workers"]) == {workers}
    whole = frame[(frame["node"] == "busy") & (frame["depth"] == 0)].iloc[0]
    assert whole["total_s"] == pytest.approx(1.2, rel=0.2)
    assert under(frame, "busy", "through")["total_s"] == pytest.approx(0.8, rel=0.2)
    assert under(frame, "busy", "through")["self_s"] < 0.1
    own = frame[(frame["node"] == "busy") & (frame["depth"] == 1)]["self_s"].sum()
    assert own == pytest.approx(0.4, rel=0.25)  # it sleeps
    assert whole["cpu_s"] <= whole["total_s"] * 0.75
    columns = ["node", "depth", "function", "file", "line", "self_s", "total_s", "self_cpu_s", "cpu_s", "share", "samples"]
    assert list(frame.columns) == [*columns, "size", "workers", "executor", "drive", "rate"]
    assert frame.loc[frame["depth"] == 0, "share"].sum() == pytest.approx(1.0)


def test_what_a_task_awaits_is_its_nodes_time() -> None:
    frame = cpu(Graph(split >> fan_out(waiting)), size=4, workers=4).frame
    assert under(frame, "waiting", "through")["total_s"] == pytest.approx(0.2, rel=0.35)
    assert under(frame, "waiting", "[awaiting]")["self_s"] >= 0.7  # four tasks wait for 0.2 s each, some for their turn too
    assert under(frame, "waiting", "[awaiting]")["cpu_s"] == 0


def test_a_callable_under_load_and_several_points() -> None:
    result = cpu(busy, sizes=[1, 2], input=lambda size: size / 100, drive="load", workers="1,2")
    assert len(result.frame.groupby(["size", "workers"])) == 4
    assert set(result.frame["drive"]) == {"load"}
    assert (result.frame[result.frame["depth"] == 0].groupby(["size", "workers"])["share"].sum() - 1).abs().max() < 1e-9
    assert "size 2, threads x 2, load" in result.to_html()


def test_in_place_it_is_the_same_and_a_short_run_is_in_doubt() -> None:
    result = cpu(busy, size=1, input=lambda size: 0.01, isolation="kernel")
    assert any("samples are inside the nodes" in caveat.message for caveat in result.caveats)
    assert any("inside this process" in caveat.message for caveat in result.caveats)


def test_it_shows_itself_and_is_kept() -> None:
    result = cpu(busy, size=1, input=lambda size: 0.05, name="calls")
    bundle = result._repr_mimebundle_()
    assert "spin" in bundle["text/plain"]
    assert bundle["text/html"].count("<script>") == 1
    assert "http" not in bundle["text/html"].replace("http://www.w3.org", "")
    assert isinstance(result.plot(), matplotlib.figure.Figure)
    assert last() is result
    again = History().load("calls")
    assert again.frame.equals(result.frame)


def test_the_targets_own_error_and_bad_input() -> None:
    @node
    def boom(size: int) -> float:
        return 1 / size

    with pytest.raises(NodeError, match="boom"):
        cpu(boom, size=0)
    with pytest.raises(UsageError, match="write for example 1ms"):
        cpu(busy, size=1, interval=0)
    with pytest.raises(UsageError, match="isolation"):
        cpu(busy, size=1, budget="1s", isolation="kernel")
    partial = cpu(boom, sizes=[0, 1])
    assert len(partial.failures) == 1
    assert isinstance(partial.error, NodeError)
