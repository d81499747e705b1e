"""Ten million items through `graph.imap` on threads, processes and the cluster, in bounded memory.

pip install "pocket-lab[cluster]" && python tests/benchmarks/imap_items.py [items]

Exits with 1 where a sum is wrong, or where the memory of this process grows by more than 64 MiB after the first tenth.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from pocket_lab import Graph, Node

ITEMS, MOST_MIB = 10_000_000, 64.0


def resident_mib() -> float:
    """The resident memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20


def main(count: int) -> int:
    """Run each executor, print its pace and its memory."""
    graph = Graph(Node("plus", exec=lambda item: item + 1))
    met = True
    for executor in ("threads", "processes", "cluster"):
        begun_s, total, early, most = time.perf_counter(), 0, 0.0, 0.0
        for number, result in enumerate(graph.imap((item for item in range(count)), workers=2, executor=executor)):
            total += result
            if number % 50_000 == 0:
                most = max(most, resident_mib())
                if number <= count // 10:
                    early = most
        took_s = time.perf_counter() - begun_s
        is_right = total == count * (count + 1) // 2
        is_bounded = most - early <= MOST_MIB
        met = met and is_right and is_bounded
        words = f"{'right' if is_right else 'WRONG'}, {'bounded' if is_bounded else 'GROWS'}"
        print(
            f"{executor:10} {took_s / count * 1e6:6.2f} us an item, memory {early:.0f} -> {most:.0f} MiB: {words}", flush=True
        )
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else ITEMS))
