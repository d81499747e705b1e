"""Which doubts about line times are said of which code, and that line_profiler does what they say."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from line_profiler import LineProfiler

from pocket_lab import Graph, Node
from pocket_lab.profile.lines.code_blocks import traced_code
from pocket_lab.profile.lines.line_times import time_caveats


def codes_of(*functions: Callable[..., Any]) -> list[str]:
    nodes = [Node(f"node{number}", exec=function) for number, function in enumerate(functions)]
    traced, _ = traced_code(Graph(*nodes[:1]) if len(nodes) == 1 else Graph(nodes[0] >> nodes[1]), "graph")
    return [caveat.code for caveat in time_caveats(traced)]


def plain(n: int) -> int:
    return n + 1


def reads(file: Any) -> Any:
    return file.reads()


def factorial(n: int) -> int:
    return n * factorial(n - 1) if n else 1


class Walker:
    def walk(self, n: int) -> int:
        return self.walk(n - 1) if n else 0

    def beside(self, n: int) -> int:
        return max(n, self.beside(n - 1)) if n else 0


def makes_own(n: int) -> int:
    def down(n: int) -> int:
        return down(n - 1) if n else 0

    return down(n)


def calls_the_other(n: int) -> int:
    return plain(n)


async def waits(n: int) -> None:
    await asyncio.sleep(n)


async def loops(items: AsyncIterator[int]) -> int:
    total = 0
    async for item in items:
        total += item
    return total


def delegates(n: int) -> Iterator[int]:
    yield from range(n)


def generates(n: int) -> Iterator[int]:
    yield n
    yield n


@pytest.mark.parametrize(
    ("functions", "codes"),
    [
        ((plain,), []),
        ((reads,), []),
        ((factorial,), ["line-inclusive"]),
        ((Walker().walk,), ["line-inclusive"]),
        ((Walker().beside,), ["line-inclusive"]),
        ((plain, calls_the_other), ["line-inclusive"]),
        ((waits,), ["line-awaits"]),
        ((loops,), ["line-awaits"]),
        ((delegates,), ["line-awaits"]),
        ((generates,), []),
    ],
)
def test_what_is_said_of_code(functions: tuple[Callable[..., Any], ...], codes: list[str]) -> None:
    assert codes_of(*functions) == codes


def test_a_function_inside_that_calls_itself_is_said_too() -> None:
    assert codes_of(makes_own) == ["line-inclusive"], "one caveat says both"


def seconds(function: Callable[..., Any], run: Callable[[], Any], text: str) -> float:
    """The time of the line with a text that line_profiler counts."""
    import inspect

    profiler = LineProfiler()
    profiler.add_function(function)
    profiler.enable()
    try:
        run()
    finally:
        profiler.disable()
    source, first = inspect.getsourcelines(function)
    number = first + next(index for index, line in enumerate(source) if text in line)
    stats = profiler.get_stats()
    (lines,) = stats.timings.values()
    return next(spent for line, _, spent in lines if line == number) * stats.unit


async def naps(n: int) -> None:
    await asyncio.sleep(0.02)


def slow_items() -> Iterator[int]:
    for i in range(3):
        time.sleep(0.01)
        yield i


def passes_on() -> Iterator[int]:
    yield from slow_items()


def naps_again(n: int) -> None:
    time.sleep(0.01)
    if n:
        naps_again(n - 1)


def test_line_profiler_counts_until_the_first_suspension_only() -> None:
    """pyutils/line_profiler 19: the line that awaits 5 s is shown with nothing; here it is said."""
    assert seconds(naps, lambda: asyncio.run(naps(1)), "await") < 0.01
    assert 0.009 < seconds(passes_on, lambda: list(passes_on()), "yield from") < 0.025


def test_line_profiler_counts_a_recursion_in_each_of_its_calls() -> None:
    """pyutils/line_profiler 230: a total of 1.0 s where 0.7 s went by."""
    assert seconds(naps_again, lambda: naps_again(3), "naps_again(n - 1)") > 0.055
