"""memory: which node allocates how much, and what it holds at its peak."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import pandas as pd
from markupsafe import Markup

from pocket_lab.errors import UsageError
from pocket_lab.frames.calls import bytes_frame
from pocket_lab.frames.memory import activity_frame, memory_frame, memory_lines_frame, runs_memory_frame, timeline_frame
from pocket_lab.frames.points import at_point
from pocket_lab.lab.options.keywords import MemoryOptions
from pocket_lab.lab.options.signature import takes_options
from pocket_lab.lab.profile_verb import ProfileVerb, node_sources
from pocket_lab.lab.result import Result
from pocket_lab.lab.runs.interruptible import interruptible
from pocket_lab.measure.job import Job
from pocket_lab.measure.supervisor import Task
from pocket_lab.profile.memory import instrument
from pocket_lab.profile.memory.tracker import Tracking
from pocket_lab.records.memory import HeapPoint, RunMemory
from pocket_lab.records.record import Record
from pocket_lab.records.sources import Stack
from pocket_lab.units import format_bytes
from pocket_lab.view.findings.memory import memory_sentences
from pocket_lab.view.html.flame import flame_html
from pocket_lab.view.html.point_sections import for_each_point
from pocket_lab.view.plots.memory import memory_figure, plot_memory
from pocket_lab.view.points import heaviest
from pocket_lab.view.text.memory_tables import memory_lines_table, memory_table
from pocket_lab.view.text.table import TextTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class MemoryProfile(Result):
    """The result of `memory`: `.frame` has a row per node, `.lines` per line, `.timeline` per moment; `.plot()` draws them."""

    @property
    def title(self) -> str:
        """The target's name, and that of the run."""
        return f"Memory of {self._names}"

    @cached_property
    def frame(self) -> pd.DataFrame:
        """Own and inclusive peak bytes, share at the peak of the process, allocations, bytes left behind; per node."""
        return memory_frame(self.records)

    @cached_property
    def runs(self) -> pd.DataFrame:
        """The whole run at each point: the most bytes that it held at once, what it allocated and left behind."""
        return runs_memory_frame(self.records)

    @cached_property
    def lines(self) -> pd.DataFrame:
        """Per line of each node: allocations, bytes, its part of the node's own peak and of that of the process, the source."""
        return memory_lines_frame(self.records)

    @cached_property
    def timeline(self) -> pd.DataFrame:
        """Bytes held by the run and resident bytes of its processes, every 10 ms."""
        return timeline_frame(self.records)

    @cached_property
    def activity(self) -> pd.DataFrame:
        """When calls of each node ran, in seconds since the run began."""
        return activity_frame(self.records)

    @cached_property
    def calls(self) -> pd.DataFrame:
        """The call tree of each node with the bytes that were alive at the peak of the process: the flame graph as a frame."""
        return bytes_frame(self.records)

    @property
    def table(self) -> TextTable:
        """The frame as text."""
        return memory_table(self.frame)

    @property
    def findings(self) -> list[str]:
        """The line that most of the heaviest node's own peak comes from."""
        return memory_sentences(self.frame, self.lines, self.runs)

    def save_flamegraph(self, path: str | Path) -> Path:
        """Write memray's own flame graph page (4 MB, nothing from the network) and return its path.

        It shows the bytes alive at the peak of the run, of several points at the one with the highest. It is made from the
        stacks in this result, so that no capture file is needed; with `keep="run.bin"` memray's command line reads all of the
        run. Raises UsageError where it cannot be written.
        """
        from pocket_lab.view.html.memray_page import memray_page

        runs = [record for record in self.records if isinstance(record, RunMemory)]
        if not runs:
            raise UsageError("no run was profiled to its end, so there is no flame graph to write")
        run = max(runs, key=lambda run: run.peak_bytes)
        here = [record for record in self.records if isinstance(record, Stack | HeapPoint) and record.point == run.point]
        stacks = [record for record in here if isinstance(record, Stack)]
        moments = [record for record in here if isinstance(record, HeapPoint)]
        target = Path(path)
        try:
            target.write_text(memray_page(self.name, run, stacks, moments), encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            raise UsageError(f"the flame graph cannot be written to {target}: {error.strerror}") from error
        return target.resolve()

    def _figure(self) -> Figure:
        return memory_figure(self.frame, self.runs, self.timeline, self.activity)

    def _draw(self, ax: Axes) -> None:
        plot_memory(ax, at_point(self.frame, heaviest(self.runs, "peak_bytes")))

    def _parts(self) -> list[Markup]:
        table, *rest = super()._parts()
        flames = for_each_point(
            self.calls, lambda rows: flame_html(rows, "total_bytes", format_bytes, f"{self.name} at its peak")
        )
        lines = Markup("") if self.lines.empty else memory_lines_table(self.lines).to_html()
        return [table, lines, *rest[:-1], flames, rest[-1]]


@dataclass(frozen=True, slots=True)
class _Own:
    """The options of `memory` alone."""

    python_allocators: bool
    native: bool
    keep: Path | None


def _prepare(job: Job, own: _Own) -> tuple[Task, Sequence[Record]]:
    tracking = Tracking(own.native, own.python_allocators)
    capture = instrument.MemoryOptions(tracking, "" if own.keep is None else str(own.keep))
    return partial(instrument.profile_memory, options=capture), node_sources(job)


MEMORY = ProfileVerb("memory", _Own, MemoryProfile, _prepare)


@interruptible
@takes_options
def memory(target: Any, **options: Unpack[MemoryOptions]) -> MemoryProfile:
    """Profile the memory of one run of each point with memray, in a separate process, and attribute it to nodes.

    A node's own peak is the most bytes alive at once that were allocated with it as the innermost node, whichever node
    holds the peak of the whole process; worker processes are followed and added up. Of blocks and mappings of 1 MiB and more,
    only what was touched counts, on Linux by looks at the pages of the process; mapped files belong to the page cache. Caveats
    say what was left out, where a figure is an upper bound, and where more is counted than was ever resident.

    Args:
        target: what to profile.
        {options}

    Raises the target's own error, DeadlineExceeded, or UsageError.
    """
    return MEMORY.run(target, options)
