"""The paired sampler: neighbouring batches of both targets in every round, both targets rebuilt for every block."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import Any

from pocket_lab.executors.registry import is_remote
from pocket_lab.measure.environment import read_environment
from pocket_lab.measure.job import Job
from pocket_lab.measure.paired.pair import MOST_ROUNDS, Pair, Side, order
from pocket_lab.measure.paired.paired_job import PairedJob
from pocket_lab.measure.paired.results import Results
from pocket_lab.measure.points.combinations import Combinations
from pocket_lab.measure.timing.caches import cache_caveats
from pocket_lab.measure.timing.captured import captured_caveats
from pocket_lab.measure.timing.heap import keep_freed_memory
from pocket_lab.measure.timing.pools import Pools
from pocket_lab.measure.timing.rebuild import Renewable
from pocket_lab.measure.worker.budget import deadline_of
from pocket_lab.measure.worker.gil import gil_caveats
from pocket_lab.measure.worker.native_limit import native_caveats
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Block

_MOST_BLOCKS = 1000
_LONGEST_BATCH_S, _SHORTEST_BATCH_S = 0.003, 0.001  # shorter than the time slice of a busy machine
_TARGET_BLOCKS, _TARGET_ROUNDS = 16, 16
_SHORT_S = 0.05  # a first round of that length takes place in any case
_LONGEST_BLOCK_S = 0.25  # more time is more blocks, since the interval is over blocks
_GC = "on, collected before each block; objects older than the first one are frozen"
_AFTERWARDS_SHARE, _OVERTIME = 0.1, 0.02
_IN_SAMPLES = 0.8  # of the time; the rest is spent on rebuilding and warming up


Afterwards = Callable[[PairedJob, Sequence[Pair], float], Iterator[Record]]


def sample_pairs(paired: PairedJob, afterwards: Afterwards | None = None) -> Iterator[Record]:
    """Measure every pair; yields Environment, Caveats, then Blocks with their Samples and Waits, and Closed for each point.

    Both sides of a pair get copies of one input. An error on one side closes its pair; the other pairs continue.
    `afterwards` is called with the pairs that did not fail and the end of the budget; the blocks leave it a tenth of that.
    """
    environment = replace(read_environment(), gc=_GC)
    yield environment
    firsts = [Combinations(job).first for job in (paired.a, paired.b)]
    captured = [caveat for job in firsts for caveat in captured_caveats(job)]
    yield from dict.fromkeys((*paired.a.caveats, *paired.b.caveats, *cache_caveats(*firsts), *captured))
    with ExitStack() as stack:
        pools = Pools(paired.points, stack)
        yield from pools.caveats()
        gc.freeze()  # so that the collection before each block skips everything that exists now
        stack.callback(gc.unfreeze)
        sides = [(Side(a, pools.of(a)), Side(b, pools.of(b))) for a, b in paired.pairs]
        pairs = [Pair(a, b, Results(paired.check_equal)) for a, b in sides]
        deadline = deadline_of(paired.budget_s, paired.begun_s)
        reserve_s = 0.0 if afterwards is None else _AFTERWARDS_SHARE * paired.budget_s
        yield from _blocks(paired, list(pairs), pools, deadline - reserve_s)
        yield from gil_caveats(environment)
        if afterwards is not None:
            measured = [pair for pair in pairs if pair.blocks and not pair.has_failed]
            yield from afterwards(paired, measured, min(deadline, perf_counter() + _AFTERWARDS_SHARE * paired.budget_s))


def _blocks(paired: PairedJob, pairs: list[Pair], pools: Pools, deadline: float) -> Iterator[Record]:
    block_s = min(_LONGEST_BLOCK_S, (deadline - perf_counter()) / len(pairs) / _TARGET_BLOCKS * _IN_SAMPLES)
    batch_s = min(_LONGEST_BATCH_S, max(_SHORTEST_BATCH_S, block_s / _TARGET_ROUNDS / 2))
    builds = Renewable(paired.a.target), Renewable(paired.b.target)
    reserve: list[bytes] = []
    last_s = deadline + _OVERTIME * paired.budget_s  # by when a round that has begun should end
    for number in range(1, _MOST_BLOCKS + 1):
        if not pairs:
            return
        yield Block(number)
        (a, _shift_a), (b, _shift_b) = (build.build() for build in builds)
        of_a, of_b = _Builds(paired.a, a), _Builds(paired.b, b)
        gc.collect()
        for pair in list(pairs):
            if _is_over(deadline, last_s, pair.prepare_s + pair.round_s):
                pairs.remove(pair)
                yield from pair.ended("budget")
                continue
            jobs = of_a.of(pair.a), of_b.of(pair.b)
            if not (yield from pair.prepare(jobs, batch_s, block_s)):
                pairs.remove(pair)
        if number == 1:
            yield from native_caveats(paired.native_limit, pools.opened)
        reserve = reserve or keep_freed_memory()  # after the inputs of the first block, which would take it
        for step in range(MOST_ROUNDS):
            for pair in order.sample(pairs, len(pairs)):
                if step >= pair.rounds_a_block:
                    continue
                if _is_over(deadline, last_s, pair.round_s) and (pair.round or pair.round_s > _SHORT_S):
                    pairs.remove(pair)
                    yield from pair.ended("budget")
                elif not (yield from pair.visit()):
                    pairs.remove(pair)
        for pair in list(pairs):
            yield from pair.close_block()
            if pair.is_precise(paired.precision):
                pairs.remove(pair)
                yield from pair.ended("done")
    for pair in pairs:
        yield from pair.ended("done")


def _is_over(deadline: float, last_s: float, needed_s: float) -> bool:
    """Whether the budget has ended, or would have by the time that what needs so long is done."""
    now = perf_counter()
    return now > deadline or now + needed_s > last_s


class _Builds:
    """The jobs of one side with the new build; remote workers rebuild what they receive anyway, and import modules by name."""

    def __init__(self, job: Job, build: Any) -> None:
        self._here, self._remote = Combinations(replace(job, target=build)), Combinations(job)

    def of(self, side: Side) -> Callable[[], Job]:
        """Makes the job of a point, with its parameters."""
        return partial((self._remote if is_remote(side.point.executor) else self._here).of, side.point)
