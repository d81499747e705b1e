"""What a trivial item costs on each executor: over a plain loop, and against the best chunking of loky and of Dask.

pip install "pocket-lab[cluster]" && python tests/benchmarks/executors.py

The rivals cut the items themselves, one, two, four, ... chunks for each worker, and the fastest number counts: loky by the
`chunksize` of its map, Dask, which has no chunks of its own for that, by a function of a list. Such a function on loky, which
knows neither items nor their errors nor their order, is shown beside them. All take part in a round.
Exits with 1 where a bar is missed: threads cost at most 0.3 us more than the loop, processes and the cluster at most 1.3 times
the best chunking.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from distributed import Client
from loky import get_reusable_executor

from pocket_lab.executors.cluster.pool import ClusterPool
from pocket_lab.executors.pool import Pool
from pocket_lab.executors.registry import open_pool

WORKERS, ROUNDS = 2, 9
ITEMS, ITEMS_OF_DASK = 100_000, 10_000  # Dask takes 70 us for each number in a list that it brings back
CHUNKS_A_WORKER = (1, 2, 4, 8)
THREADS_US, MOST = 0.3, 1.3


def plus(item: int) -> int:
    """The trivial item."""
    return item + 1


def chunk_of(items: list[int]) -> list[int]:
    """What a rival without chunks sends a list to."""
    return [plus(item) for item in items]


def cuts(items: int, chunks: int) -> list[list[int]]:
    """The items in so many chunks."""
    size = -(-items // chunks)
    return [list(range(start, min(start + size, items))) for start in range(0, items, size)]


def ours(pool: Pool, items: int) -> Callable[[], list[int]]:
    """All results of our pool."""
    function = pool.prepare(plus)
    return lambda: [outcome.get() for outcome in pool.imap(function, range(items), WORKERS)]


def loky_map(executor: Any, items: int, chunks: int) -> Callable[[], list[int]]:
    """All results of loky's own map."""
    return lambda: list(executor.map(plus, range(items), chunksize=-(-items // chunks)))


def rival(submit: Callable[[list[int]], Any], items: int, chunks: int) -> Callable[[], list[int]]:
    """All results of a rival's futures."""

    def run() -> list[int]:
        futures = [submit(part) for part in cuts(items, chunks)]
        return [result for future in futures for result in future.result()]

    return run


def time_all(calls: dict[str, Callable[[], list[int]]]) -> dict[str, float]:
    """The median microseconds of an item, over interleaved rounds."""
    taken = defaultdict(list)
    for number in range(ROUNDS + 1):
        for name, call in calls.items():
            begun_s = time.perf_counter()
            found = call()
            took_s = time.perf_counter() - begun_s
            assert found == list(range(1, len(found) + 1)), name
            if number:
                taken[name].append(took_s / len(found) * 1e6)
    return {name: statistics.median(times) for name, times in taken.items()}


def main() -> int:
    """Measure, print, and say whether the bars are met."""
    with open_pool("threads", WORKERS) as threads, open_pool("processes", WORKERS) as processes:
        cluster = open_pool("cluster", WORKERS)
        assert isinstance(cluster, ClusterPool)
        with cluster:
            for pool in (threads, processes, cluster):
                pool.start()
            loky = get_reusable_executor(WORKERS)
            with Client(cluster.connected().address, set_as_default=False) as dask:
                calls = {"loop": lambda: [plus(item) for item in range(ITEMS)]}
                calls |= {pool.name: ours(pool, ITEMS) for pool in (threads, processes)}
                calls["cluster"] = ours(cluster, ITEMS_OF_DASK)
                for each in CHUNKS_A_WORKER:
                    calls[f"loky {each}"] = loky_map(loky, ITEMS, each * WORKERS)
                    calls[f"lists {each}"] = rival(lambda part: loky.submit(chunk_of, part), ITEMS, each * WORKERS)
                    calls[f"dask {each}"] = rival(
                        lambda part: dask.submit(chunk_of, part, pure=False), ITEMS_OF_DASK, each * WORKERS
                    )
                taken = time_all(calls)
            loky.shutdown(wait=True, kill_workers=True)
    for name, us in taken.items():
        print(f"{name:12} {us:8.3f} us an item")
    met = taken["threads"] - taken["loop"] <= THREADS_US
    print(f"threads over the loop: {taken['threads'] - taken['loop']:.3f} us (<= {THREADS_US}) {'met' if met else 'MISSED'}")
    for name, peer in (("processes", "loky"), ("cluster", "dask")):
        best = min(us for rivals, us in taken.items() if rivals.startswith(peer))
        ratio = taken[name] / best
        met &= ratio <= MOST
        print(f"{name} against {peer}'s best: {ratio:.2f} (<= {MOST}) {'met' if ratio <= MOST else 'MISSED'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
