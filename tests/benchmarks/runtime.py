"""What the graph runtime costs: ratios to plain Python calls and to its peers, in one process, medians of interleaved rounds.

pip install "pocket-lab[peers]"; python tests/benchmarks/runtime.py

Ends with an error where a bar is missed. A row is the median over the rounds of the ratio of two neighbours in time.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

from pocket_lab import Graph, Node

ROUNDS = 201
BATCH_NS = 2_000_000
Run = Callable[[], Any]


def functions(count: int, source: str = "def f(x):\n    return x + 1") -> list[Any]:
    """Functions of their own code objects, as those of a real graph have."""
    made = []
    for _ in range(count):
        namespace: dict[str, Any] = {}
        exec(source, namespace)
        made.append(namespace["f"])
    return made


class Case:
    """A row: what is measured, against what, how many of one count as one, and the bar of the ratio."""

    def __init__(
        self, name: str, run: Run, base: Run, per: int = 1, most: float | None = None, least: float | None = None
    ) -> None:
        self.name, self.run, self.base, self.per, self.most, self.least = name, run, base, per, most, least

    @property
    def bar(self) -> str:
        """The bar as a text."""
        return f"at most {self.most:g}x" if self.most else f"at least {self.least:g}x" if self.least else ""

    def meets(self, ratio: float) -> bool:
        """Whether a ratio is on the right side of the bar."""
        return (self.most is None or ratio <= self.most) and (self.least is None or ratio >= self.least)


def once_ns(run: Run, loops: int) -> float:
    """Nanoseconds of one call, over a batch."""
    start = perf_counter_ns()
    for _ in range(loops):
        run(1)
    return (perf_counter_ns() - start) / loops


def chains(count: int = 10) -> list[Case]:
    """A chain of plain nodes, of full life cycles, observed, and of one node."""
    plain = functions(count)
    preps = functions(count, "def f(store, x):\n    return x")
    posts = functions(count, "def f(store, x, prepared, result):\n    return result, 'default'")

    def loop_of(calls: list[Any]) -> Run:
        def loop(value: Any) -> Any:
            for call in calls:
                value = call(value)
            return value

        return loop

    def three_calls(value: Any) -> Any:
        store = None
        for prep, exec_, post in zip(preps, plain, posts, strict=True):
            prepared = prep(store, value)
            value, _ = post(store, value, prepared, exec_(prepared))
        return value

    loop = loop_of(plain)
    single = plain[0]
    chain = path_graph([Node(f"n{i}", exec=f) for i, f in enumerate(plain)])
    full = path_graph(
        [Node(f"n{i}", prep=a, exec=b, post=c) for i, (a, b, c) in enumerate(zip(preps, plain, posts, strict=True))]
    )
    recorder = Recorder()
    seen = chain.observed(recorder)
    one = Graph(Node("one", exec=single))
    return [
        Case("10 plain nodes / loop of calls", chain.run, loop, most=1.5),
        Case("10 nodes prep+exec+post / loop of 10 calls", full.run, loop, most=4.5),
        Case("10 nodes prep+exec+post / the same 30 calls", full.run, three_calls),
        Case("10 plain nodes with spans / loop of calls", recorder.around(seen.run), loop, most=8),
        Case("one node, run() included / one call", one.run, single, most=6),
    ]


class Recorder:
    """A span recorder: every visit as a tuple in a list."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def begin(self, run: Any) -> Any:
        return self.events.append

    def around(self, run: Run) -> Run:
        def emptying(value: Any) -> None:
            run(value)
            self.events.clear()

        return emptying


def path_graph(nodes: list[Node]) -> Graph:
    return Graph.from_edges(list(zip(nodes, nodes[1:], strict=False))) if len(nodes) > 1 else Graph(nodes[0])


def measure(cases: list[Case]) -> bool:
    met = True
    sides = [(case, side) for case in cases for side in ("run", "base")]
    loops = {}
    for case in cases:
        for side in ("run", "base"):
            run = getattr(case, side)
            once_ns(run, 10)
            loops[case, side] = max(1, int(BATCH_NS / max(once_ns(run, 20), 1)))
    ratios: dict[Case, list[tuple[float, float]]] = {case: [] for case in cases}
    for _ in range(ROUNDS):
        random.shuffle(cases)
        for case in cases:
            both = {side: once_ns(getattr(case, side), loops[case, side]) for side in random.sample(("run", "base"), 2)}
            ratios[case].append((both["run"], both["base"]))
    for case, pairs in ratios.items():
        ratio = statistics.median(a / b for a, b in pairs)
        print(
            case.name,
            f"{statistics.median(a for a, _ in pairs):.0f} ns",
            f"{statistics.median(b for _, b in pairs):.0f} ns",
            f"{ratio:.2f}x",
            case.bar,
        )
    return met


if __name__ == "__main__":
    measure(chains())
