"""The stream of a run as rows and back: samples in typed columns, every other record as a line of JSON.

`seq` is one running number over both tables. A sample's point is a number into the run's own table of points. SQLite
knows no NaN and takes no text that is not valid Unicode, so NaN is stored as NULL and an error's text as JSON. An error is
kept as its text and its frames: the pickle with which it came is not written, and none is read.

A file may be damaged, foreign, or made to do harm: each value is checked before it leaves this module, and a row that cannot
be read is named.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from pocket_lab.history.errors import Unreadable, read_row
from pocket_lab.records.codec import decode_checked, decode_point, encode, point_json, valid_json
from pocket_lab.records.point import POINT_FIELDS, Point, column_of
from pocket_lab.records.progress import Failure
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
_WHOLE = " AND ".join(f"typeof({name}) = 'integer'" for name in ("seq", "point", "round", "loops", "items"))
_LONGEST_S = 1e9  # no batch takes thirty years, and none less than no time
_REAL = " AND ".join(
    f"typeof({name}) IN ('real', 'null', 'integer') AND ({name} IS NULL OR {name} BETWEEN 0 AND {_LONGEST_S})"
    for name in ("wall_s", "cpu_s")
)
_POSSIBLE = "loops >= 0 AND items >= 0 AND round >= 0 AND (loops = 0 OR wall_s IS NULL OR wall_s > 0)"
_DAMAGED_SAMPLE = f"""SELECT seq, point, round, loops, wall_s, cpu_s, items, error FROM sample
    WHERE session = ? AND NOT ({_WHOLE} AND {_REAL} AND {_POSSIBLE} AND typeof(error) IN ('null', 'text')) LIMIT 1"""
_MOST_SHOWN = 60


def point_row(session: int, number: int, point: Point) -> tuple[Any, ...]:
    """The values of INSERT_POINT."""
    return (session, number, point_json(point))


def sample_row(session: int, seq: int, point: int, sample: Sample) -> tuple[Any, ...]:
    """The values of INSERT_SAMPLE; SQLite itself turns NaN into NULL."""
    error = None if sample.error is None else valid_json(json.dumps(sample.error))
    return (session, seq, point, sample.round, sample.loops, sample.wall_s, sample.cpu_s, sample.items, error)


def record_row(session: int, seq: int, record: Record) -> tuple[Any, ...]:
    """The values of INSERT_RECORD."""
    return (session, seq, type(record).__name__, encode(_without_pickles(record)).decode("ascii").rstrip("\n"))


def read_points(connection: sqlite3.Connection, session: int) -> dict[int, Point]:
    """The points of a run by their numbers."""
    rows = connection.execute("SELECT number, fields FROM point WHERE session = ? ORDER BY number", (session,)).fetchall()
    return dict(read_row(_where("points", number, session), _point, (number, text)) for number, text in rows)


def last_seq(connection: sqlite3.Connection, session: int) -> int:
    """The largest number that a record of the run has; 0 where it has none."""
    query = "SELECT max(seq) FROM {} WHERE session = ? AND typeof(seq) = 'integer'"
    found = [connection.execute(query.format(table), (session,)).fetchone()[0] for table in ("sample", "record")]
    return max(seq or 0 for seq in found)


def read_other_records(connection: sqlite3.Connection, session: int) -> list[tuple[int, Record]]:
    """Every record but the samples with its number, in order."""
    query = "SELECT seq, line FROM record WHERE session = ? ORDER BY seq"
    with closing(connection.execute(query, (session,))) as rows:  # whoever keeps an error would keep a cursor with its lock
        return [read_row(_where("records", seq, session), _record, (seq, line)) for seq, line in rows]


def read_records(connection: sqlite3.Connection, session: int) -> list[Record]:
    """The whole stream in its order."""
    points = read_points(connection, session)
    _check_samples(connection, session)
    numbered: list[tuple[int, Record]] = []
    with closing(_select_samples(connection, session)) as rows:
        for seq, point, round, loops, wall_s, cpu_s, items, text in rows:
            error = None if text is None else _error(session, seq, text)
            if point not in points:
                raise _no_point(session, seq, point)
            numbered.append((seq, Sample(points[point], round, loops, _or_nan(wall_s), _or_nan(cpu_s), items, error)))
    numbered += read_other_records(connection, session)
    numbered.sort(key=itemgetter(0))
    return [record for _, record in numbered]


def read_sample_columns(connection: sqlite3.Connection, session: int) -> dict[str, NDArray[Any]]:
    """The samples in their order, an array for each field of the point and of the sample."""
    import numpy as np

    points = read_points(connection, session)
    _check_samples(connection, session)
    layout = np.dtype([("seq", "i8"), ("point", "i8"), *_SAMPLE_TYPES.items()])
    with closing(_select_samples(connection, session)) as found:
        rows = np.fromiter(found, layout)  # without lists of tuples, which take seconds more
    numbers = np.array(list(points), "i8")
    for row in np.flatnonzero(~np.isin(rows["point"], numbers))[:1]:
        raise _no_point(session, int(rows["seq"][row]), int(rows["point"][row]))
    index = np.searchsorted(numbers, rows["point"])
    columns = {name: _column([column_of(point, name) for point in points.values()])[index] for name in POINT_FIELDS}
    columns |= {name: rows[name].copy() for name in _SAMPLE_TYPES}  # a view would keep all of `rows`
    errors = columns["error"]
    for failed in np.flatnonzero(errors.astype(bool)):  # a JSON text is never empty
        errors[failed] = _error(session, int(rows["seq"][failed]), errors[failed])
    return columns


def _where(table: str, key: Any, session: int) -> str:
    return f"row {repr(key)[:_MOST_SHOWN]} of the {table} of run {session}"


def _point(row: tuple[Any, Any]) -> tuple[int, Point]:
    return _number(row[0]), decode_point(row[1])


def _record(row: tuple[Any, Any]) -> tuple[int, Record]:
    record = decode_checked(row[1])
    if isinstance(record, Failure) and not record.chain:
        raise TypeError("chain is empty")
    return _number(row[0]), _without_pickles(record)


def _number(key: Any) -> int:
    if not isinstance(key, int):
        raise TypeError("no number")
    return key


def _without_pickles(record: Record) -> Record:
    if not isinstance(record, Failure):
        return record
    return replace(record, chain=tuple((None, text, frames) for _, text, frames in record.chain))


def _check_samples(connection: sqlite3.Connection, session: int) -> None:
    """Raise Unreadable for the first sample with a value of another type, which NumPy would convert, or an impossible one."""
    found = connection.execute(_DAMAGED_SAMPLE, (session,)).fetchone()
    if found is not None:
        raise Unreadable(f"{_where('samples', found[0], session)}: {repr(found[1:])[:_MOST_SHOWN]}")


def _no_point(session: int, seq: int, point: int) -> Unreadable:
    return Unreadable(f"{_where('samples', seq, session)}: there is no point {point}")


def _error(session: int, seq: int, text: str) -> str:
    return read_row(_where("samples", seq, session), _text, text)


def _text(value: str) -> str:
    text = json.loads(valid_json(value))
    if not isinstance(text, str):
        raise TypeError("no text")
    return text


def _select_samples(connection: sqlite3.Connection, session: int) -> sqlite3.Cursor:
    columns = f"seq, point, {', '.join(_SAMPLE_TYPES)}"
    return connection.execute(f"SELECT {columns} FROM sample WHERE session = ? ORDER BY seq", (session,))


def _column(values: list[Any]) -> NDArray[Any]:
    """An array of whole numbers or floats, or of objects if there is a text or a None among them."""
    import numpy as np

    kinds = {type(value) for value in values}
    return np.array(values, kinds.pop() if kinds in ({int}, {float}) else object)


def _or_nan(value: float | None) -> float:
    return _NAN if value is None else value
