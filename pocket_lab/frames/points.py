"""The columns by which every frame tells its points apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from pocket_lab.records.point import Point
from pocket_lab.records.record import Record

POINT_COLUMNS = ["target", "size", "workers", "executor", "drive"]
LOCATION_COLUMNS = POINT_COLUMNS[1:]  # at the end of the rows of a profile, whose target stands in its title
Key = tuple[str, int | None, int, str, str]


def key_of(target: Any, size: Any, workers: Any, executor: Any, drive: Any) -> Key:
    """A point as the frames know it."""
    return str(target), None if pd.isna(size) else int(size), int(workers), str(executor), str(drive)


def point_columns(point: Point) -> dict[str, Any]:
    """The columns of a point."""
    return {name: getattr(point, name) for name in POINT_COLUMNS}


def location_columns(point: Point) -> dict[str, Any]:
    """The columns of a point within its sweep."""
    return {name: getattr(point, name) for name in LOCATION_COLUMNS}


def point_of(row: Mapping[Any, Any]) -> Point:
    """The point of a row; the target is "" where the frame has no such column.

    In a comparison whose sides differ, `workers` is a text such as "1 | 4", which is kept.
    """
    size, workers, rate = row["size"], row["workers"], row.get("rate")
    count: Any = workers if isinstance(workers, str) else int(workers)
    return Point(
        str(row.get("target", "")),
        None if pd.isna(size) else int(size),
        count,
        str(row["executor"]),
        str(row["drive"]),
        None if pd.isna(rate) else float(rate),
    )


def point_frame(records: Iterable[Record], kind: type[Any], columns: Sequence[str]) -> pd.DataFrame:
    """One row per record of a kind: these of its fields, and at the end the columns of its place."""
    rows = [
        {**{name: getattr(record, name) for name in columns}, **location_columns(record.point)}
        for record in records
        if isinstance(record, kind)
    ]
    return with_sizes(pd.DataFrame(rows, columns=[*columns, *LOCATION_COLUMNS]))


def at_point(frame: pd.DataFrame, place: Mapping[str, Any]) -> pd.DataFrame:
    """The rows of one point."""
    here = pd.Series(True, index=frame.index)
    for name, value in place.items():
        here &= frame[name].isna() if pd.isna(value) else frame[name] == value
    return frame[here]


def with_sizes(frame: pd.DataFrame) -> pd.DataFrame:
    """Sizes as whole numbers, also where a point has none (then missing)."""
    if "size" in frame and frame["size"].isna().any():
        frame["size"] = frame["size"].astype("Int64")
    return frame
