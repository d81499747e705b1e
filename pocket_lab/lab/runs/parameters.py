"""The parameters of a request beside the frames of its result, in which each of them is a column."""

from __future__ import annotations

import pandas as pd

from pocket_lab.errors import UsageError
from pocket_lab.measure.sweep import Sweep


def refuse_taken(sweep: Sweep, *frames: pd.DataFrame) -> None:
    """Raise a UsageError for a parameter whose name is a column of the frames, which are those of a result without records."""
    taken = {str(name) for frame in frames for name in frame.columns}
    for name, _ in sweep.params:
        if name in taken:
            raise UsageError(f"params: {name!r} is a column of the result already; give the parameter another name")
