"""memory: which node allocates how much, and what it holds at its peak."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd

from pocket_lab.errors import UsageError
from pocket_lab.frames.memory import memory_frame
from pocket_lab.lab.collect import Watcher
from pocket_lab.lab.profiling import plan_profile, profile
from pocket_lab.lab.result import Result
from pocket_lab.measure.job import Input
from pocket_lab.measure.sweep import Counts
from pocket_lab.profile.memory import profile_every_object, profile_memory
from pocket_lab.view.bars import memory_figure, plot_memory
from pocket_lab.view.table import TextTable, memory_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class MemoryProfile(Result):
    """The result of `memory`: `.frame` has a row per node, `.plot()` draws the peaks."""

    @property
    def title(self) -> str:
        """The target's name."""
        return f"Memory of {self.name}"

    @cached_property
    def frame(self) -> pd.DataFrame:
        """Own and inclusive peak bytes, share at the peak of the process, allocations, bytes left behind; per node."""
        return memory_frame(self.records)

    @property
    def table(self) -> TextTable:
        """The frame as text."""
        return memory_table(self.frame)

    def _figure(self) -> Figure:
        return memory_figure(self.frame)

    def _draw(self, ax: Axes) -> None:
        plot_memory(ax, self.frame)


def memory(
    target: Any,
    *,
    size: int | str | None = None,
    sizes: Counts | None = None,
    workers: Counts | None = None,
    executor: str | None = None,
    executors: str | Iterable[str] | None = None,
    input: Any = Input.ABSENT,
    drive: str = "run",
    budget: float | str | None = None,
    python_allocators: bool = False,
    name: str | None = None,
    asked: str | None = None,
    watch: Watcher | None = None,
) -> MemoryProfile:
    """Profile the memory of one run with memray, in a process of its own, and attribute every allocation to its node.

    A node's own peak is the most bytes alive at once that were allocated with it as the innermost node, whichever node
    holds the peak of the whole process. `python_allocators=True` follows every Python object, more slowly. The other
    options mean what they mean in `bench`, for one point; without a worker count the run has one worker, and a run that is
    longer than a given budget is ended. Raises the target's own error, DeadlineExceeded, or UsageError for the executor
    "processes", which memray in the measuring process does not see into.
    """
    options = {"size": size, "sizes": sizes, "workers": workers, "executor": executor, "executors": executors, "drive": drive}
    job = plan_profile(target, input, name, budget, **options)
    if "processes" in (job.sweep.executors or ()):
        raise UsageError('memory sees the measuring process only: choose the executor "serial" or "threads"')
    task = profile_every_object if python_allocators else profile_memory
    return profile("memory", task, job, MemoryProfile, watch, asked)
