"""leaks: what runs leave behind, and whether memory grows with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Unpack

import pandas as pd

from pocket_lab.analysis.leaks import GROWS, leaks_frame
from pocket_lab.frames.leaks import filling_frame, leftovers_frame, memory_series, retained_frame
from pocket_lab.lab.options.keywords import LeaksOptions
from pocket_lab.lab.options.signature import takes_options
from pocket_lab.lab.profile_verb import ProfileVerb
from pocket_lab.lab.result import Result
from pocket_lab.lab.runs.interruptible import interruptible
from pocket_lab.measure.job import Job
from pocket_lab.measure.supervisor import Task
from pocket_lab.profile.leaks.instrument import LEAST, LEAST_APART, find_leaks
from pocket_lab.records.leaks import MemoryReading
from pocket_lab.records.record import Record
from pocket_lab.view.findings.leaks import leaks_sentences
from pocket_lab.view.text.leaks_table import leaks_table
from pocket_lab.view.text.table import TextTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class LeakReport(Result):
    """The result of `leaks`: `.frame` has a row per leftover and one for the memory of each process, `.plot()` draws memory.

    `.ok` is whether nothing grows, `.left` each resource that was there at the end, `.memory` the readings after each run,
    `.lines` the source lines that keep memory.
    """

    @property
    def title(self) -> str:
        """The target's name, that of the run, and in how many runs it was looked at."""
        return f"Leaks of {self._names} in {self.runs} runs"

    @property
    def runs(self) -> int:
        """How many runs there were after the warm-up."""
        return max((record.run for record in self.records if isinstance(record, MemoryReading)), default=0)

    @property
    def ok(self) -> bool:
        """Whether all points were looked at and nothing was seen to grow."""
        return self.error is None and not (self.frame["verdict"] == GROWS).any()

    @cached_property
    def frame(self) -> pd.DataFrame:
        """What is left by kind and origin, and memory: `kind, name, per_run, low, high, unit, left, verdict, node, ...`."""
        return leaks_frame(self.left, self.memory, self.lines, self.filling, LEAST, LEAST_APART)

    @cached_property
    def left(self) -> pd.DataFrame:
        """One row per resource that was still there after the last run."""
        return leftovers_frame(self.records)

    @cached_property
    def memory(self) -> pd.DataFrame:
        """One row per run: `run, process, blocks, heap_bytes, rss_bytes, traced_bytes, is_further`, and the point."""
        return memory_series(self.records)

    @cached_property
    def lines(self) -> pd.DataFrame:
        """The source lines that keep memory, most first, where it grows."""
        return retained_frame(self.records)

    @cached_property
    def filling(self) -> pd.DataFrame:
        """The containers with a bound that runs were still filling, where memory grows."""
        return filling_frame(self.records)

    @property
    def table(self) -> TextTable:
        """The frame as text."""
        return leaks_table(self.frame)

    @property
    def findings(self) -> list[str]:
        """Every leak, and what can be said of memory."""
        return list(leaks_sentences(self.frame, self.runs))

    def _figure(self) -> Figure:
        from pocket_lab.view.plots.leaks import leaks_figure

        return leaks_figure(self.memory, self.frame)

    def _draw(self, ax: Axes) -> None:
        from pocket_lab.view.plots.leaks import plot_growth

        plot_growth(ax, self.memory, self.frame)


@dataclass(frozen=True, slots=True)
class _Own:
    """The options of `leaks` alone."""

    runs: int


def _prepare(job: Job, own: _Own) -> tuple[Task, Sequence[Record]]:
    return partial(find_leaks, runs=own.runs), ()


LEAKS = ProfileVerb("leaks", _Own, LeakReport, _prepare)


@interruptible
@takes_options
def leaks(target: Any, **options: Unpack[LeaksOptions]) -> LeakReport:
    """Run the target many times and report what is left: threads, tasks, child processes, descriptors, sockets, memory.

    Three warm-up runs come before the counted ones (three at least, six for a statement about memory). A resource is a leak
    if it still exists a second after the last run and appeared in three runs or more, one of them in the later half; the
    report names the line that created it. A resource that appeared once is not a leak. Memory grows if Python's blocks, the
    bytes of malloc or the resident memory have a positive slope (Theil-Sen, 95 % interval) that goes on to the end. Where it
    rises, up to 200 runs in all (or ten times `runs`) tell a leak from a cache, a pool or a ring that is being filled, within
    a quarter of the budget's rest; what rose and stopped is kept, and no leak. A few more runs under tracemalloc find the lines
    that keep memory. Less than a hundred small objects and 8 KiB over all runs are not detected, since Python itself keeps as
    much: more runs find smaller leaks. Under the drive "load" a run is a window of clients.

    Args:
        target: what to run.
        {options}

    Raises the target's own error, DeadlineExceeded, or UsageError.
    """
    return LEAKS.run(target, options)
