"""Which points make sense for which target."""

from __future__ import annotations

from typing import Any

import pytest

from pocket_lab.errors import UsageError
from pocket_lab.graph.combinators import fan_out
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import node
from pocket_lab.measure.job import Input
from pocket_lab.measure.planning import plan_job
from pocket_lab.measure.sweep import parse_sweep


@node
def double(value: int) -> int:
    return 2 * value


def levels(target: Any, **options: Any) -> list[tuple[str, int]]:
    job = plan_job(target, Input.ABSENT, parse_sweep(**{"sizes": 1, **options}))
    return [(point.executor, point.workers) for point in job.points]


@pytest.mark.parametrize(
    ("options", "levels_"),
    [
        ({}, [("serial", 1)]),
        ({"workers": 1}, [("serial", 1)]),
        ({"workers": "1,2"}, [("threads", 1), ("threads", 2)]),
        ({"workers": 2}, [("threads", 2)]),
        ({"executors": "threads"}, [("threads", 1)]),
        ({"drive": "map", "sizes": 3}, [("serial", 1)]),
        ({"drive": "load"}, [("threads", 1)]),
    ],
    ids=str,
)
def test_without_an_executor_one_worker_needs_no_pool(options: dict[str, Any], levels_: list[tuple[str, int]]) -> None:
    assert levels(Graph(fan_out(double)), **options) == levels_


def test_a_graph_with_a_fan_out_has_every_executor_and_worker_count() -> None:
    graph = Graph(fan_out(double))
    assert levels(graph, workers="1,2", executors="serial,threads") == [("serial", 1), ("threads", 1), ("threads", 2)]
    nested = Graph(Graph(fan_out(double)).as_node("inner"))
    assert levels(nested, workers="1,2") == [("threads", 1), ("threads", 2)]


def test_serial_has_one_worker_and_says_so_where_more_were_asked_for() -> None:
    job = plan_job(Graph(fan_out(double)), Input.ABSENT, parse_sweep(workers="1,2", executors="serial,threads"))
    assert [caveat.code for caveat in job.caveats] == ["serial-one-worker"]


@pytest.mark.parametrize("target", [Graph(double), double, double.exec])
def test_without_a_fan_out_a_run_has_one_worker_and_a_caveat(target: Any) -> None:
    assert levels(target, workers="1,2,4", executors="threads,processes") == [("serial", 1)]
    job = plan_job(target, Input.ABSENT, parse_sweep(sizes=1, workers="1,2,4"))
    assert [caveat.code for caveat in job.caveats] == ["one-worker"]
    assert not plan_job(target, Input.ABSENT, parse_sweep(sizes=1)).caveats


def test_map_varies_the_runs_in_flight_of_any_target() -> None:
    assert levels(double, workers="1,2", drive="map", sizes=3) == [("threads", 1), ("threads", 2)]
    assert levels(len, workers="2", executors="processes", drive="map", sizes=3) == [("processes", 2)]


def test_under_load_workers_are_clients_of_any_target_at_the_rate_of_the_sweep() -> None:
    assert levels(double, workers="1,2", drive="load") == [("threads", 1), ("threads", 2)]
    assert levels(lambda value: value, workers="2", drive="load", executors="serial,processes") == [
        ("serial", 1),
        ("processes", 2),
    ]
    job = plan_job(double, Input.ABSENT, parse_sweep(sizes="1,2", drive="load", rate=50))
    assert [(point.size, point.drive, point.rate) for point in job.points] == [(1, "load", 50.0), (2, "load", 50.0)]
    assert plan_job(double, Input.ABSENT, parse_sweep(drive="load")).points[0].rate is None


def test_an_async_target_gets_tasks_of_an_event_loop_as_clients() -> None:
    async def answer(value: int) -> int:
        return value

    assert levels(answer, workers="1,8", drive="load") == [("asyncio", 1), ("asyncio", 8)]
    assert levels(answer, drive="run") == [("asyncio", 1)]
    with pytest.raises(UsageError, match='which the executor "asyncio" requires'):
        levels(double, drive="load", executors="asyncio")


def test_the_context_and_the_level_are_no_arguments_of_the_input() -> None:
    assert len(plan_job(lambda ctx: None, Input.ABSENT, parse_sweep()).points) == 1
    assert levels(lambda ctx, workers, executor: None, sizes=None, workers="1,2", executors="processes") == [
        ("processes", 1),
        ("processes", 2),
    ]


def test_a_callable_with_a_workers_parameter_receives_the_count() -> None:
    assert levels(lambda size, workers: None, workers="1,2") == [("own", 1), ("own", 2)]
    assert levels(lambda size, workers, executor: None, workers="2", executors="processes") == [("processes", 2)]
    job = plan_job(lambda size, workers: None, Input.ABSENT, parse_sweep(sizes=1, executors="processes"))
    assert [caveat.code for caveat in job.caveats] == ["own-executor"]


def test_an_argument_with_a_default_may_be_left_out_and_one_without_may_not() -> None:
    assert len(plan_job(lambda size=3: size, Input.ABSENT, parse_sweep()).points) == 1
    with pytest.raises(UsageError, match="requires an argument"):
        plan_job(lambda size: size, Input.ABSENT, parse_sweep())


def test_points_are_sizes_times_levels_under_the_targets_name() -> None:
    job = plan_job(Graph(double, name="doubling"), Input.ABSENT, parse_sweep(sizes="1,2"))
    assert [(point.target, point.size) for point in job.points] == [("doubling", 1), ("doubling", 2)]
    assert plan_job(double, Input.ABSENT, parse_sweep(), "mine").points[0].target == "mine"


@pytest.mark.parametrize(
    ("target", "given", "options", "words"),
    [
        (42, Input.ABSENT, {}, "42 cannot be measured"),
        (double, [1, 2], {"sizes": "1,2"}, "input is a list"),
        (double, range, {}, "needs a size"),
        (lambda: None, Input.ABSENT, {"sizes": 3}, "takes no argument"),
        (lambda: None, 5, {}, "takes no argument"),
        (lambda: None, Input.ABSENT, {"drive": "map"}, "takes no argument"),
        (double, Input.ABSENT, {"drive": "map"}, "needs sizes"),
        (double, [1, 2], {"fresh_input": True}, "fresh_input builds an input for each run, and this input is a list"),
        (double, iter([1, 2]), {"drive": "load"}, "an iterator, which the first run exhausts"),
        (lambda ctx: None, 5, {}, "takes no argument besides ctx .Pocket Lab gives it that., so it can have neither sizes nor"),
    ],
)
def test_what_cannot_be_measured_is_said(target: Any, given: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        plan_job(target, given, parse_sweep(**options))
