"""cpu: where a node spends its time, call by call."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import pandas as pd
from markupsafe import Markup

from pocket_lab.errors import UsageError
from pocket_lab.frames.calls import times_frame
from pocket_lab.lab.collect import Watcher
from pocket_lab.lab.profiling import plan_profile, profile
from pocket_lab.lab.result import Result
from pocket_lab.measure.job import Input
from pocket_lab.measure.sweep import Counts
from pocket_lab.profile.cpu.instrument import INTERVAL_S, profile_cpu
from pocket_lab.units import format_duration, parse_duration
from pocket_lab.view.html import page
from pocket_lab.view.html.flame import flame_html
from pocket_lab.view.html.point_sections import for_each_point
from pocket_lab.view.plots.bars import calls_figure, plot_calls
from pocket_lab.view.text.calls_table import calls_table
from pocket_lab.view.text.table import TextTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class CpuProfile(Result):
    """The result of `cpu`: `.frame` has a row per call under each node, shown as a flame graph; `.plot()` draws the dearest."""

    @property
    def title(self) -> str:
        """The target's name."""
        return f"Calls of {self.name}"

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The call tree, depth first: wall and CPU seconds, share and looks per call of each node."""
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


def cpu(
    target: Any,
    *,
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
    interval: float | str = INTERVAL_S,
    name: str | None = None,
    command_line: str | None = None,
    watch: Watcher | None = None,
) -> CpuProfile:
    """Sample the call tree of every node in one run of each point, in a process of its own.

    The stacks of all threads, of suspended tasks and in worker processes are looked at every `interval`, which slows the
    run by a few per cent at most. Seconds are those of all workers together; what a task awaits stands under "[awaiting]".
    The other options mean what they mean in `bench`; without a budget a run takes as long as it takes. Raises the target's
    own error, DeadlineExceeded, or UsageError.
    """
    options: dict[str, Any] = {"size": size, "sizes": sizes, "workers": workers, "executor": executor, "executors": executors}
    options |= {"drive": drive, "rate": rate, "isolation": isolation, "store": store, "caches": caches}
    interval_s = parse_duration(interval)
    if not interval_s > 0:
        raise UsageError(f"interval={interval!r} is no time between two looks; write for example 1ms")
    job = plan_profile(target, input, name, budget, **options)
    return profile("cpu", partial(profile_cpu, interval_s=interval_s), job, CpuProfile, watch, command_line)
