"""Pocket Lab: a profiling and tuning lab for workflow graphs that lives in Jupyter.

    data       graph -> measure, profile -> history -> frames -> analysis -> view, sharing -> lab -> notebook, cli
    imports    cli > notebook > demo > lab > sharing > view > analysis > frames > history > profile > measure > graph
               > executors > stats, records > units > errors

`->` is the flow of data: records as far as `frames`, pandas frames and findings from there on. `>` is the direction of imports,
from each floor to those below it; rooms between commas share a floor (CONTRIBUTING.md explains both words).

Build a graph of nodes, then call `bench` (how fast, how it grows), `compare` (is it faster now), `memory`, `cpu`, `lines` and
`trace` (where time and memory go), `leaks` (what remains), `Monitor` (how it behaves in use); after `%load_ext pocket_lab` a
notebook has them as `%pocket_bench` and so on. Importing this package loads nothing heavy: each name below is imported when it
is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pocket_lab.errors import (
        Cancelled,
        DeadlineExceeded,
        GraphError,
        HistoryError,
        NodeError,
        PocketLabError,
        ProcessDied,
        StoredError,
        UsageError,
    )
    from pocket_lab.graph.combinators import MapReduce, fan_in, fan_out, for_each, run_concurrent
    from pocket_lab.graph.combinators import filter as filter  # noqa: A004 (the name of the contract)
    from pocket_lab.graph.context import Context
    from pocket_lab.graph.graph import Graph
    from pocket_lab.graph.node import Node, Retry, Route, node
    from pocket_lab.graph.store import Store
    from pocket_lab.lab.bench import Bench, bench
    from pocket_lab.lab.compare import Comparison, Variant, compare
    from pocket_lab.lab.cpu import CpuProfile, cpu
    from pocket_lab.lab.history import History
    from pocket_lab.lab.leaks import LeakReport, leaks
    from pocket_lab.lab.lines import LineProfile, lines
    from pocket_lab.lab.memory import MemoryProfile, memory
    from pocket_lab.lab.monitor import Monitor
    from pocket_lab.lab.runs.last_result import last
    from pocket_lab.lab.trace import Trace, trace
    from pocket_lab.notebook.extension import load_ipython_extension, unload_ipython_extension

__version__ = "0.1.0"

_HOME = {
    "errors": (
        "Cancelled",
        "DeadlineExceeded",
        "GraphError",
        "HistoryError",
        "NodeError",
        "PocketLabError",
        "ProcessDied",
        "StoredError",
        "UsageError",
    ),
    "graph.combinators": ("MapReduce", "fan_in", "fan_out", "filter", "for_each", "run_concurrent"),
    "graph.context": ("Context",),
    "graph.graph": ("Graph",),
    "graph.node": ("Node", "Retry", "Route", "node"),
    "graph.store": ("Store",),
    "lab.bench": ("Bench", "bench"),
    "lab.compare": ("Comparison", "Variant", "compare"),
    "lab.cpu": ("CpuProfile", "cpu"),
    "lab.history": ("History",),
    "lab.runs.last_result": ("last",),
    "lab.leaks": ("LeakReport", "leaks"),
    "lab.lines": ("LineProfile", "lines"),
    "lab.memory": ("MemoryProfile", "memory"),
    "lab.monitor": ("Monitor",),
    "lab.trace": ("Trace", "trace"),
    "notebook.extension": ("load_ipython_extension", "unload_ipython_extension"),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [  # not `filter`, so that a star import leaves Python's own alone
    "Bench",
    "Cancelled",
    "Comparison",
    "Context",
    "CpuProfile",
    "DeadlineExceeded",
    "Graph",
    "GraphError",
    "History",
    "HistoryError",
    "LeakReport",
    "LineProfile",
    "MapReduce",
    "MemoryProfile",
    "Monitor",
    "Node",
    "NodeError",
    "PocketLabError",
    "ProcessDied",
    "Retry",
    "Route",
    "Store",
    "StoredError",
    "Trace",
    "UsageError",
    "Variant",
    "bench",
    "compare",
    "cpu",
    "fan_in",
    "fan_out",
    "for_each",
    "last",
    "leaks",
    "lines",
    "load_ipython_extension",
    "memory",
    "node",
    "run_concurrent",
    "trace",
    "unload_ipython_extension",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = f"{__name__}.{_MODULE_OF[name]}"
    if _MODULE_OF[name].startswith("lab"):  # a second of imports, some of which swallow an interrupt
        from pocket_lab.executors.faults.interrupts import INTERRUPTS

        with INTERRUPTS:
            value = getattr(import_module(module), name)
            INTERRUPTS.raise_swallowed()
    else:
        value = getattr(import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
