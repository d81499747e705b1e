"""The call tree of every node: stacks sampled during the run, in threads, tasks and worker processes alike."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from pocket_lab.executors.pool import Pool
from pocket_lab.graph.runtime.markers import INHERITED, is_marker
from pocket_lab.measure.job import Job
from pocket_lab.measure.own_processes.child_processes import MARKED, Counted, counted_children
from pocket_lab.profile.cpu.stack_sampler import (
    MAIN,
    OTHER,
    TASK,
    UNSEEN,
    WORKER,
    Frame,
    Stacks,
    StackSampler,
    StackTimes,
    start_in_worker,
    stop_in_worker,
)
from pocket_lab.profile.instrument import Instrument, profile_points
from pocket_lab.profile.lazy_results import Marks, opaque_caveats
from pocket_lab.profile.marked_target import with_markers
from pocket_lab.profile.node_code import OUTSIDE, RUNTIME, NodeFinder, own_frames, stack_codes
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.point import Point, describe
from pocket_lab.records.record import Record
from pocket_lab.records.sources import Stack

INTERVAL_S = 0.001
_FEWEST_SAMPLES, _FEWEST_OF_A_NODE = 100, 10
_REASONS: dict[str, Frame] = {
    MAIN: RUNTIME,
    TASK: RUNTIME,
    WORKER: RUNTIME,
    OTHER: ("[threads that no node has started]", "", 0),
    UNSEEN: ("[threads that C code starts, or too short for a sample]", "", 0),
}

_SAMPLED = Caveat(
    "sampled",
    "the parts of a node, and how long its tasks are suspended, come from samples of the stacks, a thousand a second or fewer: "
    "calls of less than a millisecond are uncertain; the wall and CPU times of visits are exact",
)
_NO_CPU = Caveat("no-thread-cpu", "this system does not report the CPU time of a thread: cpu_s is missing")
_NATIVE = Caveat("native-threads", "threads that a C library starts by itself have no Python stack and are not sampled")


def profile_cpu(job: Job, interval_s: float = INTERVAL_S) -> Iterator[Record]:
    """One run of each point, its stacks sampled every `interval_s`; yields Caveats and Stacks of wall and CPU seconds."""
    yield _SAMPLED
    yield _NATIVE
    marks = Marks()
    finder = NodeFinder(stack_codes(job.target, job.points[0].target))
    yield from profile_points(with_markers(job, marks), _CpuInstrument(finder, interval_s, marks))


class _CpuInstrument(Instrument):
    name = "sampler"

    def __init__(self, finder: NodeFinder, interval_s: float, marks: Marks) -> None:
        self._finder = finder
        self._marks = marks
        self._interval_s = interval_s
        self._stacks: list[Stacks] = []
        self._children = Counted(MARKED)

    @contextmanager
    def watching(self, point: Point, pool: Pool) -> Iterator[None]:
        """Sample this process and each worker process."""
        pool.in_worker_processes(partial(start_in_worker, self._interval_s))
        sampler = StackSampler(self._interval_s).start()
        stacks = []
        try:
            with counted_children(pool) as self._children:
                yield
        finally:
            stacks.append(sampler.stop())
            stacks += pool.in_worker_processes(stop_in_worker)
            self._stacks = stacks

    def records(self, point: Point) -> Iterator[Record]:
        """Stacks of each node in wall seconds and in CPU seconds, and a Caveat if there are few samples."""
        merged: dict[tuple[str, tuple[Frame, ...]], StackTimes] = {}
        has_clocks = any(times.cpu_s == times.cpu_s for stacks in self._stacks for _, _, times in stacks)
        for stacks in self._stacks:
            for kind, frames, times in stacks:
                key, is_visit = self._attributed(kind, frames)
                if has_clocks and not is_visit and times.cpu_s != times.cpu_s:
                    continue  # a thread that `threading` does not know: its CPU time is in that of no sample
                wall_s = times.wall_s if is_visit or times.cpu_s != times.cpu_s else times.cpu_s
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
        yield from self._finder.caveats(point)
        yield from self._children.caveats(point, "time")
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

    def _attributed(self, kind: str, frames: tuple[Frame, ...]) -> tuple[tuple[str, tuple[Frame, ...]], bool]:
        """The node and its part of the stack, and whether it is on a visit: only then its waits count, else its CPU time.

        What a node has started works beside the visit, and where it waits, the visit waits for it. Outside the nodes the frame
        is a reason.
        """
        owner = self._finder.owner(frames)
        if owner is None:
            return (OUTSIDE, (_REASONS[kind],)), False
        node, start = owner
        markers = [function for function, file, _ in frames if is_marker(file)]
        return (node, own_frames(frames, start)), not (markers and markers[-1].endswith(INHERITED))
