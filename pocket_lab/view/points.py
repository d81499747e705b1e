"""The point of a profile that its picture shows."""

from __future__ import annotations

from typing import Any

import pandas as pd

from pocket_lab.frames.points import location_in


def heaviest(frame: pd.DataFrame, column: str) -> dict[str, Any]:
    """The location of the point with the largest sum of the column; {} for a frame without rows."""
    location = location_in(frame)
    sums = frame.groupby(location, dropna=False, sort=False)[column].sum()
    return {} if sums.empty else dict(zip(location, sums.index[int(sums.argmax())], strict=True))
