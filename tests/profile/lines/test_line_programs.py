"""Random programs of known hits: decorators, inner functions, threads, tasks, exec; exact on every executor."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from line_programs import Program, programs, wrong

from pocket_lab import lines

FEW = settings(max_examples=settings().max_examples // 8, suppress_health_check=[HealthCheck.too_slow])


def check(program: Program, items: int, executor: str) -> None:
    frame = lines(program.graph, size=items, executor=executor, workers=2, isolation="kernel").frame
    assert not wrong(frame, program, items)


@pytest.mark.parametrize("executor", ["serial", "threads"])
def test_hits_of_plain_programs_are_exact(executor: str) -> None:
    @FEW
    @given(programs(is_async=False), st.integers(1, 3))
    def each(program: Program, items: int) -> None:
        check(program, items, executor)

    each()


@FEW
@given(programs(is_async=True), st.integers(1, 3))
def test_hits_of_async_programs_are_exact(program: Program, items: int) -> None:
    check(program, items, "asyncio")


@settings(max_examples=max(settings().max_examples // 50, 1), suppress_health_check=[HealthCheck.too_slow])
@given(programs(is_async=False), st.integers(1, 3))
def test_hits_of_programs_in_worker_processes_are_exact(program: Program, items: int) -> None:
    check(program, items, "processes")
