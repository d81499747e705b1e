"""The public names, exactly; and an import that loads nothing heavy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import pocket_lab

HEAVY = [
    "pandas",
    "matplotlib",
    "IPython",
    "ipywidgets",
    "memray",
    "line_profiler",
    "scipy",
    "numpy",
    "loky",
    "rich",
    "beartype",
    "asyncio",
    "cloudpickle",
]
SLOW = [  # parts of the standard library that a graph does not need until it fails, draws or opens a pool
    "base64",
    "concurrent.futures",
    "fractions",
    "hashlib",
    "logging",
    "multiprocessing",
    "pathlib",
    "pickle",
    "tempfile",
    "traceback",
    "urllib.parse",
]
NAMES = [
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


def test_the_public_names_are_these_and_each_is_there() -> None:
    assert pocket_lab.__all__ == NAMES
    for name in NAMES:
        assert getattr(pocket_lab, name) is not None
        assert name in dir(pocket_lab)


def test_a_star_import_brings_the_names_and_no_room_is_named_like_one() -> None:
    code = (
        "from pocket_lab import *; import pocket_lab, sys; print(sorted(n for n in pocket_lab.__all__ if n not in globals()))"
    )
    assert run(code) == "[]"
    rooms = {path.stem for path in Path(pocket_lab.__file__).parent.iterdir()}
    assert {"graph", "measure", "cli"} <= rooms
    assert not rooms & set(NAMES)


def test_filter_is_there_and_leaves_pythons_own_alone_in_a_star_import() -> None:
    assert run("from pocket_lab import *; import pocket_lab; print(filter.__module__, pocket_lab.filter.__module__)") == (
        "builtins pocket_lab.graph.combinators"
    )


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="pocket_lab"):
        pocket_lab.nonsense  # noqa: B018


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = f"import pocket_lab, sys; print([name for name in {HEAVY!r} if name in sys.modules])"
    assert run(code) == "[]"


def test_building_and_running_a_graph_loads_nothing_heavy_either() -> None:
    code = (
        "from pocket_lab import Graph, fan_out, node; import sys\n"
        "assert Graph(fan_out(node(abs))).run([-1, 2]) == [1, 2]\n"
        f"print([name for name in {[*HEAVY, *SLOW]!r} if name in sys.modules])"
    )
    assert run(code) == "[]"


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
