"""cpu: where a node spends its time, call by call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Unpack

import pandas as pd
from markupsafe import Markup

from pocket_lab.frames.calls import times_frame
from pocket_lab.lab.options.keywords import CpuOptions
from pocket_lab.lab.options.signature import takes_options
from pocket_lab.lab.profile_verb import ProfileVerb
from pocket_lab.lab.result import Result
from pocket_lab.lab.runs.interruptible import interruptible
from pocket_lab.measure.job import Job
from pocket_lab.measure.supervisor import Task
from pocket_lab.profile.cpu.instrument import profile_cpu
from pocket_lab.records.record import Record
from pocket_lab.units import format_duration
from pocket_lab.view.html import page
from pocket_lab.view.html.flame import flame_html
from pocket_lab.view.html.point_sections import for_each_point
from pocket_lab.view.plots.calls import calls_figure, plot_calls
from pocket_lab.view.text.calls_table import calls_table
from pocket_lab.view.text.table import TextTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class CpuProfile(Result):
    """The result of `cpu`: `.frame` has a row per call under each node, shown as a flame graph; `.plot()` draws the largest."""

    @property
    def title(self) -> str:
        """The target's name, and that of the run."""
        return f"Calls of {self._names}"

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The call tree, depth first: wall and CPU seconds, share and samples per call of each node."""
        return times_frame(self.records)

    @property
    def table(self) -> TextTable:
        """The functions with the most time of their own, node by node."""
        return calls_table(self.frame)

    def _figure(self) -> Figure:
        return calls_figure(self.frame)

    def _draw(self, ax: Axes) -> None:
        plot_calls(ax, self.frame)

    def _parts(self) -> list[Markup]:
        flames = for_each_point(self.frame, lambda rows: flame_html(rows, "total_s", format_duration, self.name))
        return [self.table.to_html(), flames, page.failures(self.failures), page.caveats(self.caveats)]


@dataclass(frozen=True, slots=True)
class _Own:
    """The options of `cpu` alone, in seconds."""

    interval: float


def _prepare(job: Job, own: _Own) -> tuple[Task, Sequence[Record]]:
    return partial(profile_cpu, interval_s=own.interval), ()


CPU = ProfileVerb("cpu", _Own, CpuProfile, _prepare)


@interruptible
@takes_options
def cpu(target: Any, **options: Unpack[CpuOptions]) -> CpuProfile:
    """Sample the call tree of every node in one run of each point, in a separate process.

    The stacks of all threads, of suspended tasks and of worker processes are sampled, which slows the run by a few per cent
    at most. Seconds are those of all workers together; what a task awaits is under "[awaiting]".

    Args:
        target: what to profile.
        {options}

    Raises the target's own error, DeadlineExceeded, or UsageError.
    """
    return CPU.run(target, options)
