"""leaks: what runs leave behind, and whether memory grows with them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import pandas as pd

from pocket_lab.analysis.leaks import FEWEST_RUNS, GROWS, leaks_frame
from pocket_lab.errors import UsageError
from pocket_lab.frames.leaks import leftovers_frame, memory_series, retained_frame
from pocket_lab.lab.collect import Watcher
from pocket_lab.lab.profiling import plan_profile, profile
from pocket_lab.lab.result import Result
from pocket_lab.measure.job import Input
from pocket_lab.measure.sweep import Counts
from pocket_lab.profile.leaks.detector import LEAST, LEAST_APART, find_leaks
from pocket_lab.records.leaks import MemoryReading
from pocket_lab.units import parse_counts
from pocket_lab.view.findings.leaks import leaks_sentences
from pocket_lab.view.text.leaks_table import leaks_table
from pocket_lab.view.text.table import TextTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class LeakReport(Result):
    """The result of `leaks`: `.frame` has a row per leftover and one for the memory of each process, `.plot()` draws memory.

    `.ok` is whether nothing grows, `.left` each single thing that was there at the end, `.memory` the readings after each run,
    `.lines` the source lines that keep memory.
    """

    @property
    def title(self) -> str:
        """The target's name, and in how many runs it was looked at."""
        return f"Leaks of {self.name} in {self.runs} runs"

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
        return leaks_frame(self.left, self.memory, self.lines, LEAST, LEAST_APART)

    @cached_property
    def left(self) -> pd.DataFrame:
        """One row per thing that was still there after the last run."""
        return leftovers_frame(self.records)

    @cached_property
    def memory(self) -> pd.DataFrame:
        """One row per run: `run, process, blocks, heap_bytes, rss_bytes, traced_bytes`, and the point."""
        return memory_series(self.records)

    @cached_property
    def lines(self) -> pd.DataFrame:
        """The source lines that keep memory, most first, where it grows."""
        return retained_frame(self.records)

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

        return leaks_figure(self.memory)

    def _draw(self, ax: Axes) -> None:
        from pocket_lab.view.plots.leaks import plot_growth

        plot_growth(ax, self.memory)


def leaks(
    target: Any,
    *,
    runs: int | str = 10,
    size: int | str | None = None,
    sizes: Counts | None = None,
    workers: Counts | None = None,
    executor: str | None = None,
    executors: str | Iterable[str] | None = None,
    input: Any = Input.ABSENT,
    drive: str = "run",
    rate: float | str | None = None,
    budget: float | str | None = None,
    isolation: str = "process",
    store: str = "fresh",
    caches: str = "warm",
    name: str | None = None,
    command_line: str | None = None,
    watch: Watcher | None = None,
) -> LeakReport:
    """Run the target again and again, and tell what is left: threads, tasks, child processes, descriptors, sockets, memory.

    After three runs to warm up come `runs` more (three at least, six for a statement about memory). What is still there a
    second after the last one, and came in three runs or more, in the later half too, is a leak, told with the line that
    made it; what came once is kept, and no leak. Memory grows if Python's blocks, the bytes of malloc or the resident
    memory rise from run to run beyond doubt (the slope of Sen with its 95 % interval); then six more runs under tracemalloc
    tell which lines keep it. Less than a hundred small objects and 8 KiB in all the runs are not seen, since Python itself
    keeps as much: more runs find smaller leaks. The other options mean what they mean in `bench`; under the drive "load" a
    run is a window of clients. Raises the target's own error, DeadlineExceeded, or UsageError.
    """
    (count,) = parse_counts(runs, "runs")[:1]
    if count < FEWEST_RUNS:
        raise UsageError(f"runs={runs}: growth shows in {FEWEST_RUNS} runs at least; ten are a good number")
    options: dict[str, Any] = {"size": size, "sizes": sizes, "workers": workers, "executor": executor, "executors": executors}
    options |= {"drive": drive, "rate": rate, "isolation": isolation, "store": store, "caches": caches}
    job = plan_profile(target, input, name, budget, **options)
    return profile("leaks", partial(find_leaks, runs=count), job, LeakReport, watch, command_line)
