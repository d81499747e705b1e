"""Each verb on the workers of a cluster, one that the measuring process starts and one at an address, on built truths."""

from __future__ import annotations

import time

import pytest
from clusters import ForeignCluster

from pocket_lab import Graph, bench, compare, cpu, fan_out, lines, memory, node, trace

MIB = 2**20
ITEMS, STEPS, BUSY_S = 4, 50, 0.03


def made() -> Graph:
    """A graph whose functions no worker can import: each item takes a known time, memory and number of steps."""

    def helper(steps: int) -> int:
        total = 0
        for step in range(steps):
            total += step
        return total

    @node
    def split(size: int) -> list[int]:
        return list(range(size))

    @node
    def work(item: int) -> int:
        block = b"\1" * (20 * MIB)
        end = time.thread_time() + BUSY_S
        while time.thread_time() < end:
            pass
        return helper(STEPS) + len(block)

    return Graph(split >> fan_out(work))


@pytest.fixture(scope="module", params=["cluster", "address"])
def executor(request: pytest.FixtureRequest) -> str:
    if request.param == "cluster":
        return "cluster"
    foreign: ForeignCluster = request.getfixturevalue("foreign")
    return foreign.address


def test_a_sweep_of_worker_counts_has_every_point_and_its_nodes(executor: str) -> None:
    result = bench(made(), sizes=ITEMS, executors=executor, workers=[1, 2], budget=10, precision=0.9, references=False)
    assert result.failures == []
    frame, nodes = result.frame, result.nodes[result.nodes["node"] == "work"]
    assert list(zip(frame["executor"], frame["workers"], strict=True)) == [(executor, 1), (executor, 2)]
    assert (frame["wall_s"] > ITEMS * BUSY_S / frame["workers"]).all()
    assert sorted(nodes["workers"]) == [1, 2]
    assert (nodes["wall_s"] > ITEMS * BUSY_S).all()


def test_spans_of_every_item_come_back(executor: str) -> None:
    frame = trace(made(), size=ITEMS, executor=executor, workers=2).frame
    spans = frame[(frame["node"] == "work") & (frame["phase"] == "exec") & frame["parent"].notna()]
    assert len(spans) == ITEMS
    assert (spans["end_s"] - spans["start_s"]).min() >= BUSY_S
    assert spans["worker"].nunique() == 2


def test_hits_are_exact(executor: str) -> None:
    frame = lines(made(), size=ITEMS, executor=executor, workers=2).frame
    hits = {row["source"].strip(): row["hits"] for row in frame[frame["node"] == "work"].to_dict("records")}
    assert hits["return helper(STEPS) + len(block)"] == ITEMS


def test_cpu_time_is_that_of_the_items(executor: str) -> None:
    frame = cpu(made(), size=ITEMS, executor=executor, workers=2).frame
    (row,) = frame[(frame["node"] == "work") & (frame["depth"] == 0)].to_dict("records")
    assert ITEMS * BUSY_S <= row["cpu_s"] < 2 * ITEMS * BUSY_S


def test_a_node_holds_its_block(executor: str) -> None:
    frame = memory(made(), size=ITEMS, executor=executor, workers=2).frame
    (row,) = frame[frame["node"] == "work"].to_dict("records")
    assert 19 * MIB < row["peak_bytes"] < 45 * MIB
    assert row["allocated_bytes"] == pytest.approx(ITEMS * 20 * MIB, rel=0.05)


def test_a_comparison_finds_twice_the_work(executor: str) -> None:
    def busy(seconds: float) -> Graph:
        @node
        def split(size: int) -> list[int]:
            return list(range(size))

        @node
        def work(item: int) -> int:
            end = time.perf_counter() + seconds
            while time.perf_counter() < end:
                pass
            return item

        return Graph(split >> fan_out(work))

    result = compare(busy(0.03), busy(0.06), sizes=2, executors=executor, workers=2, budget=8)
    assert result.failures == []
    assert result.frame["verdict"].tolist() == ["slower"]
