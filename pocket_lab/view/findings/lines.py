"""What the shares of lines are of, in sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pocket_lab.analysis.line_excess import LineExcess
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.point import describe
from pocket_lab.units import format_duration
from pocket_lab.view.text.table import shorten


def share_caveats(excesses: Iterable[LineExcess]) -> Iterator[Caveat]:
    """A Caveat for each point whose shares are of the lines of one function, since these add up to more than the calls."""
    for excess in excesses:
        function = shorten((excess.function or excess.node).rsplit("<locals>.", 1)[-1])
        lines, calls = format_duration(excess.lines_s), format_duration(excess.called_s)
        message = (
            f"{describe(excess.point)}: the lines of {function} add up to {lines}, those that the graph calls to {calls}: the "
            f"function calls itself, or runs in several threads or beyond an await; shares are of the {lines}"
        )
        yield Caveat("line-share", message)
