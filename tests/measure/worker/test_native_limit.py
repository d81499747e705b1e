"""Each worker has as many native threads on every executor; a caveat says so only where it matters. On real numpy."""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from clusters import ForeignCluster
from native_targets import BLOCKING, ON_A_LOOP, add, plain
from threadpoolctl import threadpool_info, threadpool_limits

from pocket_lab import Bench, Graph, UsageError, Variant, bench, compare, trace
from pocket_lab.executors.registry import open_pool
from pocket_lab.executors.world.native_threads import VARIABLES, native_cores
from pocket_lab.measure.worker.native_limit import NativeLimit, limit_of, native_caveats
from pocket_lab.records.point import Point
from pocket_lab.records.samples import Metric

CORES = native_cores()
LIBRARIES = ["openblas", "openmp"]
with suppress(OSError):  # so that it is there before the runs of a measurement in place
    ctypes.CDLL("libgomp.so.1")
ISOLATIONS = ["process", "kernel"]


@pytest.fixture(autouse=True)
def no_number_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def point(executor: str, workers: int) -> Point:
    return Point("f", None, workers, executor, "run", None)


def seen(result: Bench) -> dict[tuple[str, int], set[float]]:
    """The numbers of all libraries, by executor and workers."""
    found = result.metrics[result.metrics["name"].isin(LIBRARIES)]
    return {level: set(rows["value"]) for level, rows in found.groupby(["executor", "workers"])}


def codes(result: Any) -> list[str]:
    return [caveat.code for caveat in result.caveats]


def measured(graph: Graph, **options: Any) -> Bench:
    result = bench(graph, input=[1, 2, 3], **{"budget": 60, "precision": 0.9, "references": False, **options})
    assert result.failures == []
    return result


@pytest.mark.parametrize(
    ("levels", "limit"),
    [
        ([("serial", 1)], None),
        ([("processes", 1)], None),
        ([("threads", 2)], NativeLimit(1, False)),
        ([("threads", 1), ("threads", 2)], NativeLimit(1, False)),
        ([("serial", 1), ("processes", 1)], NativeLimit(1, False)),
    ],
)
def test_one_worker_alone_is_left_as_it_is(levels: list[tuple[str, int]], limit: NativeLimit | None) -> None:
    assert limit_of(None, [point(*level) for level in levels]) == limit


def test_the_option_comes_first_then_the_environment_then_what_was_set_here(monkeypatch: pytest.MonkeyPatch) -> None:
    both = [point("threads", 1), point("threads", 2)]
    with threadpool_limits(1):
        assert limit_of(None, both[:1]) == (NativeLimit(1, True) if CORES > 1 else None)
        monkeypatch.setenv("OMP_NUM_THREADS", "2")
        assert limit_of(None, both) is None
        assert limit_of(3, both) == NativeLimit(3, True)


@pytest.mark.parametrize("isolation", ISOLATIONS)
@pytest.mark.parametrize(
    ("graph", "executors"), [(BLOCKING, "serial,threads,processes"), (ON_A_LOOP, "asyncio")], ids=["plain", "async"]
)
def test_each_worker_of_each_executor_has_one_thread_and_this_process_the_numbers_it_had(
    graph: Graph, executors: str, isolation: str
) -> None:
    before, environment = threadpool_info(), dict(os.environ)
    result = measured(graph, workers="1,2", executors=executors, isolation=isolation)
    levels = seen(result)
    assert {executor for executor, _ in levels} == set(executors.split(","))
    assert all(numbers == {1.0} for numbers in levels.values()), levels
    messages = [caveat.message for caveat in result.caveats if caveat.code == "one-native-thread"]
    assert len(messages) == (1 if CORES > 1 else 0)
    assert all("OpenBLAS" in message and f"native_threads={CORES} measures" in message for message in messages)
    after = {library["filepath"]: library["num_threads"] for library in threadpool_info()}
    assert {library["filepath"]: library["num_threads"] for library in before}.items() <= after.items()
    assert dict(os.environ) == environment


def test_the_option_sets_another_number_alike_and_without_a_caveat() -> None:
    result = measured(BLOCKING, workers=2, executors="threads,processes", native_threads="2")
    assert {number for numbers in seen(result).values() for number in numbers} <= {2.0, float(min(2, CORES))}
    assert len(seen(result)) == 2
    assert "one-native-thread" not in codes(result)


@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_one_worker_alone_has_the_threads_of_the_kernel(isolation: str) -> None:
    result = bench(add, input=1, budget=20, precision=0.9, isolation=isolation)
    assert seen(result) == {("serial", 1): {float(CORES)}}
    assert "one-native-thread" not in codes(result)


def test_a_number_in_the_environment_is_kept_on_every_executor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    result = measured(BLOCKING, workers=2, executors="threads,processes")
    assert len(levels := seen(result)) == 2
    assert all(numbers <= {2.0, float(min(2, CORES))} for numbers in levels.values()), levels
    assert "one-native-thread" not in codes(result)


def test_a_number_that_threadpoolctl_has_set_here_is_that_of_the_measuring_process_too() -> None:
    np.linalg.inv(np.eye(2))
    with threadpool_limits(1):
        alone = bench(add, input=1, budget=20, precision=0.9)
    assert seen(alone) == {("serial", 1): {1.0}}
    assert "one-native-thread" not in codes(alone)


@pytest.mark.parametrize("references", [False, True])
def test_nothing_is_said_where_the_target_loads_no_such_library(references: bool) -> None:
    def plain(size: int) -> int:  # in here, since to load this module loads numpy
        return sum(range(size))

    options: dict[str, Any] = {"drive": "map", "workers": "1,2", "executors": "threads,processes", "precision": 0.9}
    result = bench(plain, sizes=1000, budget=60, references=references, **options)
    assert result.references.empty != references
    assert "one-native-thread" not in codes(result), "the references load one for themselves"


def test_a_comparison_of_executors_limits_both_sides() -> None:
    def threads_of(result: Any) -> dict[str, set[float]]:
        metrics = [record for record in result.records if isinstance(record, Metric) and record.name in LIBRARIES]
        return {record.point.executor: {other.value for other in metrics} for record in metrics}

    sides = [Variant(BLOCKING, workers=1, executor=executor, name=executor) for executor in ("serial", "processes")]
    result = compare(*sides, input=[1, 2], budget=40, margin="99%")
    assert codes(result).count("one-native-thread") == (1 if CORES > 1 else 0)
    assert all(numbers == {1.0} for numbers in threads_of(result).values())


def test_a_profile_of_two_workers_says_it_as_well() -> None:
    assert codes(trace(BLOCKING, input=[1, 2], workers=2)).count("one-native-thread") == (1 if CORES > 1 else 0)
    assert "one-native-thread" not in codes(trace(BLOCKING, input=[1, 2]))


def test_a_run_with_and_one_without_the_limit_are_compared_with_a_caveat() -> None:
    options: dict[str, Any] = {"input": [1, 2], "executor": "threads", "budget": 30, "precision": 0.9}
    alone, limited = (bench(BLOCKING, name=name, workers=workers, **options) for name, workers in (("x", 1), ("y", "1,2")))
    result = compare(alone, limited)
    assert ("other-native-threads" in codes(result)) == (CORES > 1)
    assert "other-native-threads" not in codes(compare(alone, bench(BLOCKING, name="z", workers=1, **options)))


@pytest.mark.parametrize("value", [0, -1, "1,2", "many", 1.5, True])
def test_a_number_of_threads_is_one_positive_integer(value: Any) -> None:
    with pytest.raises(UsageError, match="native_threads"):
        bench(plain, size=1, native_threads=value)


def test_more_threads_of_workers_that_others_have_started_are_said(foreign: ForeignCluster) -> None:
    """Nobody limits them: the nannies of this cluster were told to leave the environment alone."""

    def load() -> list[int]:
        import numpy  # noqa: F401
        from threadpoolctl import threadpool_info

        return [library["num_threads"] for library in threadpool_info() if library["internal_api"] == "openblas"]

    with open_pool(foreign.address, 2) as pool:
        (most,) = {max(threads) for threads in pool.everywhere(load)}
        said = [caveat.message for caveat in native_caveats(NativeLimit(1, True), [pool]) if caveat.code == "other-settings"]
        assert list(native_caveats(NativeLimit(most, True), [pool])) == []
    named = (
        f"workers at {foreign.address} have {most} threads of OpenBLAS, where others have 1: start them with OMP_NUM_THREADS=1"
    )
    assert [message.startswith(named) for message in said] == [True] * (most > 1)
