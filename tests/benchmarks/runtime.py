"""What the graph runtime costs against plain Python calls and against its peers, in one process.

pip install "pocket-lab[peers]" && python tests/benchmarks/runtime.py

Exits with 1 where a bar is missed. Peers that are not installed have no row.
"""

from __future__ import annotations

import importlib.util
import resource
import subprocess
import sys
from itertools import pairwise
from time import perf_counter
from typing import Any, TypedDict

from interleaved import Function, Pair, call_ns, functions, measure

from pocket_lab import Graph, Node, Route

ASYNC = "async def f(x):\n    return x + 1"
PREP = "def f(store, x):\n    return x"
POST = "def f(store, x, prepared, result):\n    return result, 'default'"
STEPS = 10_000_000
_LONG_LOOP = "--long-loop"


def chain_of(nodes: list[Node]) -> Graph:
    """The nodes in a row."""
    return Graph.from_edges(list(pairwise(nodes))) if len(nodes) > 1 else Graph(nodes[0])


def plain_chain(calls: list[Any]) -> Graph:
    """Nodes with an exec function alone."""
    return chain_of([Node(f"n{number}", exec=call) for number, call in enumerate(calls)])


def loop_of(calls: list[Any]) -> Function:
    """The same calls in a loop."""

    def loop(value: Any) -> Any:
        for call in calls:
            value = call(value)
        return value

    return loop


def await_loop_of(calls: list[Any]) -> Function:
    """The same awaits in a loop."""

    async def loop(value: Any) -> Any:
        for call in calls:
            value = await call(value)
        return value

    return loop


class Recorder:
    """A recorder of spans: every visit goes to a list."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def begin(self, run: Any) -> Function:
        """The list takes the events."""
        return self.events.append


def overheads() -> list[Pair]:
    """Chains against loops of plain calls: one call a node."""
    execs, preps, posts, awaited = functions(10), functions(10, PREP), functions(10, POST), functions(10, ASYNC)
    rows = list(zip(preps, execs, posts, strict=True))
    plain, loop = plain_chain(execs), loop_of(execs)
    full = chain_of([Node(f"n{i}", prep=prep, exec=run, post=post) for i, (prep, run, post) in enumerate(rows)])
    recorder = Recorder()
    observed = plain.observed(recorder)

    def with_spans(value: Any) -> None:
        observed.run(value)
        recorder.events.clear()

    def three_calls(value: Any) -> Any:
        for prep, run, post in rows:
            prepared = prep(None, value)
            value, _ = post(None, value, prepared, run(prepared))
        return value

    return [
        Pair("chain of 10 plain nodes / a loop of 10 calls", plain.run, loop, most=1.5),
        Pair("10 nodes prep, exec, post / the same 30 calls", full.run, three_calls, most=1.6),
        Pair("10 plain nodes with a span observer / a loop of 10 calls", with_spans, loop, most=8),
        Pair("chain of 10 async nodes / a loop of 10 awaits", plain_chain(awaited).arun, await_loop_of(awaited), most=2.5),
        Pair("a run of one node / one call", plain_chain(execs[:1]).run, execs[0], most=6),
    ]


def lengths() -> list[Pair]:
    """The same from 10 to 10,000 nodes: flat, if the ratio to a loop of as many calls does not grow."""
    pairs = []
    for count in (10, 100, 1_000, 10_000):
        calls = functions(count)
        pairs.append(
            Pair(f"chain of {count:,} plain nodes / a loop of as many calls", plain_chain(calls).run, loop_of(calls), most=1.5)
        )
    return pairs


def peers() -> list[Pair]:
    """Chains of ten nodes that add one."""
    ours = plain_chain(functions(10))
    pairs = []
    if importlib.util.find_spec("pocketflow"):
        pairs.append(Pair("pocketflow, chain of 10 / ours", pocketflow_chain(), ours.run, least=25))
    if importlib.util.find_spec("langgraph"):
        pairs.append(Pair("langgraph, chain of 10 / ours", langgraph_chain(), ours.run))
    return pairs


def pocketflow_chain() -> Function:
    """Its shortest: nodes with an exec alone, which pass nothing on."""
    from pocketflow import Flow
    from pocketflow import Node as Step

    class AddOne(Step):  # type: ignore[misc]
        def exec(self, prepared: Any) -> int:
            return 1

    steps = [AddOne() for _ in range(10)]
    for one, other in pairwise(steps):
        one >> other
    flow = Flow(start=steps[0])
    return lambda value: flow.run({})


def langgraph_chain() -> Function:
    """A state with one number."""
    from langgraph.graph import END, START, StateGraph

    class State(TypedDict):
        value: int

    graph = StateGraph(State)
    names = [f"n{number}" for number in range(10)]
    for name in names:
        graph.add_node(name, lambda state: {"value": state["value"] + 1})
    for one, other in pairwise([START, *names, END]):
        graph.add_edge(one, other)
    compiled = graph.compile()
    return lambda value: compiled.invoke({"value": value})


def long_loop() -> bool:
    """A loop of ten million steps in a process of its own, whose highest memory so far is its present one."""
    sys.stdout.flush()
    return subprocess.run([sys.executable, __file__, _LONG_LOOP], check=False).returncode == 0


def count_steps() -> int:
    """Time a step, and whether memory grew with their number; 1 where it did."""

    def count_down(left: int) -> Route[int]:
        return Route(left - 1, "again" if left > 1 else "done")

    def kib() -> int:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "darwin" else 1)

    down = Node("down", exec=count_down)
    graph = Graph(down - "again" >> down, down - "done" >> Node("end"))
    call_ns(graph.run, 100_000, 1)
    print(f"\n{'a loop of':>20}{'ns a step':>12}{'peak memory grew by':>22}")
    grown = 0
    for steps in (STEPS // 100, STEPS // 10, STEPS):
        before, start = kib(), perf_counter()
        graph.run(steps)
        grown = kib() - before
        print(f"{steps:>14,} steps{(perf_counter() - start) / steps * 1e9:12.0f}{grown:18} KiB")
    return 0 if grown < 1024 else 1


def main() -> int:
    """Print every table; 1 where a bar is missed."""
    if _LONG_LOOP in sys.argv:
        return count_steps()
    met = [measure(overheads()), measure(lengths(), rounds=31), measure(peers(), rounds=31), long_loop()]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
