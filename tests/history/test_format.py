"""What is no history file is left as it is, and one sentence says so; older files are brought up to date once."""

from __future__ import annotations

import json
import math
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pocket_lab.errors import HistoryError
from pocket_lab.history import database, location, schema
from pocket_lab.history.archive import Archive
from pocket_lab.records.leaks import Leftover, MemoryReading
from pocket_lab.records.memory import NodeActivity
from pocket_lab.records.point import Point
from pocket_lab.records.progress import Closed
from pocket_lab.records.samples import Sample

POINT = Point("graph", 10, 2, "threads", "run")
KEPT = [Sample(POINT, 1, 10, 0.25, 0.125, 10), Closed(POINT, "done")]
NEXT_STEP = ("ALTER TABLE session ADD COLUMN note TEXT NOT NULL DEFAULT 'none'", "UPDATE session SET note = upper(name)")
MIGRATE = f"""
import sys, time
from pathlib import Path
from pocket_lab.history import schema
from pocket_lab.history.archive import Archive
schema.STEPS = (*schema.STEPS, {NEXT_STEP!r})
sys.stdin.readline()
with Archive(Path(sys.argv[1])) as archive:
    print(archive.entries()[0].samples)
"""


def fill(path: Path) -> None:
    with Archive(path) as archive:
        session = archive.begin("bench", "old", "graph", {})
        for record in KEPT:
            session.write(record)
        session.close("done")


def ask(path: Path, query: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def change(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        for statement in statements:
            connection.execute(statement).fetchall()
    finally:
        connection.close()


def test_a_new_file_says_whose_it_is(path: Path) -> None:
    fill(path)
    assert ask(path, "PRAGMA application_id") == [(0x504C6162,)]
    assert ask(path, "PRAGMA user_version") == [(len(schema.STEPS),)]
    assert ask(path, "PRAGMA journal_mode") == [("wal",)]
    assert ask(path, "PRAGMA integrity_check") == [("ok",)]


def test_an_empty_file_is_a_new_one(path: Path) -> None:
    path.write_bytes(b"")
    fill(path)
    with Archive(path) as archive:
        assert archive.records(archive.find("old")) == KEPT


def test_what_is_no_database_is_refused_untouched(path: Path) -> None:
    path.write_text("my notes, " * 1_000)
    with pytest.raises(HistoryError, match=r"history\.db is not a SQLite file: move it away, or set POCKET_LAB_HOME"):
        Archive(path)
    assert path.read_text() == "my notes, " * 1_000
    assert os.listdir(path.parent) == ["history.db"]


@pytest.mark.parametrize("statement", ["CREATE TABLE photos (name)", "PRAGMA application_id = 7", "PRAGMA user_version = 1"])
def test_a_file_of_another_application_is_refused_untouched(path: Path, statement: str) -> None:
    change(path, statement)
    before = path.read_bytes()
    with pytest.raises(HistoryError, match=r"history\.db belongs to another application: move it away"):
        Archive(path)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["history.db"]


def test_a_file_of_a_newer_version_is_refused_untouched(path: Path) -> None:
    fill(path)
    change(path, "PRAGMA user_version = 99")
    before = path.read_bytes()
    with pytest.raises(HistoryError, match=rf"has format 99, .* up to {len(schema.STEPS)}: pip install --upgrade pocket-lab"):
        Archive(path)
    assert path.read_bytes() == before


def test_a_damaged_file_is_an_error_not_a_traceback(path: Path) -> None:
    fill(path)
    content = bytearray(path.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(HistoryError, match=r"history\.db is damaged"), Archive(path) as archive:
        archive.records(archive.find("old"))


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("UPDATE record SET line = '[\"Tomorrow\", {}]'", "'Tomorrow'"),
        ('UPDATE record SET line = \'["Caveat", {"colour": 1}]\'', "colour"),
        ("UPDATE record SET line = '[\"Cav'", "no JSON"),
        ("UPDATE point SET fields = '{\"colour\": 1}'", "colour"),
        ("UPDATE session SET options = '{'", "no JSON"),
    ],
)
def test_what_a_newer_version_wrote_is_named_with_the_way_out(path: Path, statement: str, what: str) -> None:
    fill(path)
    change(path, statement)
    words = f"history.db holds what this Pocket Lab cannot read .*{what}.*pip install --upgrade pocket-lab"
    with Archive(path) as archive, pytest.raises(HistoryError, match=words):
        archive.records(archive.find("old"))


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HistoryError, match=r"the folder .*file/lab cannot be made \(NotADirectoryError.*POCKET_LAB_HOME"):
        Archive(tmp_path / "file" / "lab" / "history.db")


def test_a_path_that_is_a_folder_cannot_be_opened(path: Path) -> None:
    path.mkdir()
    with pytest.raises(HistoryError, match=r"history\.db cannot be opened"):
        Archive(path)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that other users may enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="history-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


READ_ONLY = """
import os, sys
from pathlib import Path
import pocket_lab.history.archive as archive, encodings.idna
if os.geteuid() == 0:
    os.seteuid(65534)  # permission bits do not bind root
try:
    archive.Archive(Path(sys.argv[1]))
except archive.HistoryError as error:
    print(error)
"""


@pytest.mark.parametrize("old", [False, True], ids=["new file", "old file"])
def test_a_read_only_folder_is_named_with_the_way_out(folder: Path, old: bool) -> None:
    path = folder / "history.db"
    if old:
        fill(path)
        path.chmod(0o444)
    folder.chmod(0o555)
    done = subprocess.run([sys.executable, "-c", READ_ONLY, str(path)], capture_output=True, text=True, check=True, timeout=60)
    folder.chmod(0o755)
    assert "history.db cannot be" in done.stdout
    assert "allow writing to" in done.stdout
    assert "POCKET_LAB_HOME" in done.stdout
    assert done.stdout.count("\n") == 1
    assert os.listdir(folder) == (["history.db"] if old else [])


def test_a_locked_file_is_waited_for_and_then_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_S", 0.2)
    fill(path)
    other = sqlite3.connect(path, isolation_level=None)
    try:
        with Archive(path) as archive:
            session = archive.begin("bench", "a", "graph", {})
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(HistoryError, match=r"another process keeps .*history\.db locked"):
                session.write(KEPT[0])
            with pytest.raises(HistoryError, match="locked"):
                archive.tag(archive.find("old"), "late")
            other.execute("ROLLBACK")
            session.write(KEPT[0])
            assert archive.records(archive.find("a")) == [KEPT[0]]
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(HistoryError, match="locked"):
            Archive(path)
    finally:
        other.close()


def test_a_file_of_the_first_format_comes_back_under_the_present_names(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    point = '{"target": "graph", "size": 10, "workers": 2, "executor": "threads", "drive": "run", "rate": null}'
    quoted = json.dumps('a "place": "" b')  # a name that looks like the renamed field
    rest = '"node": "n", "function": "f", "file": "x.py", "line": 3, "place": "worker"}]'
    lines = [
        ("Busy", f'["Busy", {{"point": {point}, "node": "Busy", "start_s": 0.5, "end_s": 1.5}}]'),
        ("Leftover", f'["Leftover", {{"point": {point}, "run": 1, "kind": "file", "name": {quoted}, {rest}'),
        (
            "MemoryReading",
            f'["MemoryReading", {{"point": {point}, "run": 1, "place": "", "blocks": 1, "heap_bytes": null, "rss_bytes": 2}}]',
        ),
    ]
    with monkeypatch.context() as first:
        first.setattr(schema, "STEPS", schema.STEPS[:1])
        fill(path)
    line = '%pocket_bench graph --input "asked"'
    change(path, f"UPDATE session SET options = '{json.dumps({'sweep': {'budget_s': math.inf}, 'asked': line})}'")
    for number, (kind, text) in enumerate(lines):
        change(path, f"INSERT INTO record (session, seq, kind, line) VALUES (1, {90 + number}, '{kind}', '{text}')")
    with Archive(path) as archive:
        entry = archive.find("old")
        *_, activity, leftover, reading = archive.records(entry)
    assert activity == NodeActivity(POINT, "Busy", 0.5, 1.5)
    assert leftover == Leftover(POINT, 1, "file", 'a "place": "" b', "n", "f", "x.py", 3, "worker")
    assert reading == MemoryReading(POINT, 1, "main", 1, None, 2)
    assert entry.options == {"sweep": {"budget_s": math.inf}, "command_line": line}


def test_points_that_were_stored_before_there_were_parameters_have_none(path: Path) -> None:
    fill(path)
    stored = [json.loads(str(text)) for (text,) in ask(path, "SELECT fields FROM point")]
    assert stored == [{"target": "graph", "size": 10, "workers": 2, "executor": "threads", "drive": "run", "rate": None}]
    with Archive(path) as archive:
        entry = archive.find("old")
        assert [record.point for record in archive.records(entry) if isinstance(record, Sample | Closed)] == [POINT, POINT]
        assert archive.sample_columns(entry)["params"].tolist() == [""]
    assert POINT.params == ()


def test_an_older_file_gets_the_missing_step_and_keeps_its_data(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(path)
    monkeypatch.setattr(schema, "STEPS", (*schema.STEPS, NEXT_STEP))
    for _ in range(2):
        with Archive(path) as archive:
            assert archive.records(archive.find("old")) == KEPT
    assert ask(path, "SELECT name, note FROM session") == [("old", "OLD")]
    assert ask(path, "PRAGMA user_version") == [(len(schema.STEPS),)]


def test_a_step_that_fails_leaves_the_older_file_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(path)
    steps = schema.STEPS
    monkeypatch.setattr(schema, "STEPS", (*steps, (NEXT_STEP[0], "UPDATE nowhere SET x = 1")))
    with pytest.raises(HistoryError, match=r"history\.db cannot be used \(no such table: nowhere\)"):
        Archive(path)
    assert ask(path, "PRAGMA user_version") == [(len(steps),)]
    monkeypatch.setattr(schema, "STEPS", steps)
    with Archive(path) as archive:
        assert archive.records(archive.find("old")) == KEPT


def test_processes_that_bring_one_file_up_to_date_at_once_do_it_once(path: Path) -> None:
    fill(path)
    command = [sys.executable, "-c", MIGRATE, str(path)]
    pipe = subprocess.PIPE
    movers = [subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) for _ in range(4)]
    for mover in movers:
        assert mover.stdin is not None
        mover.stdin.write("go\n")
        mover.stdin.flush()
    ends = [mover.communicate(timeout=120) for mover in movers]
    assert ends == [("1\n", "")] * 4
    assert ask(path, "SELECT name, note FROM session") == [("old", "OLD")]
    assert ask(path, "PRAGMA user_version") == [(len(schema.STEPS) + 1,)]


MOUNTS = r"""22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
31 22 0:26 / /home rw - nfs4 server:/home rw
32 31 254:1 / /home/me/local rw shared:1 - xfs /dev/vdb rw
33 22 0:40 / /mnt/my\040drive rw - fuse.sshfs me@host: rw
34 22 0:41 / /data rw - ext4 /dev/vdc rw
35 34 0:42 / /data rw - cifs //host/share rw
36 22 0:43 / /merged rw - fuse.fuse-overlayfs x rw
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/", None),
        ("/homestead", None),
        ("/home/me", "nfs4"),
        ("/home/me/local/share", None),
        ("/mnt/my drive/lab", "fuse.sshfs"),
        ("/data/lab", "cifs"),
        ("/merged/lab", None),
    ],
)
def test_the_innermost_mount_tells_whether_a_folder_is_on_the_network(
    folder: str, kind: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mountinfo").write_text(MOUNTS)
    monkeypatch.setattr(location, "_MOUNTS", tmp_path / "mountinfo")
    assert location.shared_file_system(Path(folder) / "history.db") == kind
    monkeypatch.setattr(location, "_MOUNTS", tmp_path / "absent")
    assert location.shared_file_system(Path(folder) / "history.db") is None


def test_on_the_network_there_is_no_log_in_shared_memory_and_a_caveat(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(path)
    monkeypatch.setattr(database, "shared_file_system", lambda _: "nfs4")
    with Archive(path) as archive:
        (caveat,) = archive.caveats
        assert caveat.code == "history-journal"
        assert "network file system (nfs4)" in caveat.message
        assert archive._database._connection is not None
        assert archive._database._connection.execute("PRAGMA synchronous").fetchone() == (2,)
        session = archive.begin("bench", "a", "graph", {})
        for record in KEPT:
            session.write(record)
        assert archive.records(archive.find("a")) == archive.records(archive.find("old")) == KEPT
        assert not Path(f"{path}-wal").exists()
    assert ask(path, "PRAGMA journal_mode") == [("delete",)]
    monkeypatch.undo()
    with Archive(path) as archive:
        assert archive.caveats == ()


def test_the_file_is_where_the_environment_says_or_else_in_the_users_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("POCKET_LAB_HOME", "~/lab")
    with Archive() as archive:
        assert archive.path == tmp_path / "lab" / "history.db"
        assert archive.path.exists()
    monkeypatch.delenv("POCKET_LAB_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    expected = "Library/Application Support" if sys.platform == "darwin" else "data"
    assert location.default_path() == tmp_path / expected / "pocket-lab" / "history.db"
