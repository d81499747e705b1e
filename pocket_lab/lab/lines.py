"""lines: which source lines of which node take the time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd

from pocket_lab.frames import lines_frame
from pocket_lab.lab.collect import Watcher
from pocket_lab.lab.profiling import plan_one_point, profile, read_sources
from pocket_lab.lab.result import Result
from pocket_lab.measure.job import Input
from pocket_lab.profile.code import node_codes
from pocket_lab.profile.lines import profile_lines
from pocket_lab.records import Record
from pocket_lab.view import page
from pocket_lab.view.bars import lines_figure, plot_lines
from pocket_lab.view.heat import heat_html
from pocket_lab.view.table import TextTable, lines_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class LineProfile(Result):
    """The result of `lines`: `.frame` has a row per source line of each node, shown as heat; `.plot()` draws the dearest."""

    def __init__(self, name: str, records: Sequence[Record], sources: dict[str, Sequence[str]]) -> None:
        super().__init__(name, records)
        self._sources = sources

    @property
    def title(self) -> str:
        """The target's name."""
        return f"Lines of {self.name}"

    @cached_property
    def frame(self) -> pd.DataFrame:
        """Hits, seconds, share and source per line and node."""
        return lines_frame(self.records, self._sources)

    @property
    def table(self) -> TextTable:
        """The lines that were hit, dearest first."""
        return lines_table(self.frame)

    def plot(self, ax: Axes | None = None) -> Figure:
        """The dearest lines as bars."""
        if ax is None:
            return lines_figure(self.frame)
        plot_lines(ax, self.frame)
        figure: Figure = ax.figure  # type: ignore[assignment]
        return figure

    def _parts(self) -> list[str]:
        return [heat_html(self.frame), page.caveats(self.caveats)]


def lines(
    target: Any,
    *,
    size: int | str | None = None,
    input: Any = Input.ABSENT,
    drive: str = "run",
    name: str | None = None,
    watch: Watcher | None = None,
) -> LineProfile:
    """Time every source line of every node in one run with line_profiler, in a process of its own.

    The run has one worker, since line times of concurrent threads include their waits for the interpreter lock. The
    options mean what they mean in `bench`. Raises the target's own error.
    """
    job = plan_one_point(target, input, name, size=size, executor="serial", drive=drive)
    codes, _ = node_codes(job.target, job.points[0].target)
    sources = read_sources([code.file for code in codes])
    return profile(profile_lines, job, lambda name, records: LineProfile(name, records, sources), watch)
