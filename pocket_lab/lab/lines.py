"""lines: which source lines of which node take the time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Unpack

import pandas as pd
from markupsafe import Markup

from pocket_lab.analysis.line_excess import line_excesses
from pocket_lab.frames.lines import lines_frame
from pocket_lab.lab.options.keywords import LinesOptions
from pocket_lab.lab.options.signature import takes_options
from pocket_lab.lab.profile_verb import ProfileVerb
from pocket_lab.lab.result import Result
from pocket_lab.lab.runs.interruptible import interruptible
from pocket_lab.measure.job import Job
from pocket_lab.measure.supervisor import Task
from pocket_lab.profile.lines.code_blocks import traced_code
from pocket_lab.profile.lines.instrument import profile_lines
from pocket_lab.profile.lines.line_times import code_caveats
from pocket_lab.profile.lines.source_lines import line_sources
from pocket_lab.profile.lines.traced_functions import traced_functions
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.record import Record
from pocket_lab.view.findings.lines import share_caveats
from pocket_lab.view.html import page
from pocket_lab.view.html.heat import heat_html
from pocket_lab.view.html.point_sections import for_each_point
from pocket_lab.view.plots.lines import lines_figure, plot_lines
from pocket_lab.view.text.lines_table import lines_table
from pocket_lab.view.text.table import TextTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class LineProfile(Result):
    """The result of `lines`: `.frame` has a row per source line of each node, shown as heat; `.plot()` draws the slowest."""

    @property
    def title(self) -> str:
        """The target's name, and that of the run."""
        return f"Lines of {self._names}"

    @cached_property
    def frame(self) -> pd.DataFrame:
        """Hits, seconds (with what the line calls), share and source per line, node and function.

        The share is of the line time of all nodes at that point; where the lines of one function add up to more, because it
        calls itself or runs in several threads, it is of these, and a caveat names them. No share is above 1.
        """
        return lines_frame(self.records)

    @cached_property
    def caveats(self) -> list[Caveat]:
        """Caveats noted during the run, and those on what the shares are of."""
        return [*super().caveats, *share_caveats(line_excesses(self.frame))]

    @property
    def table(self) -> TextTable:
        """The lines that were hit, most expensive first."""
        return lines_table(self.frame)

    def _figure(self) -> Figure:
        return lines_figure(self.frame)

    def _draw(self, ax: Axes) -> None:
        plot_lines(ax, self.frame)

    def _parts(self) -> list[Markup]:
        return [for_each_point(self.frame, heat_html), page.failures(self.failures), page.caveats(self.caveats)]


@dataclass(frozen=True, slots=True)
class _Own:
    """The options of `lines` alone."""

    also: Any


def _prepare(job: Job, own: _Own) -> tuple[Task, Sequence[Record]]:
    helpers, caveats = traced_functions(own.also)
    functions, _ = traced_code(job.target, job.points[0].target, helpers)
    return partial(profile_lines, also=helpers), [*caveats, *code_caveats(functions), *line_sources(functions)]


LINES = ProfileVerb("lines", _Own, LineProfile, _prepare)


@interruptible
@takes_options
def lines(target: Any, **options: Unpack[LinesOptions]) -> LineProfile:
    """Time every source line of every node in one run of each point with line_profiler, in a separate process.

    Hits are exact on every executor; the times of concurrent threads include their waits for each other, so one worker is
    the default. The time of a line includes what it calls, all inner calls of a recursion too; shares are at most 1.
    Decorators, functions inside a node and threads that it starts count for the node. `also` follows other
    functions, methods of every kind, classes and modules; `also=sys.modules["__main__"]` follows the whole notebook.

    Args:
        target: what to profile.
        {options}

    Raises the target's own error, DeadlineExceeded, or UsageError.
    """
    return LINES.run(target, options)
