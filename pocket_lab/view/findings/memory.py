"""The finding of a memory profile in a sentence."""

from __future__ import annotations

import pandas as pd

from pocket_lab.frames.points import at_point
from pocket_lab.units import format_bytes, format_percent
from pocket_lab.view.points import heaviest

_MAIN_SHARE = 0.5


def memory_sentences(nodes: pd.DataFrame, lines: pd.DataFrame, runs: pd.DataFrame) -> list[str]:
    """The line that allocates most of its node's own peak, at the point with the highest peak; none below half of it."""
    if lines.empty or runs.empty:
        return []
    point = heaviest(runs, "peak_bytes")
    line = at_point(lines, point).nlargest(1, "peak_bytes").iloc[0]
    here = at_point(nodes, point)
    peak = int(here.loc[here["node"] == line["node"], "peak_bytes"].iloc[0])
    share = line["peak_bytes"] / peak if peak else 0.0
    if share < _MAIN_SHARE:
        return []
    return [
        f"{line['node']} holds {format_bytes(peak)} at its own peak, {format_percent(share)} of it from line "
        f"{line['line']}: {str(line['source']).strip() or line['file']}"
    ]
