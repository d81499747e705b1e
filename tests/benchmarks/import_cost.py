"""What `import pocket_lab` costs over a bare interpreter: interleaved fresh processes, medians.

python tests/benchmarks/import_cost.py
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

ROUNDS = 40
STATEMENTS = {
    "bare interpreter": "pass",
    "import pocket_lab": "import pocket_lab",
    "from pocket_lab import Graph": "from pocket_lab import Graph",
    "import pandas": "import pandas",
}


def seconds(statement: str) -> float:
    """The wall time of a fresh interpreter that runs one statement."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return time.perf_counter() - start


def main() -> None:
    """Print the median of each statement and its difference to the bare interpreter, round by round."""
    times: dict[str, list[float]] = {name: [] for name in STATEMENTS}
    for name in STATEMENTS:  # the first start of each reads its files from the disk
        seconds(STATEMENTS[name])
    for _ in range(ROUNDS):
        for name, statement in STATEMENTS.items():
            times[name].append(seconds(statement))
    bare = times["bare interpreter"]
    for name, measured in times.items():
        over = statistics.median(one - base for one, base in zip(measured, bare, strict=True))
        print(f"{name:<30}{statistics.median(measured) * 1e3:8.1f} ms  {over * 1e3:+8.1f} ms over the bare interpreter")


if __name__ == "__main__":
    main()
