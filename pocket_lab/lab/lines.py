"""lines: which source lines of which node take the time."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import pandas as pd
from markupsafe import Markup

from pocket_lab.frames.lines import lines_frame
from pocket_lab.lab.collect import Watcher
from pocket_lab.lab.profiling import plan_profile, profile, read_sources
from pocket_lab.lab.result import Result
from pocket_lab.measure.job import Input
from pocket_lab.measure.sweep import Counts
from pocket_lab.profile.lines.instrument import profile_lines
from pocket_lab.profile.lines.traced_functions import traced_functions
from pocket_lab.profile.node_code import node_codes
from pocket_lab.view.html import page
from pocket_lab.view.html.heat import heat_html
from pocket_lab.view.html.point_sections import for_each_point
from pocket_lab.view.plots.bars import lines_figure, plot_lines
from pocket_lab.view.text.lines_table import lines_table
from pocket_lab.view.text.table import TextTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class LineProfile(Result):
    """The result of `lines`: `.frame` has a row per source line of each node, shown as heat; `.plot()` draws the dearest."""

    @property
    def title(self) -> str:
        """The target's name."""
        return f"Lines of {self.name}"

    @cached_property
    def frame(self) -> pd.DataFrame:
        """Hits, seconds, share and source per line and node; the share is of the time of all lines at that point."""
        return lines_frame(self.records)

    @property
    def table(self) -> TextTable:
        """The lines that were hit, dearest first."""
        return lines_table(self.frame)

    def _figure(self) -> Figure:
        return lines_figure(self.frame)

    def _draw(self, ax: Axes) -> None:
        plot_lines(ax, self.frame)

    def _parts(self) -> list[Markup]:
        return [for_each_point(self.frame, heat_html), page.failures(self.failures), page.caveats(self.caveats)]


def lines(
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
    also: Any = (),
    name: str | None = None,
    command_line: str | None = None,
    watch: Watcher | None = None,
) -> LineProfile:
    """Time every source line of every node in one run of each point with line_profiler, in a process of its own.

    `also` names what to follow beside the nodes: functions, classes, or modules (`sys.modules["__main__"]` is the whole
    notebook). Hits are exact on every executor; the times of concurrent threads include their waits for each other, so
    that one worker is the default. The other options mean what they mean in `bench`; without a budget a run takes as long
    as it takes. Raises the target's own error, DeadlineExceeded, or UsageError.
    """
    options: dict[str, Any] = {"size": size, "sizes": sizes, "workers": workers, "executor": executor, "executors": executors}
    options |= {"drive": drive, "rate": rate, "isolation": isolation, "store": store, "caches": caches}
    job = plan_profile(target, input, name, budget, **options)
    functions, caveats = traced_functions(also)
    codes, _ = node_codes(job.target, job.points[0].target, functions)
    sources = read_sources([(code.file, code.first, code.last) for code in codes])
    return profile("lines", partial(profile_lines, also=functions), job, LineProfile, watch, command_line, [*caveats, *sources])
