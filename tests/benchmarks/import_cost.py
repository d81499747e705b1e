"""What `import pocket_lab` costs over a bare interpreter: interleaved fresh processes, medians.

python tests/benchmarks/import_cost.py

Exits with 1 where `from pocket_lab import Graph` costs more than twice what the modules of the standard library cost that
every typed package with dataclasses loads. Byte code is cached, as it is for an installed package.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time

ROUNDS = 40
MOST = 2.0
GRAPH = "from pocket_lab import Graph"
STANDARD = "import dataclasses, inspect, logging, threading, typing"
STATEMENTS = {
    "bare interpreter": "pass",
    "import pocket_lab": "import pocket_lab",
    GRAPH: GRAPH,
    STANDARD: STANDARD,
    "import pandas": "import pandas",
}


def seconds(statement: str, cache: str) -> float:
    """The wall time of a fresh interpreter that runs one statement, with its byte code in the folder `cache`."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True, env={**environment, "PYTHONPYCACHEPREFIX": cache})
    return time.perf_counter() - start


def main() -> int:
    """Print the median of each statement and its difference to the bare interpreter; 1 where the bar is missed."""
    times: dict[str, list[float]] = {name: [] for name in STATEMENTS}
    with tempfile.TemporaryDirectory() as cache:
        for statement in STATEMENTS.values():  # the first start of each compiles its files
            seconds(statement, cache)
        for _ in range(ROUNDS):
            for name, statement in STATEMENTS.items():
                times[name].append(seconds(statement, cache))
    bare = times["bare interpreter"]
    over = {name: statistics.median(one - base for one, base in zip(times[name], bare, strict=True)) for name in times}
    for name, measured in times.items():
        print(f"{name:<58}{statistics.median(measured) * 1e3:8.1f} ms{over[name] * 1e3:+8.1f} ms over the bare interpreter")
    ratio = over[GRAPH] / over[STANDARD]
    print(f"{GRAPH} / {STANDARD}: {ratio:.2f}x, at most {MOST}x: {'met' if ratio <= MOST else 'MISSED'}")
    return 0 if ratio <= MOST else 1


if __name__ == "__main__":
    sys.exit(main())
