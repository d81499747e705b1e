"""memray's own flame graph page, with search and filters, made from the stacks of a profile."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from pocket_lab.records.memory import HeapPoint, RunMemory
from pocket_lab.records.sources import Stack


@dataclass(frozen=True, slots=True)
class _Allocation:
    """A Stack in the form that memray's reporter reads."""

    size: int
    n_allocations: int
    frames: Sequence[tuple[str, str, int]]
    tid: int = -1  # threads are merged

    def stack_trace(self) -> list[tuple[str, str, int]]:
        """The frames, innermost first."""
        return list(reversed(self.frames))


def memray_page(name: str, run: RunMemory, stacks: Iterable[Stack], moments: Iterable[HeapPoint]) -> str:
    """The page as about 4 MB of HTML that loads nothing: bytes alive at the peak, by the calls of every node."""
    from memray import FileFormat, MemorySnapshot, Metadata
    from memray.reporters.flamegraph import FlameGraphReporter

    allocations = [_Allocation(int(stack.weight), stack.count, stack.frames) for stack in stacks]
    snapshots = [
        MemorySnapshot(int((run.begun_at + moment.at_s) * 1000), moment.rss_bytes, moment.heap_bytes) for moment in moments
    ]
    metadata = Metadata(
        start_time=datetime.fromtimestamp(run.begun_at),
        end_time=datetime.fromtimestamp(run.begun_at + run.wall_s),
        total_allocations=run.allocations,
        total_frames=len({frame for stack in allocations for frame in stack.frames}),
        peak_memory=run.peak_bytes,
        command_line=name,
        pid=0,
        main_thread_id=0,
        python_allocator="pymalloc",
        has_native_traces=False,
        trace_python_allocators=False,
        file_format=FileFormat.ALL_ALLOCATIONS,
    )
    reporter = FlameGraphReporter.from_snapshot(allocations, memory_records=snapshots, native_traces=False)
    page = io.StringIO()
    reporter.render(page, metadata, show_memory_leaks=False, merge_threads=True, inverted=False, no_web=True)
    return page.getvalue()
