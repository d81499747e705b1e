"""The call tree of every node: stacks sampled while it runs, in threads, tasks and worker processes alike."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from pocket_lab.executors.pool import Pool
from pocket_lab.measure.job import Job
from pocket_lab.profile.cpu.stack_sampler import MAIN, Frame, Seen, Stacks, start_sampling, stop_sampling
from pocket_lab.profile.instrument import Instrument, profile_points
from pocket_lab.profile.node_code import OUTSIDE, NodeFinder, node_codes
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.point import Point, describe
from pocket_lab.records.record import Record
from pocket_lab.records.sources import Stack

INTERVAL_S = 0.001
_FEWEST_LOOKS = 100
_RUNTIME: Frame = ("[runtime, start-up]", "", 0)

_SAMPLED = Caveat(
    "sampled",
    "times come from looks at the stacks, a thousand a second or fewer: calls of less than a millisecond are uncertain, and "
    "counted too low where the cores are busy with other things",
)
_NO_CPU = Caveat("no-thread-cpu", "this system does not tell the CPU time of a thread: cpu_s is missing")
_NATIVE = Caveat("native-threads", "threads that a C library starts for itself have no Python stack and are not seen")


def profile_cpu(job: Job, interval_s: float = INTERVAL_S) -> Iterator[Record]:
    """One run of each point, its stacks looked at every `interval_s`; yields Caveats and Stacks of wall and CPU seconds."""
    codes, caveats = node_codes(job.target, job.points[0].target)
    yield from caveats
    yield _SAMPLED
    yield _NATIVE
    yield from profile_points(job, _Sampled(NodeFinder(codes), interval_s))


class _Sampled(Instrument):
    name = "sampler"

    def __init__(self, finder: NodeFinder, interval_s: float) -> None:
        self._finder = finder
        self._interval_s = interval_s
        self._stacks: list[Stacks] = []

    @contextmanager
    def watching(self, point: Point, pool: Pool) -> Iterator[None]:
        """Look at this process, and each worker process at itself."""
        is_apart = pool.name == "processes"
        if is_apart:
            pool.everywhere(partial(start_sampling, self._interval_s))
        start_sampling(self._interval_s, pool.loop.tasks if pool.loop is not None else None)
        told = []
        try:
            yield
        finally:
            told.append(stop_sampling())
            if is_apart:
                told += pool.everywhere(stop_sampling)
            self._stacks = [stacks for _, stacks in told]

    def records(self, point: Point) -> Iterator[Record]:
        """What was seen under each node, wall seconds first; the few looks of a short run are told."""
        merged: dict[tuple[str, tuple[Frame, ...]], Seen] = {}
        for stacks in self._stacks:
            for whose, frames, seen in stacks:
                if (place := self._placed(whose, frames)) is None:
                    continue
                wall_s = seen.wall_s if place[0] != OUTSIDE else seen.cpu_s
                if wall_s > 0:
                    total = merged.setdefault(place, Seen())
                    total.wall_s, total.cpu_s = total.wall_s + wall_s, total.cpu_s + seen.cpu_s
                    total.looks += seen.looks
        for (node, frames), seen in merged.items():
            yield Stack(point, node, frames, seen.wall_s, "s", seen.looks)
            if seen.cpu_s > 0:
                yield Stack(point, node, frames, seen.cpu_s, "cpu_s", seen.looks)
        if any(math.isnan(seen.cpu_s) for seen in merged.values()):
            yield _NO_CPU
        looks = sum(seen.looks for (node, _), seen in merged.items() if node != OUTSIDE)
        if looks < _FEWEST_LOOKS:
            found = "1 look" if looks == 1 else f"{looks} looks"
            message = f"{describe(point)}: only {found} fell into the nodes: take a larger size, or profile under load"
            yield Caveat("few-looks", message, point)

    def _placed(self, whose: str, frames: tuple[Frame, ...]) -> tuple[str, tuple[Frame, ...]] | None:
        """The node and its part of the stack; of what lies outside only the thread of the run counts, with its CPU time."""
        owner = self._finder.owner(frames)
        if owner is not None:
            node, start = owner
            return node, frames[start:]
        return (OUTSIDE, (_RUNTIME,)) if whose == MAIN else None
