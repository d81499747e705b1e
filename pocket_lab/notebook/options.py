"""The options that several magics have, each written once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from IPython.core.magic_arguments import argument

Decorator = Callable[[Any], Any]


def options(*decorators: Decorator) -> Decorator:
    """Several options as one decorator, listed in this order."""

    def add(function: Any) -> Any:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return add


INPUT = argument("--input", "-i", help="a function of the size, or the input itself: an expression of this notebook")
DRIVE = argument("--drive", "-d", help='"run" (one input, one run; the default), "map" (a list, each item a run) or "load"')
RATE = argument("--rate", help="under load, the requests a second that come whether answered or not")
STORE = argument("--store", help='"fresh" for each run of a graph (the default) or "shared"')
CACHES = argument("--caches", help='"warm" (the default), or "cold" to clear the target\'s caches before each run')
NAME = argument("--name", help="how results and the history call it")
ISOLATION = argument("--isolation", help='"process" (the default), or "kernel" to measure in place')
SIZES = argument("--sizes", "--size", "-s", help="10,100,1k or 2^4..2^12; without, one point")
WORKERS = argument("--workers", "-w", help="1,2,4 or 1..8")
EXECUTORS = argument("--executors", "--executor", "-e", help="serial, threads, processes, asyncio")
TIMED = options(
    RATE,
    argument("--point-timeout", help="the longest time for a batch; a longer one is ended"),
    argument("--fresh-input", action="store_true", default=None, help="build the input anew for each run"),
    STORE,
    CACHES,
    NAME,
)
PROFILED = options(
    argument("target", help="a graph, node or callable of this notebook"),
    SIZES,
    WORKERS,
    EXECUTORS,
    INPUT,
    DRIVE,
    RATE,
    argument("--budget", "-b", help="the longest time for all runs: 30s"),
    ISOLATION,
    STORE,
    CACHES,
    NAME,
)
