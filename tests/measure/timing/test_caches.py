"""Which caches a target has, and that a cold run starts with all of them empty."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any

import pytest

from pocket_lab.graph.combinators import fan_out
from pocket_lab.graph.graph import Graph
from pocket_lab.graph.node import Node
from pocket_lab.measure.job import Input, Job
from pocket_lab.measure.planning import plan_job
from pocket_lab.measure.sampler import sample
from pocket_lab.measure.sweep import parse_sweep
from pocket_lab.measure.timing.caches import cache_caveats, caches, cleared
from pocket_lab.records.samples import Sample


@functools.cache
def square(value: int) -> int:
    return value * value


@functools.lru_cache(maxsize=8)
def cube(value: int) -> int:
    return value * square(value)


def uses_both(value: int) -> int:
    return square(value) + cube(value)


def uses_none(value: int) -> int:
    return value


def job_of(target: Any, **options: Any) -> Job:
    return plan_job(target, Input.ABSENT, parse_sweep(**{"sizes": 3, "budget": 1.0, **options}))


def closing_over(cached: Callable[[int], int]) -> Callable[[int], int]:
    return lambda value: cached(value)


@pytest.mark.parametrize(
    ("target", "count"),
    [
        (uses_none, 0),
        (square, 1),
        (cube, 2),
        (uses_both, 2),
        (functools.partial(uses_both, 3), 2),
        (closing_over(square), 1),
        (closing_over(closing_over(square)), 1),
        (len, 0),
        (Graph(Node("a", exec=square) >> Node("b", exec=uses_both)), 2),
        (Graph(fan_out(Node("inner", exec=square))), 1),
        (Graph(Node("n", prep=lambda store, value: square(value), post=lambda store, *rest: (cube(1), "default"))), 2),
    ],
)
def test_the_caches_of_what_a_target_names_are_found_once_each(target: Any, count: int) -> None:
    assert len(caches(target)) == count
    assert (cleared(target) is None) == (count == 0)


def test_functions_that_call_each_other_are_looked_at_once() -> None:
    def ping(value: int) -> int:
        return pong(value - 1) if value else 0

    def pong(value: int) -> int:
        return ping(value) + square(value)

    assert len(caches(ping)) == 1


def test_a_variable_without_a_value_yet_is_passed_over() -> None:
    def target(value: int) -> int:
        return later(value)

    assert caches(target) == []
    later = square
    assert len(caches(target)) == 1


def test_clearing_empties_every_cache() -> None:
    clear = cleared(uses_both)
    assert clear is not None
    uses_both(3)
    assert (square.cache_info().currsize, cube.cache_info().currsize) == (1, 1)
    clear()
    assert (square.cache_info().currsize, cube.cache_info().currsize) == (0, 0)


def test_a_class_with_a_cache_is_not_called() -> None:
    class Model:
        @staticmethod
        def cache_clear() -> None:
            raise AssertionError("this is the method of another object")

    assert caches(lambda value: Model) == []


@pytest.mark.parametrize(
    ("options", "codes"),
    [
        ({}, ["caches-warm"]),
        ({"caches": "cold"}, ["caches-cold"]),
        ({"caches": "cold", "drive": "map", "executors": "processes"}, ["caches-cold", "caches-apart"]),
        ({"drive": "map", "executors": "processes"}, ["caches-warm"]),
    ],
)
def test_what_is_done_about_caches_is_said(options: dict[str, Any], codes: list[str]) -> None:
    assert [caveat.code for caveat in cache_caveats(job_of(uses_both, **options))] == codes
    bare = [caveat.code for caveat in cache_caveats(job_of(uses_none, **options))]
    assert bare == (["caches-none"] if "caches" in options else [])
    assert [caveat.code for caveat in cache_caveats(job_of(uses_none, **options), job_of(uses_both, **options))] == codes


def test_their_number_is_said_in_words() -> None:
    (one,) = cache_caveats(job_of(square))
    (two,) = cache_caveats(job_of(uses_both))
    assert one.message.startswith("1 cache of the target was kept warm")
    assert two.message.startswith("2 caches of the target were kept warm")


@pytest.mark.parametrize("drive", ["run", "map"])
def test_every_cold_run_does_its_work_again_and_a_warm_one_does_not(drive: str) -> None:
    work: list[int] = []

    @functools.cache
    def slow(value: int) -> int:
        work.append(value)
        time.sleep(0.005)
        return value

    def measured(how: str) -> list[Sample]:
        slow.cache_clear()
        work.clear()
        job = job_of(slow, sizes=3, caches=how, drive=drive, executors="serial", budget=0.4, isolation="kernel")
        return [record for record in sample(job) if isinstance(record, Sample)]

    cold = measured("cold")
    assert len(cold) > 5
    assert {one.loops for one in cold} == {1}
    assert all(one.wall_s >= 0.005 * one.items for one in cold), "none found its result in a cache"
    others = len(work) - sum(one.items for one in cold)
    assert others in (cold[0].items, 2 * cold[0].items), "one run of the second build, and perhaps a second look"
    warm = measured("warm")
    assert len(work) == (1 if drive == "run" else 3), "the first run of all"
    assert max(one.wall_s / one.items / one.loops for one in warm if one.round) < 0.005
