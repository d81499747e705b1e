"""The call tree of every node: stacks sampled during the run, in threads, tasks and worker processes alike."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from pocket_lab.executors.pool import Pool
from pocket_lab.graph.graph import Graph
from pocket_lab.measure.job import Job
from pocket_lab.profile.cpu.stack_sampler import (
    MAIN,
    Frame,
    Stacks,
    StackSampler,
    StackTimes,
    start_in_worker,
    stop_in_worker,
)
from pocket_lab.profile.instrument import Instrument, profile_points
from pocket_lab.profile.lazy_results import Marks, opaque_caveats
from pocket_lab.profile.node_code import OUTSIDE, NodeFinder, node_codes
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.point import Point, describe
from pocket_lab.records.record import Record
from pocket_lab.records.sources import Stack

INTERVAL_S = 0.001
_FEWEST_SAMPLES, _FEWEST_OF_A_NODE = 100, 10
_RUNTIME: Frame = ("[runtime, start-up]", "", 0)

_SAMPLED = Caveat(
    "sampled",
    "times come from samples of the stacks, a thousand a second or fewer: calls of less than a millisecond are uncertain, and "
    "are underestimated if the cores are busy with other work",
)
_NO_CPU = Caveat("no-thread-cpu", "this system does not report the CPU time of a thread: cpu_s is missing")
_NATIVE = Caveat("native-threads", "threads that a C library starts by itself have no Python stack and are not sampled")


def profile_cpu(job: Job, interval_s: float = INTERVAL_S) -> Iterator[Record]:
    """One run of each point, its stacks sampled every `interval_s`; yields Caveats and Stacks of wall and CPU seconds."""
    codes, caveats = node_codes(job.target, job.points[0].target)
    yield from caveats
    yield _SAMPLED
    yield _NATIVE
    marks = Marks()
    if isinstance(job.target, Graph):
        job = replace(job, target=job.target.observed(marks))
    yield from profile_points(job, _CpuInstrument(NodeFinder(codes), interval_s, marks))


class _CpuInstrument(Instrument):
    name = "sampler"

    def __init__(self, finder: NodeFinder, interval_s: float, marks: Marks) -> None:
        self._finder = finder
        self._marks = marks
        self._interval_s = interval_s
        self._stacks: list[Stacks] = []

    @contextmanager
    def watching(self, point: Point, pool: Pool) -> Iterator[None]:
        """Sample this process and each worker process."""
        pool.in_worker_processes(partial(start_in_worker, self._interval_s))
        sampler = StackSampler(self._interval_s, pool.loop.tasks if pool.loop is not None else None).start()
        stacks = []
        try:
            yield
        finally:
            stacks.append(sampler.stop())
            stacks += pool.in_worker_processes(stop_in_worker)
            self._stacks = stacks

    def records(self, point: Point) -> Iterator[Record]:
        """Stacks of each node in wall seconds and in CPU seconds, and a Caveat if there are few samples."""
        merged: dict[tuple[str, tuple[Frame, ...]], StackTimes] = {}
        for stacks in self._stacks:
            for kind, frames, times in stacks:
                if (key := self._attributed(kind, frames)) is None:
                    continue
                wall_s = times.wall_s if key[0] != OUTSIDE else times.cpu_s
                if wall_s > 0:
                    total = merged.setdefault(key, StackTimes())
                    total.wall_s, total.cpu_s = total.wall_s + wall_s, total.cpu_s + times.cpu_s
                    total.samples += times.samples
        for (node, frames), times in merged.items():
            yield Stack(point, node, frames, times.wall_s, "s", times.samples)
            if times.cpu_s > 0:
                yield Stack(point, node, frames, times.cpu_s, "cpu_s", times.samples)
        if any(math.isnan(times.cpu_s) for times in merged.values()):
            yield _NO_CPU
        yield from opaque_caveats(point, self._marks.opaque)
        samples = sum(times.samples for (node, _), times in merged.items() if node != OUTSIDE)
        if samples < _FEWEST_SAMPLES:
            found = "1 sample is" if samples == 1 else f"{samples} samples are"
            message = f"{describe(point)}: only {found} inside the nodes; raise the size, or profile under load"
            yield Caveat("few-samples", message, point)
            return
        by_node: dict[str, int] = {}
        for (node, _), times in merged.items():
            by_node[node] = by_node.get(node, 0) + times.samples
        few = sorted(node for node, count in by_node.items() if count < _FEWEST_OF_A_NODE and node != OUTSIDE)
        if few:
            message = f"{describe(point)}: fewer than {_FEWEST_OF_A_NODE} samples are inside {', '.join(few)}"
            yield Caveat("few-samples", f"{message}: part of its time may be that of the node before or after it", point)

    def _attributed(self, kind: str, frames: tuple[Frame, ...]) -> tuple[str, tuple[Frame, ...]] | None:
        """The node and its part of the stack; outside the nodes only the thread of the run counts, with its CPU time."""
        owner = self._finder.owner(frames)
        if owner is not None:
            node, start = owner
            return node, self._finder.without_markers(frames[start:])
        return (OUTSIDE, (_RUNTIME,)) if kind == MAIN else None
