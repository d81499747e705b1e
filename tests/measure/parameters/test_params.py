"""Parameters of a sweep: values with labels, combinations, who takes them, and the jobs of the combinations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pocket_lab import Graph, Node, UsageError
from pocket_lab.measure.job import Input, Job
from pocket_lab.measure.parameters.params import combinations, label_of, literals, parse_grid, parse_params, split_texts
from pocket_lab.measure.planning import plan_job
from pocket_lab.measure.points.combinations import Combinations
from pocket_lab.measure.sweep import parse_sweep, sweep_options
from pocket_lab.records.point import describe, params_text
from pocket_lab.records.point import parse_params as parse_text

LABELS = st.text(max_size=12)
NAMES = st.sampled_from(["chunk", "cache", "mode", "level"])


def work(size: int, chunk: int = 1, cache: int = 0) -> int:
    return size * chunk + cache


def build(chunk: int) -> Graph:
    return Graph(Node("add", exec=lambda value: value + chunk), name="adder")


def planned(target: Any, input: Any = Input.ABSENT, **options: Any) -> Job:
    return plan_job(target, input, parse_sweep(**options))


@given(st.lists(st.tuples(NAMES, LABELS), max_size=4, unique_by=lambda pair: pair[0]))
def test_a_combination_as_text_is_that_combination_again(pairs: list[tuple[str, str]]) -> None:
    assert parse_text(params_text(tuple(pairs))) == tuple(pairs)


@given(st.lists(st.one_of(st.integers(), st.booleans(), st.none(), st.text(max_size=5)), min_size=1, max_size=20))
def test_every_value_is_found_by_its_label_and_labels_are_distinct(values: list[Any]) -> None:
    axes, kept = parse_params({"chunk": values})
    found = [kept.of((("chunk", label),))["chunk"] for label in axes[0][1]]
    assert [(type(value), value) for value in found] == list(dict.fromkeys((type(value), value) for value in values))


def test_labels_are_short_and_say_what_a_value_is() -> None:
    class Model:
        pass

    values = [1, 2.5, "fast", None, True, len, np.int64(3), np.zeros((3, 4)), Model(), "", build(1)]
    texts = ["1", "2.5", "fast", "None", "True", "len", "3", "ndarray 3 x 4", "Model", "''", "adder"]
    assert [label_of(value) for value in values] == texts
    assert len(label_of("x" * 1000)) <= 40
    axes, _ = parse_params({"model": [Model(), Model()], "named": {"small": Model(), "large": Model()}})
    assert axes == (("model", ("Model", "Model#2")), ("named", ("small", "large")))


def test_a_text_has_literals_and_what_is_none_is_text() -> None:
    assert literals("1,8,64") == [1, 8, 64]
    assert literals("fast, 2.5, None") == ["fast", 2.5, None]
    assert split_texts(["chunk=1,8", "mode=a=b"]) == {"chunk": "1,8", "mode": "a=b"}
    for text in ("chunk", "=1", "chunk="):
        with pytest.raises(UsageError, match="write for example chunk=1,8,64"):
            split_texts([text])


def test_a_grid_has_chosen_combinations() -> None:
    frame = pd.DataFrame({"chunk": [1, 8, 8], "cache": ["a", "b", "b"]})
    axes, rows, values = parse_grid(frame)
    assert list(combinations(axes, rows)) == [(("chunk", "1"), ("cache", "a")), (("chunk", "8"), ("cache", "b"))]
    assert values.of((("chunk", "8"), ("cache", "b"))) == {"chunk": 8, "cache": "b"}
    assert parse_grid([{"chunk": 1}, {"chunk": 2}])[1] == (("1",), ("2",))
    senseless: list[Any] = [3, [], [{}], [{"a": 1}, {"b": 1}]]
    for grid in senseless:
        with pytest.raises(UsageError):
            parse_grid(grid)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"chnk": [1]}, "nothing takes 'chnk': work takes chunk, cache; did you mean 'chunk'"),
        ({"workers": [1]}, "cannot be named 'workers'"),
        ({"a b": [1]}, "'a b' is not the name of a parameter"),
        ({"chunk": []}, "'chunk' has no values"),
        ([1], "gives no name with values"),
        ({"chunk": range(1000), "cache": range(1000)}, "1,000,000 combinations are more than"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(params: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        planned(work, sizes=[1], params=params)
    assert "\n" not in str(caught.value)


def test_a_graph_takes_no_parameters_itself() -> None:
    with pytest.raises(UsageError, match="give a function that returns it"):
        planned(build(1), sizes=[1], params={"chunk": [1]})


def test_each_combination_is_a_point_and_has_its_own_target_and_input() -> None:
    def make(size: int, *, level: int) -> int:
        return size + level

    job = planned(work, make, sizes=[1, 2], params={"chunk": [1, 8], "level": [100]})
    assert [describe(point) for point in job.points] == [
        "size 1, chunk 1, level 100, serial x 1",
        "size 2, chunk 1, level 100, serial x 1",
        "size 1, chunk 8, level 100, serial x 1",
        "size 2, chunk 8, level 100, serial x 1",
    ]
    own = Combinations(job).of(job.points[3])
    assert not isinstance(own.target, Graph)
    assert own.input(2) == 102
    assert own.target(own.input(2)) == 816
    assert not own.sweep.params


@pytest.mark.parametrize("is_declared", [True, False])
def test_a_factory_is_called_once_for_each_combination_that_it_takes(is_declared: bool) -> None:
    calls = []

    def make(chunk):  # type: ignore[no-untyped-def]
        calls.append(chunk)
        return build(chunk)

    if is_declared:
        make.__annotations__["return"] = "Graph"
    job = planned(make, sizes=[1, 2], params={"chunk": [1, 8]})
    assert job.takers.is_factory
    calls.clear()
    jobs = Combinations(job)
    graphs = [jobs.of(point).target for point in job.points]
    assert [graph.run(10) for graph in graphs if isinstance(graph, Graph)] == [11, 11, 18, 18]
    assert calls == [1, 8]


async def wait(size: int, chunk: int = 1) -> int:
    return size * chunk


def test_nodes_and_async_functions_take_parameters_too() -> None:
    for target in (Node("work", exec=work), wait):
        job = planned(target, sizes=[3], params={"chunk": [2]})
        assert job.runs_graphs
        graph = Combinations(job).of(job.points[0]).target
        assert isinstance(graph, Graph)
        assert graph.run(3) == 6


def test_a_sweep_keeps_the_labels_as_data_and_not_the_values() -> None:
    sweep = parse_sweep(params={"model": {"small": object()}})
    assert sweep_options(sweep)["params"] == (("model", ("small",)),)
    assert "values" not in sweep_options(sweep)
