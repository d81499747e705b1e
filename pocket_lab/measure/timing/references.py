"""Three fixed workloads that tell how fast the machine is: beside a target they are control variates for its CPU time.

One bound by memory, one by the interpreter, one by arithmetic: a neighbour slows each of them down by another factor, and most
targets are close to a mixture of the three.
"""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter, thread_time

from pocket_lab.records.samples import Reference

SHARE = 0.06  # of the time
_SLOTS, _GATHERED = 1 << 20, 160_000  # eight megabytes, more than the inner caches
_INTEGERS = 16_000
_ORDER, _PRODUCTS = 64, 80


class References:
    """The reference workloads of a sweep: `visit` runs them once a round, as long as they take at most 6 % of the time."""

    def __init__(self) -> None:
        import numpy as np  # here, so that a measuring process without references does not load it

        random = np.random.default_rng(0)
        self._memory = np.arange(_SLOTS)
        self._order = random.integers(0, _SLOTS, _GATHERED)
        self._gathered = np.empty(_GATHERED, self._memory.dtype)
        self._matrix = random.random((_ORDER, _ORDER))
        self._product = np.empty((_ORDER, _ORDER))
        self._begun_s = perf_counter()
        self._spent_s = 0.0
        self._run_all()  # the first run loads code and memory

    def visit(self, round_number: int) -> Iterator[Reference]:
        """The CPU times of this round; nothing where the workloads have had their share of the time."""
        elapsed_s = perf_counter() - self._begun_s
        if self._spent_s <= SHARE * elapsed_s:
            times_s = self._run_all()
            self._spent_s += sum(times_s)
            yield Reference(round_number, elapsed_s, *times_s)

    def _run_all(self) -> tuple[float, float, float]:
        start_s = thread_time()
        self._memory.take(self._order, out=self._gathered)
        gathered_s = thread_time()
        _add_integers()
        added_s = thread_time()
        for _ in range(_PRODUCTS):
            self._matrix.dot(self._matrix, out=self._product)
        return gathered_s - start_s, added_s - gathered_s, thread_time() - added_s


def _add_integers() -> int:
    total = 0
    for number in range(_INTEGERS):
        total += number & 7
    return total
