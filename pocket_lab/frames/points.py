"""The columns of a point in every frame: the fields of Point, in their order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

import pandas as pd

from pocket_lab.records.point import Point
from pocket_lab.records.record import Record

POINT_COLUMNS = [field.name for field in fields(Point)]
LOCATION_COLUMNS = POINT_COLUMNS[1:]  # at the end of the rows of a profile, which has one target
_TYPES = {"size": int, "workers": int, "rate": float}  # values from a frame are NumPy scalars
_ABSENT = {"target": ""}


def point_of(row: Mapping[Any, Any]) -> Point:
    """The point of a row; the target is "" where the frame has no such column, as in a profile.

    Missing values (NaN, NA) are None, so that the result is a key: NaN differs from itself. In a comparison whose sides
    differ, `workers` is a text such as "1 | 4", which is kept.
    """
    values: dict[str, Any] = {}
    for name in POINT_COLUMNS:
        value = row.get(name, _ABSENT.get(name))
        values[name] = None if _is_missing(value) else _plain(name, value)
    return Point(**values)


def points_of(frame: pd.DataFrame) -> dict[Point, pd.DataFrame]:
    """The rows of each point, in the order in which the points first occur."""
    groups = frame.groupby(POINT_COLUMNS, dropna=False, sort=False)
    return {point_of(dict(zip(POINT_COLUMNS, key, strict=True))): rows for key, rows in groups}


def point_columns(point: Point) -> dict[str, Any]:
    """The columns of a point."""
    return {name: getattr(point, name) for name in POINT_COLUMNS}


def location_columns(point: Point) -> dict[str, Any]:
    """The columns of a point within its sweep."""
    return {name: getattr(point, name) for name in LOCATION_COLUMNS}


def without(*columns: str) -> list[str]:
    """The location columns except these: the key of a series of points over them."""
    return [name for name in LOCATION_COLUMNS if name not in columns]


def point_frame(records: Iterable[Record], kind: type[Any], columns: Sequence[str]) -> pd.DataFrame:
    """One row per record of a kind: these of its fields, then the location columns of its point."""
    rows = [
        {**{name: getattr(record, name) for name in columns}, **location_columns(record.point)}
        for record in records
        if isinstance(record, kind)
    ]
    return with_point_types(pd.DataFrame(rows, columns=[*columns, *LOCATION_COLUMNS]))


def at_point(frame: pd.DataFrame, location: Mapping[str, Any]) -> pd.DataFrame:
    """The rows with these values in these columns; a missing value matches missing values."""
    matches = pd.Series(True, index=frame.index)
    for name, value in location.items():
        matches &= frame[name].isna() if _is_missing(value) else frame[name] == value
    return frame[matches]


def with_point_types(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with sizes as whole numbers, also where a point has none (NA), and rates as floats (NaN without one)."""
    if "size" in frame and frame["size"].isna().any():
        frame["size"] = frame["size"].astype("Int64")
    if "rate" in frame and frame["rate"].dtype == object and not any(isinstance(rate, str) for rate in frame["rate"]):
        frame["rate"] = frame["rate"].astype(float)
    return frame


def _is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and value != value)


def _plain(name: str, value: Any) -> Any:
    return _TYPES[name](value) if name in _TYPES and not isinstance(value, str) else value
