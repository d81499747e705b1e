"""A line profile as a frame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from pocket_lab.frames.points import location_in, point_frame
from pocket_lab.records.record import Record
from pocket_lab.records.sources import CALLERS, LineCost, Source

_COLUMNS = ["node", "file", "line", "hits", "time_s", "function", "inside"]
FUNCTION_COLUMNS = ["node", "file", "function", "inside"]


def lines_frame(records: Sequence[Record]) -> pd.DataFrame:
    """One row per point and line of each node, in the order of the source, and one for each `function` on the line.

    `time_s` includes what the line calls. `inside` names the function of the same node whose lines include that time, or its
    callers for a helper.

    `share` is of the line time of what the graph itself calls (where `inside` is empty), of which the other rows are parts; or
    of the function of the point whose lines add up to more than that, as those of a recursive one do. It is never above 1, and
    shares of one point compare as times do.
    """
    sources = source_texts(records)
    frame = point_frame(records, LineCost, _COLUMNS)
    earlier = (frame["function"] == "") & frame["node"].str.endswith("()").astype(bool)  # a helper of a result without names
    frame["inside"] = frame["inside"].mask(earlier, CALLERS)
    location = location_in(frame)
    total = _sums(frame, frame["time_s"].where(frame["inside"] == "", 0.0), location)
    of_function = _sums(frame, frame["time_s"], [*location, *FUNCTION_COLUMNS])
    most = of_function.groupby([frame[name] for name in location], dropna=False).transform("max")
    whole = total.where(total >= most, most)
    frame.insert(5, "share", (frame["time_s"] / whole.where(whole > 0)).fillna(0.0))
    frame.insert(6, "source", [sources.get(position, "") for position in zip(frame["file"], frame["line"], strict=True)])
    return frame


def _sums(frame: pd.DataFrame, seconds: pd.Series[float], by: Sequence[str]) -> pd.Series[float]:
    """For each row the sum of all rows that agree with it in these columns."""
    return seconds.groupby([frame[name] for name in by], dropna=False).transform("sum")


def source_texts(records: Iterable[Record]) -> dict[tuple[str, int], str]:
    """The text of each source line of which there is a copy, by file and line."""
    return {
        (record.file, number): text.rstrip()
        for record in records
        if isinstance(record, Source)
        for number, text in enumerate(record.lines, record.first)
    }
