"""Sweeps over parameters through the verbs: frames, findings, comparisons, the history, resuming."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from pocket_lab import Graph, History, Node, UsageError, bench, compare, memory, trace
from pocket_lab.frames.points import point_of
from pocket_lab.records.progress import Planned


def work(size: int, chunk: int = 1, mode: str = "plain") -> int:
    return sum(range(size * chunk))


def slower(size: int, chunk: int = 1, mode: str = "plain") -> int:
    return sum(range(2 * size * chunk))


def make_graph(chunk: int) -> Graph:
    return Graph(Node("sum", exec=lambda size: sum(range(size * chunk))), name="summed")


def test_a_parameter_is_a_column_with_numbers_where_its_values_are_such() -> None:
    result = bench(work, size=100, params={"chunk": [1, 64], "mode": ["a, b", "c=d"]}, budget=2, isolation="kernel")
    assert result.frame["chunk"].to_list() == [1, 1, 64, 64]
    assert result.frame["mode"].to_list() == ["a, b", "c=d"] * 2
    assert set(result.samples["chunk"]) == {1, 64}
    planned = next(record for record in result.records if isinstance(record, Planned))
    assert [point_of(row) for row in result.frame.to_dict("records")] == list(planned.points)
    assert "chunk 1" in result.findings[0]
    assert "chunk 64" in result.findings[0]
    assert result.table.headers[:2] == ("chunk", "mode")
    assert result.plot().axes


def test_a_factory_is_measured_as_the_graphs_that_it_returns() -> None:
    result = bench(make_graph, size=10, params={"chunk": [1, 8]}, budget=5, precision="50%")
    assert result.error is None
    assert set(result.nodes["node"]) == {"sum"}
    assert set(result.nodes["chunk"]) == {1, 8}


def test_a_stored_run_has_its_parameters_and_a_resumed_one_does_not_measure_them_twice() -> None:
    options: dict[str, Any] = {"size": 50, "isolation": "kernel", "name": "axes", "precision": "50%"}
    first = bench(work, params={"chunk": [1, 8]}, budget=3, **options)
    again = History().load("axes")
    assert again.frame.equals(first.frame)
    more = bench(work, params={"chunk": [1, 8, 16]}, budget=3, resume=True, **options)
    assert sorted(more.frame["chunk"]) == [1, 8, 16]


def test_a_comparison_pairs_the_same_combination_only() -> None:
    result = compare(work, slower, size=1000, params={"chunk": [1, 8]}, budget=3, check_equal=False)
    assert result.frame["chunk"].to_list() == [1, 8]
    assert (result.frame["ratio"] > 1).all()


def test_the_stored_runs_have_only_common_combinations() -> None:
    a = bench(work, size=50, params={"chunk": [1, 8]}, budget=2, isolation="kernel", name="a")
    b = bench(slower, size=50, params={"chunk": [8, 16]}, budget=2, isolation="kernel", name="b")
    assert compare(a, b).frame["chunk"].to_list() == [8]


def test_a_profile_has_the_rows_of_each_combination() -> None:
    assert set(trace(make_graph, size=10, params={"chunk": [1, 8]}).frame["chunk"]) == {1, 8}


@pytest.mark.parametrize("verb", [bench, trace])
def test_a_name_that_is_a_column_is_refused(verb: Any) -> None:
    def function(size: int, wall_s: int = 1, node: int = 1) -> int:
        return size

    name = "wall_s" if verb is bench else "node"
    with pytest.raises(UsageError, match=f"'{name}' is a column of the result"):
        verb(function, size=1, params={name: [1]})


def test_a_value_that_cannot_be_sent_is_named() -> None:
    def function(size: int, lock: Any = None) -> int:
        return size

    with pytest.raises(UsageError, match=r'parameter "lock" \(guard\)'):
        bench(function, size=1, params={"lock": {"guard": threading.Lock()}}, budget=1)


def test_each_combination_keeps_a_capture_of_its_own(tmp_path: Path) -> None:
    def fill(size: int, block: float = 1, kind: str = "") -> bytearray:
        return bytearray(int(size * block))

    memory(fill, size=1000, params={"block": [0.5, 8], "kind": ["a/b", "a_b"]}, keep=tmp_path / "run.bin")
    names = [f"run-1000-block={block}-kind={kind}-1-serial.bin" for block in ("0.5", "8") for kind in ("a%2Fb", "a_b")]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
