"""bench with a memory pass: peaks and allocations per point and node, and their growth."""

from __future__ import annotations

import os
import tracemalloc
from typing import Any

import pytest
from allocating import MIB, doubled, tripled

from pocket_lab import Graph, History, UsageError, bench, last


def of_point(frame: Any, size: int) -> Any:
    return frame[frame["size"] == size].iloc[0]


def test_every_point_and_node_has_its_peak_and_memory_grows_by_a_law() -> None:
    sizes = [1, 2, 4, 8, 16, 32]
    result = bench(
        Graph(doubled >> tripled, name="holding"), sizes=sizes, budget="8s", precision="50%", memory=True, name="with memory"
    )
    for size in sizes:
        assert of_point(result.frame, size)["peak_bytes"] == pytest.approx(4 * size * MIB, rel=0.03, abs=0.3 * MIB)
        nodes = result.nodes[result.nodes["size"] == size].set_index("node")
        assert nodes.loc["doubled", "peak_bytes"] == pytest.approx(2 * size * MIB, rel=0.02)
        assert nodes.loc["tripled", "peak_bytes"] == pytest.approx(3 * size * MIB, rel=0.02)
        assert nodes.loc["tripled", "allocated_bytes"] == pytest.approx(3 * size * MIB, rel=0.02)
        assert nodes.loc["tripled", "allocations"] >= 1
    rows = list(zip(result.nodes["size"], result.nodes["node"], strict=True))
    assert rows == [(size, name) for size in sizes for name in ("doubled", "tripled", "(outside the nodes)")]
    outside = result.nodes[result.nodes["node"] == "(outside the nodes)"]["peak_bytes"]
    assert outside.max() < 0.3 * MIB, "what a first run does once is not that of the first size"
    assert result.memory_growth is not None
    assert result.memory_growth.law == "n"
    assert any("peak memory grows like n" in text for text in result.findings)
    again = History().load("with memory")
    assert again.nodes.equals(result.nodes)
    assert list(again.frame["peak_bytes"]) == list(result.frame["peak_bytes"])


def test_without_it_the_columns_are_empty_and_no_growth_is_reported() -> None:
    result = bench(doubled, sizes=[1, 2], budget="0.4s")
    assert result.frame["peak_bytes"].isna().all()
    assert result.memory_growth is None
    assert "peak_bytes" not in result.nodes


def test_a_plain_function_in_place_and_one_that_fails_at_a_point() -> None:
    def sometimes(size: int) -> int:
        if size == 2:
            raise LookupError("not two")
        return len(bytearray(size * MIB))

    result = bench(sometimes, sizes=[1, 2, 3], budget="2s", memory=True, isolation="kernel")
    peaks = result.frame.set_index("size")["peak_bytes"]
    assert peaks[3] == pytest.approx(3 * MIB, rel=0.05)
    assert peaks.isna().to_dict() == {1: False, 2: True, 3: False}
    assert result.nodes["calls"].isna().all()


def test_a_tool_that_conflicts_with_memray_is_refused_before_the_sweep() -> None:
    before = last()
    tracemalloc.start()
    try:
        with pytest.raises(UsageError, match="tracemalloc is running in this process, and memray cannot run at the same time"):
            bench(doubled, size=1, budget="1s", memory=True, isolation="kernel")
        assert last() is before
    finally:
        tracemalloc.stop()


def test_a_process_that_dies_in_the_memory_pass_leaves_the_bench_and_a_caveat() -> None:
    def dies_when_tracked(size: int) -> None:
        import threading

        if threading.getprofile() is not None:  # memray is on
            os._exit(3)

    result = bench(dies_when_tracked, size=1, precision=0.9, budget="10s", memory=True)
    assert result.frame["wall_s"].notna().all()
    assert result.error is None
    assert any(
        "not every point has its memory: the measuring process ended early" in caveat.message for caveat in result.caveats
    )
