"""Pairs of functions timed in interleaved rounds, and the table of their ratios with the bars that they have to meet."""

from __future__ import annotations

import asyncio
import inspect
import platform
import random
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any

ROUNDS = 151
BATCH_NS = 1_500_000
Function = Callable[[Any], Any]


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """`one` against `other`, both called with the argument.

    The ratio is the time of one / the time of the other, or the other way round where `one` is to be `faster`.
    """

    name: str
    one: Function
    other: Function
    most: float | None = None
    least: float | None = None
    faster: bool = False
    argument: Any = 1

    @property
    def bar(self) -> str:
        """The bar as a text."""
        return f"<= {self.most:g}x" if self.most else f">= {self.least:g}x" if self.least else ""

    def is_met(self, ratio: float) -> bool:
        """Whether a ratio is on the right side of the bar."""
        return (self.most is None or ratio <= self.most) and (self.least is None or ratio >= self.least)


def functions(count: int, source: str = "def f(x):\n    return x + 1") -> list[Any]:
    """Functions with code objects of their own, as those of a real graph have."""
    made = []
    for _ in range(count):
        namespace: dict[str, Any] = {}
        exec(source, namespace)
        made.append(namespace["f"])
    return made


def call_ns(function: Function, argument: Any, loops: int) -> float:
    """Nanoseconds of one call (or one await), over a batch."""
    if inspect.iscoroutinefunction(function):
        return asyncio.run(_await_ns(function, argument, loops))
    start = perf_counter_ns()
    for _ in range(loops):
        function(argument)
    return (perf_counter_ns() - start) / loops


async def _await_ns(function: Function, argument: Any, loops: int) -> float:
    start = perf_counter_ns()
    for _ in range(loops):
        await function(argument)
    return (perf_counter_ns() - start) / loops


def measure(pairs: list[Pair], rounds: int = ROUNDS) -> bool:
    """Print a table of medians over the rounds; whether every bar is met."""
    loops = {}
    for pair in pairs:
        for side in (pair.one, pair.other):
            call_ns(side, pair.argument, 20)
            loops[side] = max(1, int(BATCH_NS / call_ns(side, pair.argument, 20)))
    seen: dict[Pair, list[tuple[float, float]]] = {pair: [] for pair in pairs}
    for _ in range(rounds):
        for pair in random.sample(pairs, len(pairs)):
            sides = [pair.one, pair.other]
            random.shuffle(sides)
            times = {side: call_ns(side, pair.argument, loops[side]) for side in sides}
            seen[pair].append((times[pair.one], times[pair.other]))
    print(f"\nPython {platform.python_version()}, medians of {rounds} interleaved rounds")
    print(f"{'':58}{'ns':>9}{'against':>10}{'ratio':>9}  bar")
    met = True
    for pair, times_seen in seen.items():
        ratio = statistics.median(b / a if pair.faster else a / b for a, b in times_seen)
        one, other = (statistics.median(times) for times in zip(*times_seen, strict=True))
        met &= pair.is_met(ratio)
        verdict = "" if not pair.bar else "met" if pair.is_met(ratio) else "MISSED"
        print(f"{pair.name:58}{one:9.0f}{other:10.0f}{ratio:8.2f}x  {pair.bar:9}{verdict}")
    return met
