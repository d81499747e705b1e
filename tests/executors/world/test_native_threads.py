"""A limit of native threads holds on every thread and in worker processes, and is gone afterwards; on real libraries."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from pocket_lab.executors.processes import ProcessPool
from pocket_lab.executors.worker_state import STATE
from pocket_lab.executors.world.native_threads import (
    VARIABLES,
    NativeThreads,
    chosen_here,
    limited,
    loaded_libraries,
    native_cores,
    variables,
)

CORES = native_cores()


@pytest.fixture(autouse=True)
def no_number_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def openmp() -> Iterator[Any]:
    """The OpenMP library of gcc, with as many threads in the thread of the test as there were."""
    try:
        library = ctypes.CDLL("libgomp.so.1")
    except OSError:
        pytest.skip("libgomp is not installed")
    before = library.omp_get_max_threads()
    yield library
    library.omp_set_num_threads(before)


def numbers() -> dict[str, int]:
    """The threads of each loaded library, by its file."""
    return {library["filepath"]: library["num_threads"] for library in threadpool_info()}


def in_a_thread(function: Any) -> Any:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


def openblas_of_worker(item: int) -> list[int]:
    np.linalg.inv(np.eye(2))
    return [library.threads for library in loaded_libraries() if library.name == "openblas"]


def test_each_library_has_its_number_again_also_after_limits_inside_each_other(openmp: Any) -> None:
    openmp.omp_set_num_threads(5)
    before = numbers()
    assert len(before) >= 2
    with limited(2):
        with limited(1):
            assert set(numbers().values()) == {1}
        assert openmp.omp_get_max_threads() == 2
        with limited(None):
            assert openmp.omp_get_max_threads() == 2
    assert numbers() == before
    assert STATE.get(NativeThreads) is None


def test_an_error_inside_a_limit_leaves_nothing_behind() -> None:
    before = numbers()
    with pytest.raises(ZeroDivisionError), limited(1):
        1 / 0  # noqa: B018
    assert numbers() == before


def test_a_library_that_is_loaded_later_is_limited_by_renew_and_restored(openmp: Any) -> None:
    openmp.omp_set_num_threads(1)  # as it is limited below
    with limited(1):
        openmp.omp_set_num_threads(4)  # as a library that has just been loaded
        limit = STATE.get(NativeThreads)
        assert limit is not None
        limit.renew()
        assert openmp.omp_get_max_threads() == 1
    assert openmp.omp_get_max_threads() == 1


def test_openmp_is_limited_for_each_thread_that_sets_it(openmp: Any) -> None:
    fresh = in_a_thread(openmp.omp_get_max_threads)
    with limited(fresh + 1):
        limit = STATE.get(NativeThreads)
        assert limit is not None
        assert in_a_thread(openmp.omp_get_max_threads) == fresh, "what the main thread sets is not for others"
        assert in_a_thread(lambda: (limit.limit_thread(), openmp.omp_get_max_threads())[1]) == fresh + 1
    assert in_a_thread(openmp.omp_get_max_threads) == fresh


def test_another_thread_may_set_openblas_after_a_limit_whose_threads_were_limited_too() -> None:
    with limited(1):
        limit = STATE.get(NativeThreads)
        assert limit is not None
        in_a_thread(limit.limit_thread)

    def set_elsewhere() -> set[int]:
        with threadpool_limits(1, user_api="blas"):
            return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}

    assert in_a_thread(set_elsewhere) == {1}


def test_worker_processes_have_the_limit_of_their_parent_and_its_environment_has_no_trace() -> None:
    environment = dict(os.environ)
    with limited(1), ProcessPool(1) as pool:
        (limited_here,) = pool.imap(openblas_of_worker, [0])
    with ProcessPool(1) as pool:
        (free,) = pool.imap(openblas_of_worker, [0])
    assert set(limited_here.get()) == {1}
    assert set(free.get()) == {min(CORES, 64)}
    assert dict(os.environ) == environment


def test_a_number_that_was_set_here_is_seen_and_the_default_is_none() -> None:
    assert chosen_here() is None
    with threadpool_limits(1):
        assert chosen_here() == (1 if CORES > 1 else None)
    assert chosen_here() is None


def test_openmp_with_fewer_threads_is_nobodys_choice(openmp: Any) -> None:
    openmp.omp_set_num_threads(1)
    assert chosen_here() is None


def test_the_variables_of_a_new_process() -> None:
    assert variables(None) == {}
    assert variables(3)["OMP_NUM_THREADS"] == variables(3)["OPENBLAS_NUM_THREADS"] == "3"
