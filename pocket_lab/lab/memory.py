"""memory: which node allocates how much, and what it holds at its peak."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd

from pocket_lab.errors import UsageError
from pocket_lab.frames import memory_frame
from pocket_lab.lab.collect import Watcher
from pocket_lab.lab.profiling import plan_one_point, profile
from pocket_lab.lab.result import Result
from pocket_lab.measure.job import Input
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

    def plot(self, ax: Axes | None = None) -> Figure:
        """Peaks per node as bars."""
        if ax is None:
            return memory_figure(self.frame)
        plot_memory(ax, self.frame)
        figure: Figure = ax.figure  # type: ignore[assignment]
        return figure


def memory(
    target: Any,
    *,
    size: int | str | None = None,
    workers: int | str | None = None,
    executor: str | None = None,
    input: Any = Input.ABSENT,
    drive: str = "run",
    python_allocators: bool = False,
    name: str | None = None,
    watch: Watcher | None = None,
) -> MemoryProfile:
    """Profile the memory of one run with memray, in a process of its own, and attribute every allocation to its node.

    A node's own peak is the most bytes alive at once that were allocated with it as the innermost node, whichever node
    holds the peak of the whole process. `python_allocators=True` follows every Python object, more slowly. The other
    options mean what they mean in `bench`; without a worker count the run has one worker. Raises the target's own error,
    or UsageError for the executor "processes", which memray in the measuring process does not see into.
    """
    if executor == "processes":
        raise UsageError('memory sees the measuring process only: choose the executor "serial" or "threads"')
    chosen = executor or ("serial" if workers in (None, 1, "1") else "threads")
    job = plan_one_point(target, input, name, size=size, workers=workers, executor=chosen, drive=drive)
    task = profile_every_object if python_allocators else profile_memory
    return profile(task, job, MemoryProfile, watch)
