"""The memory instrument: a run of each point under memray, read as records of nodes, lines, stacks and moments."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter, time
from urllib.parse import quote

from pocket_lab.errors import UsageError
from pocket_lab.executors.pool import Pool
from pocket_lab.graph.observers import Observer
from pocket_lab.measure.job import Job
from pocket_lab.measure.own_processes.child_processes import MARKED, Counted, counted_children
from pocket_lab.profile.inheritance import inheriting
from pocket_lab.profile.instrument import SHORT_S, Instrument, profile_points
from pocket_lab.profile.lazy_results import Marks, opaque_caveats
from pocket_lab.profile.marked_target import with_markers
from pocket_lab.profile.memory.held.caveats import CODES
from pocket_lab.profile.memory.held.residency import residency_file
from pocket_lab.profile.memory.memory_totals import MemoryTotals
from pocket_lab.profile.memory.node_activity import Visits
from pocket_lab.profile.memory.node_memory import read_node_memory
from pocket_lab.profile.memory.tracker import Tracking, capture_names, check_memray, tracked
from pocket_lab.profile.node_code import NodeFinder, node_names, stack_codes
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.point import Point, describe
from pocket_lab.records.progress import Closed, Failure, Started
from pocket_lab.records.record import Record

_PYMALLOC = Caveat(
    "pymalloc",
    "Python takes memory for small objects in arenas of 1 MiB (or 256 KiB): an arena counts for the node that made Python "
    "take it; python_allocators=True follows every object instead, more slowly",
)
_UNSEEN = Caveat(
    "memory-unseen",
    "memory that the process held before the run and uses again is not seen, nor is the memory of processes that the target "
    "starts itself; memory of threads of C libraries has no Python stack and counts as outside the nodes, and so does that of "
    "threads that no node has started, whoever gives them work",
)


@dataclass(frozen=True, slots=True)
class MemoryOptions:
    """Options of a memory profile; `keep` is the absolute path that memray's capture is moved to, or empty."""

    tracking: Tracking = field(default_factory=Tracking)
    keep: str = ""


def profile_memory(job: Job, options: MemoryOptions | None = None) -> Iterator[Record]:
    """Run each point of the job once under memray, in worker processes too.

    Yields Caveats, and for each point a RunMemory, a NodeMemory for each node, LineMemory, Stacks (bytes alive at the peak of
    the process), HeapPoints and NodeActivity; or its Failure. Raises UsageError where memray cannot be used.
    """
    options = options or MemoryOptions()
    check_memray()
    instrument = MemoryPass(job, options, Path(job.scratch) / "run.bin")
    if not options.tracking.python_allocators:
        yield _PYMALLOC
    yield _UNSEEN
    yield from profile_points(instrument.job, instrument)


def profile_peaks(job: Job) -> Iterator[Record]:
    """Run the points for a bench: yield only RunMemory, NodeMemory and their Caveats, and nothing for a point that failed."""
    check_memray()
    instrument = _Peaks(job, MemoryOptions(), Path(job.scratch) / "run.bin")
    for record in profile_points(instrument.job, instrument):
        is_caveat_of_memory = isinstance(record, Caveat) and record.code in CODES
        if is_caveat_of_memory or not isinstance(record, Failure | Closed | Caveat | Started):
            yield record


class MemoryPass(Instrument):
    """A Tracker around the run, and one in each worker process.

    `job` is the job to run, a copy that reports the visits of its nodes. The capture of this process is written to the file,
    those of worker processes into the same folder.
    """

    name = "memray"

    def __init__(self, job: Job, options: MemoryOptions, file: Path) -> None:
        label = job.points[0].target
        self._finder = NodeFinder(stack_codes(job.target, label))
        self._nodes = node_names(job.target, label)
        self._options = options
        self._visits = Visits()
        self._file = file
        self._many = len(job.points) > 1
        self._span_s = (0.0, 0.0)
        self._begun_at = 0.0
        self._children = Counted(MARKED)
        self.job = with_markers(job, self._observer())

    def _observer(self) -> Observer:
        return self._visits

    @contextmanager
    def watching(self, point: Point, pool: Pool) -> Iterator[None]:
        """Write everything that is allocated inside to the capture file."""
        for earlier in capture_names(self._file):
            earlier.unlink(missing_ok=True)
            residency_file(earlier).unlink(missing_ok=True)
        with (
            inheriting(pool),
            tracked(self._file, self._options.tracking, pool),
            counted_children(pool) as self._children,
        ):
            self._visits.clear()
            self._begun_at, begun_s = time(), perf_counter()
            try:
                yield
            finally:
                self._span_s = begun_s, perf_counter()

    def records(self, point: Point) -> Iterator[Record]:
        """Read the captures of all processes."""
        memory = self._read(with_details=True)
        yield from memory.totals(point, self._begun_at, self._wall_s)
        yield from memory.caveats(point)
        yield from memory.details(point, self._begun_at)
        yield from self._visits.activity(point, *self._span_s)
        yield from opaque_caveats(point, self._visits.opaque())
        yield from self._finder.caveats(point)
        yield from self._children.caveats(point, "memory")
        if self._visits.is_full:
            yield Caveat("memory-visits", f"{describe(point)}: the timeline shows only the last visits to nodes", point)
        if memory.processes > 1:
            message = (
                f"{describe(point)}: bytes of {memory.processes} processes are added up, and so are their peaks, which may "
                "occur at different times: an upper bound; process_peak_bytes is the largest own peak in one of them"
            )
            yield Caveat("memory-processes", message, point)
        self._keep(point)

    @property
    def _wall_s(self) -> float:
        begun_s, ended_s = self._span_s
        return ended_s - begun_s

    def _read(self, with_details: bool) -> MemoryTotals:
        files = [file for file in capture_names(self._file) if file.exists()]
        native = self._options.tracking.native
        return MemoryTotals.of([read_node_memory(file, self._finder, self._nodes, native, with_details) for file in files])

    def _keep(self, point: Point) -> None:
        """Move the captures to the path of the option `keep`; with several points or parameters, each gets its own name."""
        if not self._options.keep:
            return
        path = Path(self._options.keep)
        if self._many or point.params:  # the job has the points of one combination
            size = [] if point.size is None else [str(point.size)]
            params = [f"{name}={quote(label, safe='')}" for name, label in point.params]
            path = path.with_stem("-".join([path.stem, *size, *params, str(point.workers), point.executor]))
        for file in capture_names(self._file):
            destination = path.with_stem(file.stem.replace(self._file.stem, path.stem, 1))
            try:
                shutil.move(file, destination)
            except OSError as error:
                raise UsageError(f"memray's capture cannot be kept as {destination}: {error.strerror or error}") from error


class _Peaks(MemoryPass):
    """A memory pass without lines, stacks and moments."""

    def _observer(self) -> Observer:
        return Marks()

    def was_warm_up(self) -> bool:
        """Whether the run was short: what it keeps for later runs would count for the first size and distort the growth."""
        return self._wall_s < SHORT_S

    def records(self, point: Point) -> Iterator[Record]:
        """Yield the memory of the run and of its nodes."""
        memory = self._read(with_details=False)
        yield from memory.totals(point, self._begun_at, self._wall_s)
        yield from memory.caveats(point)
