"""The columns of a point in every frame: the fields of Point, in their order, then a column for each parameter.

`params` is the combination as one text, by which rows are grouped; the columns of the parameters have the labels of it. Frames
without parameters have no `params`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pocket_lab.records.point import POINT_FIELDS, Point, column_of, params_text, parse_params
from pocket_lab.records.record import Record

if TYPE_CHECKING:
    from numpy.typing import NDArray

POINT_COLUMNS = list(POINT_FIELDS)
LOCATION_COLUMNS = POINT_COLUMNS[1:]  # at the end of the rows of a profile, which has one target
_TYPES = {"size": int, "workers": int, "rate": float}  # values from a frame are NumPy scalars
_WHOLE = re.compile(r"-?(0|[1-9]\d{0,17})")
_NUMBER = re.compile(r"-?\d{1,18}(\.\d+)?(e[+-]?\d{1,3})?")
_ABSENT = {"target": "", "params": ""}


def point_of(row: Mapping[Any, Any]) -> Point:
    """The point of a row; the target is "" where the frame has no such column, as in a profile.

    Missing values (NaN, NA) are None, so that the result is a key: NaN differs from itself. In a comparison whose sides
    differ, `workers` is a text such as "1 | 4", which is kept.
    """
    values: dict[str, Any] = {}
    for name in POINT_COLUMNS:
        value = row.get(name, _ABSENT.get(name))
        values[name] = None if _is_missing(value) else _plain(name, value)
    values["params"] = parse_params(values["params"] or "")
    return Point(**values)


def points_of(frame: pd.DataFrame) -> dict[Point, pd.DataFrame]:
    """The rows of each point, in the order in which the points first occur."""
    return {point: frame.iloc[rows] for point, rows in indices_of(frame).items()}


def indices_of(frame: pd.DataFrame) -> dict[Point, NDArray[np.intp]]:
    """The positions of the rows of each point, in the order in which the points first occur; quick for thousands of points."""
    if frame.empty:
        return {}
    names = [name for name in POINT_COLUMNS if name in frame]
    numbers = frame.groupby(names, dropna=False, sort=False).ngroup().to_numpy()
    order = np.argsort(numbers, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1)
    firsts = frame.iloc[[part[0] for part in parts]][names].to_dict("records")
    found = [(int(part[0]), point_of(row), part) for part, row in zip(parts, firsts, strict=True)]
    return {point: part for _, point, part in sorted(found, key=lambda one: one[0])}


def point_columns(point: Point) -> dict[str, Any]:
    """The columns of a point."""
    return {name: column_of(point, name) for name in POINT_COLUMNS}


def location_columns(point: Point) -> dict[str, Any]:
    """The columns of a point within its sweep."""
    return {name: column_of(point, name) for name in LOCATION_COLUMNS}


def location_in(frame: pd.DataFrame) -> list[str]:
    """The location columns of a frame: its key of a point."""
    return [name for name in LOCATION_COLUMNS if name in frame]


def without(frame: pd.DataFrame, *columns: str) -> list[str]:
    """The location columns of a frame except these: its key of a series of points over them."""
    return [name for name in location_in(frame) if name not in columns]


def point_frame(records: Iterable[Record], kind: type[Any], columns: Sequence[str]) -> pd.DataFrame:
    """One row per record of a kind: these of its fields, then the location columns of its point."""
    rows = [
        {**{name: getattr(record, name) for name in columns}, **location_columns(record.point)}
        for record in records
        if isinstance(record, kind)
    ]
    return with_point_types(pd.DataFrame(rows, columns=[*columns, *LOCATION_COLUMNS]))


def at_point(frame: pd.DataFrame, location: Mapping[str, Any]) -> pd.DataFrame:
    """The rows with these values in these columns; a missing value matches missing values, parameters match their text.

    No row of a frame without `params` has parameters.
    """
    matches = pd.Series(True, index=frame.index)
    for name, value in location.items():
        value = params_text(value) if isinstance(value, tuple) else value
        if name == "params" and name not in frame:
            matches &= value == ""
            continue
        matches &= frame[name].isna() if _is_missing(value) else frame[name] == value
    return frame[matches]


def with_point_types(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with sizes as whole numbers (NA where there is none), rates as floats (NaN), and as `with_params` makes it."""
    if "size" in frame and frame["size"].isna().any():
        frame["size"] = frame["size"].astype("Int64")
    if "rate" in frame and frame["rate"].dtype == object and not any(isinstance(rate, str) for rate in frame["rate"]):
        frame["rate"] = frame["rate"].astype(float)
    return with_params(frame)


def parameter_names(frame: pd.DataFrame) -> list[str]:
    """The parameters of the points in a frame."""
    if "params" not in frame:
        return []
    texts = frame["params"].dropna().unique()
    return list(dict.fromkeys(name for text in texts for name, _ in parse_params(text)))


def with_params(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with a column for each parameter in `params`, or without `params` where there are no parameters.

    They come after it, in the order of the points; a row without one of them has "" there.
    """
    if "params" not in frame:
        return frame
    numbers, texts = pd.factorize(frame["params"])
    labels = [dict(parse_params(text)) for text in texts]
    names = dict.fromkeys(name for one in labels for name in one)
    if not names:
        return frame.drop(columns="params")
    columns = {name: _column([one.get(name, "") for one in labels]) for name in names}
    others = frame.drop(columns=[name for name in names if name in frame])
    own = pd.DataFrame({name: labels.to_numpy()[numbers] for name, labels in columns.items()}, index=frame.index)
    position = list(others.columns).index("params") + 1
    return pd.concat([others.iloc[:, :position], own, others.iloc[:, position:]], axis=1)


def _column(labels: list[str]) -> pd.Series[Any]:
    """The labels of a parameter as numbers, where all of them are such; else as text."""
    for number, pattern in ((int, _WHOLE), (float, _NUMBER)):
        if all(map(pattern.fullmatch, labels)):
            return pd.Series(list(map(number, labels)))
    return pd.Series(labels, dtype=object)


def _is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and value != value)


def _plain(name: str, value: Any) -> Any:
    return _TYPES[name](value) if name in _TYPES and not isinstance(value, str) else value
