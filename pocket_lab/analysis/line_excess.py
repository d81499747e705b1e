"""Where the lines of one function add up to more time than the graph's own calls took, so that shares are of that function."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from pocket_lab.frames.lines import FUNCTION_COLUMNS
from pocket_lab.frames.points import location_in, point_of
from pocket_lab.records.point import Point

_CLEARLY_MORE = 1.01


@dataclass(frozen=True, slots=True)
class LineExcess:
    """At a point (without its target) the lines of a function add up to `lines_s`, those that the graph calls to `called_s`."""

    point: Point
    node: str
    function: str
    lines_s: float
    called_s: float


def line_excesses(frame: pd.DataFrame) -> Iterator[LineExcess]:
    """The function with the most line time of each point of a line profile where that is more than what the graph calls has."""
    for _, rows in frame.groupby(location_in(frame), dropna=False, sort=False):
        called_s = float(rows.loc[rows["inside"] == "", "time_s"].sum())
        functions = rows.groupby(FUNCTION_COLUMNS, sort=False)[["time_s"]].sum().reset_index()
        most = functions.sort_values("time_s").to_dict("records")[-1]
        if most["time_s"] > called_s * _CLEARLY_MORE:
            point = point_of(rows.iloc[0].to_dict())
            yield LineExcess(point, str(most["node"]), str(most["function"]), float(most["time_s"]), called_s)
