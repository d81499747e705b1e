"""History files that are damaged in every way that there is, for the tests and for tests/benchmarks/damage.py.

`make_history` writes a whole one with a run of every verb, `DAMAGES` are functions that damage a copy of it by a random number
generator, and `use` does with it what people do, and returns each sentence that they read.
"""

from __future__ import annotations

import base64
import json
import os
import pickle
import random
import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from pocket_lab import History, HistoryError, UsageError
from pocket_lab.executors.outcome import pack_error
from pocket_lab.history.archive import Archive
from pocket_lab.lab.runs.recording import Recording
from pocket_lab.lab.runs.resumable import find_resumable
from pocket_lab.measure.environment import read_environment
from pocket_lab.measure.sweep import Sweep
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.leaks import MAIN, Leftover, MemoryReading
from pocket_lab.records.memory import HeapPoint, LineMemory, NodeActivity, NodeMemory, RunMemory
from pocket_lab.records.point import Point
from pocket_lab.records.progress import Closed, Failure, Forecast, Planned
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Block, Latency, Metric, Probe, Reference, Sample, Waits
from pocket_lab.records.sources import LineCost, Source, Stack
from pocket_lab.records.spans import NodeTime, Span, Traced

Damage = Callable[[Path, random.Random], None]
POINTS = tuple(Point("graph", size, 1, "serial", "run") for size in (10, 100, 1000, 10_000))
POINT, FAILED = POINTS[0], POINTS[-1]
LOADED = Point("graph", 10, 2, "threads", "load", 50.0)
OTHER = Point("other", 10, 1, "serial", "run")
PAGE = 4096


class Bomb:
    """An object whose pickle, where it is loaded, makes the file that the variable DAMAGE_MARK names."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (eval, ("open(__import__('os').environ['DAMAGE_MARK'], 'w').close()",))


PICKLED = pickle.dumps(Bomb())
BOMB = base64.b64encode(PICKLED).decode("ascii")
VALUES: tuple[Any, ...] = (
    *(
        "",
        "text",
        "\x1b[2Jx",
        "null",
        "[]",
        "{}",
        "[1]",
        '{"sweep": 5}',
        '["Caveat", 5]',
        "[" * 50_000,
        '"\\ud800"',
        "12",
        BOMB,
    ),
    *(b"", b"\xff\xfe\x80", PICKLED, 0, 1, -1, 2.5, 2**63 - 1, -(2**63), 1e308, -1e308, 9e999, 5e-324),
)
JSON_VALUES: tuple[Any, ...] = (
    *(None, True, "", "text", "\x1b[31m", "\ud800", BOMB, 0, -1, 3, 2.5, 10**30, 1e308, -1e308, float("inf"), float("nan")),
    *([], [[]], [1], [["a", 1]], {}, {"a": 1}, {"target": "x"}, [None, "x", []]),
)
ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT "
TABLES = {
    "session": ("verb", "name", "target", "options", "version", "started_at", "ended_at", "status", "samples"),
    "tag": ("tag",),
    "point": ("number", "fields"),
    "sample": ("seq", "point", "round", "loops", "wall_s", "cpu_s", "items", "error"),
    "record": ("seq", "kind", "line"),
}
FORGED = (
    f"CREATE VIEW v AS {ENDLESS} x FROM c",
    f"DROP TABLE tag; CREATE VIEW tag AS {ENDLESS} x AS session, 'a' AS tag FROM c",
    f"CREATE TRIGGER t AFTER INSERT ON session BEGIN INSERT INTO tag {ENDLESS} x, 'a' FROM c; END",
    "CREATE TRIGGER t AFTER INSERT ON session BEGIN DELETE FROM session; END",
    "CREATE TRIGGER t AFTER INSERT ON sample BEGIN SELECT RAISE(FAIL, 'a\n\x1b[2Jb'); END",
    "CREATE INDEX i ON sample (length(hex(zeroblob(1000))) || wall_s)",
    "CREATE UNIQUE INDEX i ON session (verb)",
    "CREATE TABLE extra (x REFERENCES session ON DELETE CASCADE)",
    "DROP TABLE point",
    "DROP TABLE record",
    "DROP INDEX session_by_name",
    "ALTER TABLE session RENAME COLUMN options TO choices",
    "ALTER TABLE session ADD COLUMN more DEFAULT 'x'",
    "ALTER TABLE sample RENAME TO samples",
    "PRAGMA user_version = 0",
    "PRAGMA user_version = 1",
    "PRAGMA user_version = -5",
    "PRAGMA user_version = 2147483647",
    "PRAGMA application_id = 1",
    "DROP TABLE session; CREATE TABLE session (id INTEGER PRIMARY KEY, verb, name, target, options, version, started_at, "
    "ended_at, status, samples); INSERT INTO session VALUES (1, 'bench', x'ff', 5, '[', 1, 'soon', 'late', 7, 'many')",
    "DROP TABLE sample; CREATE TABLE sample (session, seq, point, round, loops, wall_s, cpu_s, items, error)",
)


def make_history(path: Path) -> None:
    """Write a history with a run of each verb, all of them whole, whose tables have a few pages each."""
    with Archive(path) as archive:
        for verb, records in _runs().items():
            options = {"sweep": {"precision": 0.02, "drive": "run", "rate": None}, "command_line": f"%pocket_{verb} graph"}
            session = archive.begin(verb, verb, "graph", {**options, "code": "abc", "margin": 0.01})
            for record in records:
                session.write(record)
            session.note("machine", {"reference_s": 1e-3, "where": "here"})
            session.close("done")
        archive.tag(archive.find("bench"), "kept", "release")


def _runs() -> dict[str, list[Record]]:
    noise = random.Random(5)

    def timed(point: Point, number: int, factor: float = 1.0) -> Sample:
        run_s = factor * 1e-4 * (point.size or 1) * noise.lognormvariate(0, 0.02)
        return Sample(point, number, 2, 2 * run_s, 2 * run_s, 2)

    failure = Failure(FAILED, pack_error(ValueError("no")))
    bench: list[Record] = [read_environment(), Planned((*POINTS, LOADED), 1.0), Probe(POINT), Forecast(5, 4, 9.0, 1.0)]
    for number in range(30):
        bench += [timed(point, number) for point in POINTS[:-1]]
        bench += [Latency(LOADED, number, ((-900, 3), (-890, 2)), 1, 1), Sample(LOADED, number, 5, 0.1, 0.01, 5)]
        bench += [Reference(number, 0.1 * number, 1e-3, 1e-3, 1e-3), Metric(POINT, "node", "hits", 1.0, "", number)]
    bench += [
        failure,
        Sample(FAILED, 0, 0, float("nan"), float("nan"), 0, "ValueError: no"),
        Caveat("drift", "it drifts", POINT),
    ]
    bench += [Waits(point, 30, 1.0, 1.0, 0.0, 3) for point in POINTS[:-1]]
    bench += [NodeTime(POINT, name, 3, 0.5, 0.5, 0.0, 0) for name in ("one", "two")]
    bench += [Closed(point, "done") for point in POINTS[:-1]] + [Closed(FAILED, "failed"), Closed(LOADED, "budget")]
    pairs: list[Record] = [Planned((POINT, OTHER), 1.0)]
    for block in range(1, 12):
        pairs += [Block(block), *(timed(point, n, f) for n in range(1, 5) for point, f in ((POINT, 1.0), (OTHER, 1.1)))]
    pairs += [
        Waits(POINT, 40, 1.0, 1.0, 0.0, 3),
        Waits(OTHER, 40, 1.0, 1.0, 0.0, 3),
        Closed(POINT, "done"),
        Closed(OTHER, "done"),
    ]
    stack = [Stack(POINT, name, ((name, "a.py", 1), ("inner", "b.py", 2)), 1.5, "s", 3) for name in ("one", "two")]
    source = Source("a.py", 1, ("def one(x):", "    return x"))
    memory: list[Record] = [source, RunMemory(POINT, 900, 5, 2000, 1, 0, wall_s=1.0), NodeActivity(POINT, "one", 0.1, 0.9)]
    memory += [
        NodeMemory(POINT, "one", 900, 950, 900, 5, 2000, 1, 0),
        LineMemory(POINT, "one", "a.py", 2, 5, 2000, 900, 900, 1, 0),
    ]
    memory += [HeapPoint(POINT, 0.1 * n, 100 * n, 1000 * n) for n in range(9)] + [
        Stack(POINT, "one", (("one", "a.py", 2),), 9.0, "B")
    ]
    spans: list[Record] = [Traced(POINT, 1.0, 2, 0.0, 0.0)]
    spans += [
        Span(POINT, 0, n, None, f"n{n}", "exec", "default", 0.1 * n, 0.1 * n + 0.1, "main", None, 1, "ok") for n in range(9)
    ]
    left: list[Record] = [Leftover(POINT, run, "thread", "t", "one", "one", "a.py", 1, MAIN) for run in range(1, 9)]
    left += [MemoryReading(POINT, run, MAIN, 100 + run, 100, 100) for run in range(9)]
    closed = Closed(POINT, "done")
    lines: list[Record] = [source, LineCost(POINT, "one", "a.py", 2, 5, 0.5)]
    profiles = {"memory": memory, "cpu": [*stack], "lines": lines, "trace": spans, "leaks": left}
    return {"bench": bench, "compare": pairs, **{verb: [*some, failure, closed] for verb, some in profiles.items()}}


def flip_bytes(path: Path, random: random.Random) -> None:
    """A few bytes anywhere, or many on one page."""
    content = bytearray(path.read_bytes())
    first, last = 0, len(content)
    if random.random() < 0.5:
        first = PAGE * random.randrange(last // PAGE)
        last = first + PAGE
    for _ in range(random.choice((1, 1, 2, 8, 64))):
        content[random.randrange(first, last)] = random.randrange(256)
    path.write_bytes(content)


def flip_schema(path: Path, random: random.Random) -> None:
    """A byte of the texts of the schema, or of the header."""
    content = bytearray(path.read_bytes())
    used = [index for index in range(PAGE) if content[index]]
    content[random.choice(used)] = random.randrange(256)
    path.write_bytes(content)


def truncate(path: Path, random: random.Random) -> None:
    """Only the beginning, or with a hole, or with more behind it."""
    content = path.read_bytes()
    cut = random.randrange(len(content))
    kinds = (
        content[:cut],
        content[:cut] + bytes(len(content) - cut),
        content[:cut] + content[cut // PAGE * PAGE :],
        content * 2,
    )
    path.write_bytes(random.choice(kinds))


def move_pages(path: Path, random: random.Random) -> None:
    """Pages that are copies of others, and pointers to pages that form circles."""
    content = bytearray(path.read_bytes())
    pages = len(content) // PAGE
    for _ in range(random.choice((1, 1, 4))):
        one, other = random.randrange(pages), random.randrange(1, pages)
        if random.random() < 0.5:
            content[other * PAGE : (other + 1) * PAGE] = content[one * PAGE : (one + 1) * PAGE]
        else:  # an interior page of a table, all of whose children are one page
            start = other * PAGE
            content[start : start + 12] = bytes((random.choice((2, 5)), 0, 0, 0, 9, 4, 0, 0, *(one + 1).to_bytes(4, "big")))
            for cell in range(9):
                at = PAGE - 8 * (cell + 1)
                content[start + 12 + 2 * cell : start + 14 + 2 * cell] = at.to_bytes(2, "big")
                content[start + at : start + at + 5] = (*(random.choice((one, other)) + 1).to_bytes(4, "big"), cell + 1)
    path.write_bytes(content)


def change_values(path: Path, random: random.Random) -> None:
    """Values of other types, of every size, in random columns of random rows."""
    with _opened(path) as connection:
        for _ in range(random.choice((1, 1, 3))):
            table = random.choice(list(TABLES))
            column, value = random.choice(TABLES[table]), random.choice(VALUES)
            key, (row,) = _row(connection, table, random)
            with suppress(sqlite3.Error, OverflowError):
                connection.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (value, row))


def change_fields(path: Path, random: random.Random) -> None:
    """Valid JSON with fields of other types, other names, none or more than there are."""
    with _opened(path) as connection:
        for _ in range(random.choice((1, 1, 3))):
            table, column = random.choice((("record", "line"), ("record", "line"), ("point", "fields"), ("session", "options")))
            key, (row,) = _row(connection, table, random)
            ((text,),) = connection.execute(f"SELECT {column} FROM {table} WHERE {key} = ? LIMIT 1", (row,))
            with suppress(ValueError, TypeError):
                changed = _changed(json.loads(text), random)
                connection.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (json.dumps(changed), row))


def forge_schema(path: Path, random: random.Random) -> None:
    """Tables, views and triggers that Pocket Lab did not make, some without an end."""
    with _opened(path) as connection, suppress(sqlite3.Error):
        connection.executescript(random.choice(FORGED))


def plant_pickles(path: Path, random: random.Random) -> None:
    """A pickle that runs code, and expressions, wherever there is a text."""
    link = [BOMB, "Bomb: x", [["/dev/zero", 1, "f"], ["/dev/stdin", 2, "g"]]]
    failed = json.dumps(["Failure", {"point": None, "chain": [link, link]}])
    code = "open(__import__('os').environ['DAMAGE_MARK'], 'w').close()"
    with _opened(path) as connection:
        connection.execute("UPDATE record SET line = ? WHERE kind = 'Failure'", (failed,))
        if random.random() < 0.7:
            connection.execute(
                "UPDATE session SET options = ?", (json.dumps({"command_line": f"%pocket_bench {code} -i {code}"}),)
            )
        table = random.choice(list(TABLES))
        for column in TABLES[table]:
            if random.random() < 0.3:
                with suppress(sqlite3.Error):
                    connection.execute(f"UPDATE {table} SET {column} = ?", (random.choice((BOMB, PICKLED, code)),))


DAMAGES: tuple[Damage, ...] = (
    flip_bytes,
    flip_schema,
    truncate,
    move_pages,
    change_values,
    change_fields,
    forge_schema,
    plant_pickles,
)


def use(home: Path, random: random.Random) -> Iterator[str]:
    """Measure, list, load, show, resume and delete with the history of that folder; the sentences of all errors and caveats."""
    os.environ["POCKET_LAB_HOME"] = str(home)
    recording = Recording("bench", "new", "graph", {"sweep": {}})
    with recording:
        for record in (Planned((POINT,), 1.0), Sample(POINT, 0, 1, 0.1, 0.1, 1), Caveat("drift", "x"), Closed(POINT, "done")):
            recording.keep(record)
    yield from (caveat.message for caveat in recording.caveats)
    try:
        history = History()
        frame = history.frame
        assert str(history)
    except HistoryError as error:
        yield str(error)
        return
    if recording.run is not None:
        assert recording.run in set(frame["id"])
    shown = random.choice(frame["id"].tolist()) if len(frame) else None
    for number in frame["id"].tolist():
        try:
            result = history.load(number)
        except HistoryError as error:
            yield str(error)
            continue
        assert result.failures is not None
        assert str(result.error) is not None
        if number == shown:
            assert str(result)
            assert random.random() > 0.1 or result.to_html()
    if random.random() < 0.2:
        try:
            find_resumable("bench", Sweep(), "abc")
        except (HistoryError, UsageError) as error:
            yield str(error)
    with suppress(HistoryError):
        history.delete(random.choice(frame["id"].tolist()))


def is_sentence(text: str) -> bool:
    """Whether it is one line of printable text of a length that is read."""
    return text.isprintable() and 10 < len(text) < 700 and "Traceback" not in text


def watch_pickles() -> list[str]:
    """A list to which each class that any pickle asks for is added, from now on."""
    found: list[str] = []

    def hook(event: str, arguments: Sequence[Any]) -> None:
        if event == "pickle.find_class":
            found.append(".".join(map(str, arguments)))

    sys.addaudithook(hook)
    return found


def _changed(value: Any, random: random.Random) -> Any:
    """The JSON value with one part of it replaced, removed or added."""
    parts = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    if not parts or random.random() < 0.2:
        return random.choice(JSON_VALUES)
    key = random.choice(parts)
    kind = random.random()
    if kind < 0.8:
        value[key] = _changed(value[key], random)
    elif kind < 0.9:
        del value[key]
    elif isinstance(value, dict):
        value["colour"] = random.choice(JSON_VALUES)
    else:
        value.append(random.choice(JSON_VALUES))
    return value


def _opened(path: Path) -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(path, isolation_level=None))


def _row(connection: sqlite3.Connection, table: str, random: random.Random) -> tuple[str, tuple[Any, ...]]:
    """The name of a key of a table and its value in a random row."""
    key = {"session": "id", "tag": "tag", "point": "number"}.get(table, "seq")
    rows = connection.execute(f"SELECT DISTINCT {key} FROM {table}").fetchall()
    return key, random.choice(rows) if rows else (0,)
