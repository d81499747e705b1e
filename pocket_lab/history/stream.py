"""The stream of a run as rows and back: samples in typed columns, every other record as a line of JSON.

`seq` is one running number over both tables. A sample's point is a number into the run's own table of points. SQLite
knows no NaN and takes no text that is not valid Unicode, so NaN is stored as NULL and an error's text as JSON.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict, fields
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from pocket_lab.history.errors import read_row
from pocket_lab.records.codec import decode, encode
from pocket_lab.records.point import Point
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

INSERT_POINT = "INSERT INTO point (session, number, fields) VALUES (?, ?, ?)"
INSERT_SAMPLE = (
    "INSERT INTO sample (session, seq, point, round, loops, wall_s, cpu_s, items, error) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
INSERT_RECORD = "INSERT INTO record (session, seq, kind, line) VALUES (?, ?, ?, ?)"

_NAN = float("nan")
_SAMPLE_TYPES = {"round": "i8", "loops": "i8", "wall_s": "f8", "cpu_s": "f8", "items": "i8", "error": "O"}


def point_row(session: int, number: int, point: Point) -> tuple[Any, ...]:
    """The values of INSERT_POINT."""
    return (session, number, json.dumps(asdict(point)))


def sample_row(session: int, seq: int, point: int, sample: Sample) -> tuple[Any, ...]:
    """The values of INSERT_SAMPLE; SQLite itself turns NaN into NULL."""
    error = None if sample.error is None else json.dumps(sample.error)
    return (session, seq, point, sample.round, sample.loops, sample.wall_s, sample.cpu_s, sample.items, error)


def record_row(session: int, seq: int, record: Record) -> tuple[Any, ...]:
    """The values of INSERT_RECORD."""
    return (session, seq, type(record).__name__, encode(record).decode("ascii").rstrip("\n"))


def read_points(connection: sqlite3.Connection, session: int) -> dict[int, Point]:
    """The points of a run by their numbers."""
    rows = connection.execute("SELECT number, fields FROM point WHERE session = ? ORDER BY number", (session,))
    return {number: read_row(_point, values) for number, values in rows}


def last_seq(connection: sqlite3.Connection, session: int) -> int:
    """The largest number that a record of the run has; 0 where it has none."""
    query = "SELECT max(seq) FROM {} WHERE session = ?"
    found = [connection.execute(query.format(table), (session,)).fetchone()[0] for table in ("sample", "record")]
    return max(seq or 0 for seq in found)


def read_other_records(connection: sqlite3.Connection, session: int) -> list[tuple[int, Record]]:
    """Every record but the samples with its number, in order."""
    rows = connection.execute("SELECT seq, line FROM record WHERE session = ? ORDER BY seq", (session,))
    return [(seq, read_row(decode, line.encode("ascii"))) for seq, line in rows]


def read_records(connection: sqlite3.Connection, session: int) -> list[Record]:
    """The whole stream in its order."""
    points = read_points(connection, session)
    numbered: list[tuple[int, Record]] = []
    for seq, point, round, loops, wall_s, cpu_s, items, text in _select_samples(connection, session, "seq, "):
        error = None if text is None else json.loads(text)
        numbered.append((seq, Sample(points[point], round, loops, _or_nan(wall_s), _or_nan(cpu_s), items, error)))
    numbered += read_other_records(connection, session)
    numbered.sort(key=itemgetter(0))
    return [record for _, record in numbered]


def read_sample_columns(connection: sqlite3.Connection, session: int) -> dict[str, NDArray[Any]]:
    """The samples in their order, an array for each field of the point and of the sample."""
    import numpy as np

    points = read_points(connection, session)
    layout = np.dtype([("point", "i8"), *_SAMPLE_TYPES.items()])
    rows = np.fromiter(_select_samples(connection, session), layout)  # without lists of tuples, which take seconds more
    index = np.searchsorted(np.array(list(points), "i8"), rows["point"])
    columns = {field.name: _column([getattr(point, field.name) for point in points.values()])[index] for field in fields(Point)}
    columns |= {name: rows[name].copy() for name in _SAMPLE_TYPES}  # a view would keep all of `rows`
    errors = columns["error"]
    for failed in np.flatnonzero(errors.astype(bool)):  # a JSON text is never empty
        errors[failed] = json.loads(errors[failed])
    return columns


def _point(values: str) -> Point:
    return Point(**json.loads(values))


def _select_samples(connection: sqlite3.Connection, session: int, before: str = "") -> sqlite3.Cursor:
    columns = f"{before}point, {', '.join(_SAMPLE_TYPES)}"
    return connection.execute(f"SELECT {columns} FROM sample WHERE session = ? ORDER BY seq", (session,))


def _column(values: list[Any]) -> NDArray[Any]:
    """An array of whole numbers or floats, or of objects if there is a text or a None among them."""
    import numpy as np

    kinds = {type(value) for value in values}
    return np.array(values, kinds.pop() if kinds in ({int}, {float}) else object)


def _or_nan(value: float | None) -> float:
    return _NAN if value is None else value
