"""What a file contains is checked: a damaged row is named, a forged file is refused, nothing in it runs."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from damaged import BOMB, DAMAGES, ENDLESS, FORGED, PICKLED, POINT, flip_schema, is_sentence, make_history, plant_pickles, use
from hypothesis import given, settings
from hypothesis import strategies as st

from pocket_lab import History, HistoryError, StoredError
from pocket_lab.executors.outcome import chain, user_frames
from pocket_lab.history.archive import Archive
from pocket_lab.history.entry import UNREADABLE
from pocket_lab.lab.load_stored import stored_bench
from pocket_lab.lab.runs.recording import Recording
from pocket_lab.records.progress import Failure
from pocket_lab.records.samples import Sample
from pocket_lab.view.text.failure import render_failure


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "history.db"
    make_history(path)
    return path


@pytest.fixture
def copy(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file to damage, which is the history of this test."""
    monkeypatch.setenv("POCKET_LAB_HOME", str(tmp_path))
    monkeypatch.setenv("DAMAGE_MARK", str(tmp_path / "mark"))
    return Path(shutil.copy(whole, tmp_path / "history.db"))


def change(path: Path, script: str, *values: Any) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(script, values) if values else connection.executescript(script)


def recorded() -> tuple[int | None, list[str]]:
    """The number of a run that is recorded in the history, and its caveats."""
    with Recording("bench", "new", "graph", {}) as recording:
        recording.keep(Sample(POINT, 0, 1, 0.1, 0.1, 1))
    return recording.run, [caveat.message for caveat in recording.caveats]


def test_the_whole_file_is_used_without_a_word(copy: Path) -> None:
    texts = list(use(copy.parent, random.Random(1)))
    assert texts == []
    assert len(History().frame) == 7


@settings(max_examples=12)
@given(damage=st.sampled_from(DAMAGES), seed=st.integers(0, 2**32))
def test_a_damaged_file_is_one_sentence_for_each_use_and_runs_nothing(whole: Path, damage: Any, seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        home = Path(folder)
        patch.setenv("POCKET_LAB_HOME", folder)
        patch.setenv("DAMAGE_MARK", str(home / "mark"))
        noise = random.Random(seed)
        damage(Path(shutil.copy(whole, home / "history.db")), noise)
        texts = list(use(home, noise))
        assert [text for text in texts if not is_sentence(text)] == []
        assert not (home / "mark").exists()


@pytest.mark.parametrize("seed", range(8))
def test_a_damaged_schema_stops_no_measurement(copy: Path, seed: int) -> None:
    flip_schema(copy, random.Random(seed))
    run, caveats = recorded()
    assert len(caveats) == (1 if run is None else 0)
    assert all(str(copy) in text and is_sentence(text) for text in caveats)


def test_a_byte_that_is_no_unicode_in_the_schema_is_a_damaged_file(copy: Path) -> None:
    content = copy.read_bytes()
    assert content.count(b"CREATE TABLE sample") == 1
    copy.write_bytes(content.replace(b"CREATE TABLE sample", b"CREATE TABLE s\xffmple"))
    with pytest.raises(HistoryError, match=r"history\.db is damaged: put a copy of it back") as caught:
        History()
    assert recorded() == (None, [f"not stored in the history from this record on: {caught.value}"])


@pytest.mark.parametrize(
    ("script", "values", "row"),
    [
        (
            "UPDATE record SET line = ? WHERE session = 1 AND kind = 'Caveat'",
            ('["Caveat", {"code": 5, "message": "x"}]',),
            "records",
        ),
        ("UPDATE record SET line = ? WHERE session = 1 AND kind = 'Caveat'", (b"\xff\x00",), "records"),
        ("UPDATE record SET line = ? WHERE session = 1 AND kind = 'Caveat'", ("[" * 100_000,), "records"),
        ("UPDATE record SET line = ? WHERE session = 1 AND kind = 'Planned'", ('["Planned", 5]',), "records"),
        (
            "UPDATE record SET line = ? WHERE session = 1 AND kind = 'Failure'",
            ('["Failure", {"point": null, "chain": [[]]}]',),
            "records",
        ),
        (
            "UPDATE record SET line = ? WHERE session = 1 AND kind = 'Failure'",
            ('["Failure", {"point": null, "chain": []}]',),
            "records",
        ),
        ("UPDATE point SET fields = ? WHERE session = 1 AND number = 1", ('{"target": "x"}',), "points"),
        ("UPDATE point SET fields = ? WHERE session = 1 AND number = 1", (5,), "points"),
        ("UPDATE point SET fields = replace(fields, '10', ?) WHERE session = 1", ('"10"',), "points"),
        ("UPDATE sample SET loops = ? WHERE session = 1 AND round = 3", ("many",), "samples"),
        ("UPDATE sample SET wall_s = ? WHERE session = 1 AND round = 3", (b"\x01",), "samples"),
        ("UPDATE sample SET wall_s = ? WHERE session = 1 AND round = 3", (-0.25,), "samples"),
        ("UPDATE sample SET wall_s = ? WHERE session = 1 AND round = 3", (1e300,), "samples"),
        ("UPDATE sample SET wall_s = ? WHERE session = 1 AND round = 3", (0.0,), "samples"),
        ("UPDATE sample SET cpu_s = ? WHERE session = 1 AND round = 3", (-1,), "samples"),
        ("UPDATE sample SET loops = ? WHERE session = 1 AND round = 3", (-1,), "samples"),
        ("UPDATE sample SET items = ? WHERE session = 1 AND round = 3", (-1,), "samples"),
        ("UPDATE sample SET point = ? WHERE session = 1 AND round = 3", (99,), "samples"),
        ("UPDATE sample SET error = ? WHERE session = 1 AND round = 3", ("[",), "samples"),
        ("UPDATE sample SET error = ? WHERE session = 1 AND round = 3", ("[5]",), "samples"),
        ("UPDATE session SET options = ? WHERE id = 1", ("[]",), "runs"),
        ("UPDATE session SET started_at = ? WHERE id = 1", ("soon",), "runs"),
        ("UPDATE session SET started_at = ? WHERE id = 1", (1e300,), "runs"),
        ("UPDATE session SET target = ? WHERE id = 1", (b"\xff",), "runs"),
    ],
)
def test_a_damaged_row_is_named_and_the_other_runs_are_there(
    copy: Path, script: str, values: tuple[Any, ...], row: str
) -> None:
    change(copy, script, *values)
    history = History()
    for read in (history.load, lambda key: _records(copy, key)):
        with pytest.raises(
            HistoryError, match=rf"history\.db holds .* cannot read \(row \d+ of the {row}.*delete the run"
        ) as caught:
            read(1)
        assert is_sentence(str(caught.value))
    assert str(history.load(2))
    assert recorded()[1] == []
    history.delete(1)
    assert 1 not in set(history.frame["id"])


def _records(path: Path, key: int) -> None:
    with Archive(path) as archive:
        archive.records(archive.find(key))


def test_records_that_make_no_sense_together_are_no_result(copy: Path) -> None:
    change(copy, "UPDATE record SET line = replace(line, '-900', '90000000000') WHERE session = 1 AND kind = 'Latency'")
    with pytest.raises(
        HistoryError, match=r'no result can be made of run 1, "bench", of .*history\.db \(OverflowError: '
    ) as caught:
        History().load(1)
    assert is_sentence(str(caught.value))
    assert isinstance(caught.value.__cause__, OverflowError)


def test_a_long_text_of_the_file_is_cut_in_every_sentence(copy: Path) -> None:
    change(copy, f"UPDATE session SET name = '{'[' * 50_000}'; UPDATE session SET verb = '{'v' * 50_000}' WHERE id = 3")
    change(copy, "UPDATE session SET options = '{\"margin\": []}' WHERE id = 2")
    for key in (2, 3, 99, "[" * 40_000):
        with pytest.raises(HistoryError) as caught:
            History().load(key)
        assert is_sentence(str(caught.value))


def test_spans_without_their_trace_are_left_out(copy: Path) -> None:
    change(copy, "DELETE FROM record WHERE kind = 'Traced'")
    assert History().load("trace").frame.empty


def test_a_run_whose_own_row_is_damaged_is_in_the_list_and_has_no_speed(copy: Path) -> None:
    change(
        copy,
        "UPDATE session SET started_at = 'soon' WHERE id = 1; UPDATE session SET options = '{\"machine\": 5}' WHERE id = 2",
    )
    frame = History().frame.set_index("id")
    assert (frame.at[1, "name"], frame.at[1, "status"]) == ("bench", UNREADABLE)
    assert "unreadable" in str(History())
    with pytest.raises(HistoryError, match="row 1 of the runs"):
        stored_bench("bench")
    assert frame["reference_s"].isna()[[1, 2]].all()
    with pytest.raises(HistoryError, match=r'run 2, "compare", cannot be read, since its option machine is 5'):
        History().load(2)


@pytest.mark.parametrize("script", FORGED[1:7])
def test_a_forged_table_is_refused_before_it_is_used(copy: Path, script: str) -> None:
    change(copy, script)
    before = copy.read_bytes()
    with pytest.raises(
        HistoryError,
        match=r"history\.db is damaged \((its \w+ '\w+' is not one that Pocket Lab made|it has no \w+ '\w+')\): put a copy",
    ):
        History()
    assert copy.read_bytes() == before
    run, (caveat,) = recorded()
    assert run is None
    assert "is damaged (it" in caveat


@pytest.mark.parametrize(
    "row",
    [
        ("trigger", "sqlite_t", "notes", "CREATE TRIGGER sqlite_t AFTER INSERT ON session BEGIN DELETE FROM session; END"),
        ("trigger", "session", "session", "CREATE TRIGGER session AFTER INSERT ON session BEGIN DELETE FROM session; END"),
        ("trigger", "t", "notes", "CREATE TRIGGER t AFTER INSERT ON session BEGIN DELETE FROM session; END"),
    ],
)
def test_a_trigger_that_hides_behind_a_name_is_refused(copy: Path, row: tuple[str, ...]) -> None:
    change(copy, "CREATE TABLE notes (x)")
    with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "INSERT INTO sqlite_master (rowid, type, name, tbl_name, rootpage, sql) VALUES (-1, ?, ?, ?, 0, ?)", row
        )
    with pytest.raises(HistoryError, match=r"history\.db is damaged"):
        History()
    assert recorded()[0] is None


def test_what_somebody_has_added_to_the_file_does_no_harm(copy: Path) -> None:
    change(copy, f"{FORGED[0]}; CREATE TABLE notes (x); ANALYZE")
    assert recorded()[1] == []
    assert len(History().frame) == 8


def test_pages_that_lead_in_a_circle_are_a_damaged_file(copy: Path) -> None:
    with closing(sqlite3.connect(copy)) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'record'").fetchone()
    content = bytearray(copy.read_bytes())
    start = (root - 1) * 4096
    assert content[start] == 2  # an interior page of an index, as a table without row ids has
    for cell in range(int.from_bytes(content[start + 3 : start + 5], "big")):
        at = start + int.from_bytes(content[start + 12 + 2 * cell : start + 14 + 2 * cell], "big")
        content[at : at + 4] = root.to_bytes(4, "big")
    copy.write_bytes(content)
    with pytest.raises(HistoryError, match=r"history\.db is damaged: put a copy of it back"):
        _records(copy, 1)


def test_a_statement_that_takes_more_steps_than_the_file_has_rows_is_ended(archive: Archive) -> None:
    with (
        pytest.raises(HistoryError, match=r"history\.db is damaged: put a copy of it back"),
        archive._database.transaction("DEFERRED") as connection,
    ):
        connection.execute(f"{ENDLESS} count(*) FROM c").fetchone()
    assert archive.entries() == []


def test_samples_that_are_gone_are_noticed(copy: Path) -> None:
    change(copy, "DELETE FROM sample WHERE session = 1 AND round = 7")
    for read in (History().load, lambda key: _records(copy, key)):
        with pytest.raises(HistoryError, match=r"the samples of run 1: \d+ of \d+ are there"):
            read(1)


def test_a_planted_pickle_is_not_loaded_and_the_error_is_its_text(copy: Path) -> None:
    plant_pickles(copy, random.Random(3))
    change(copy, "UPDATE session SET options = '{}'")
    link = [BOMB, "Bomb: planted", [["/dev/zero", 1, "f"]]]
    for value in (BOMB, PICKLED.hex()):
        link[0] = value
        line = json.dumps(["Failure", {"point": None, "chain": [["", "NodeError: outer", []], link]}])
        change(copy, "UPDATE record SET line = ? WHERE kind = 'Failure'", line)
        loaded = History().load("memory")
        error = loaded.error
        assert isinstance(error, StoredError)
        assert [(link.type, str(link)) for link in chain(error)] == [  # type: ignore[attr-defined]
            ("NodeError", "NodeError: outer"),
            ("Bomb", "Bomb: planted"),
        ]
        assert render_failure(error) == [
            "Traceback (most recent call last):",
            '  File "/dev/zero", line 1, in f',
            "Bomb: planted",
            "NodeError: outer",
        ]
        assert [record.chain[1][0] for record in loaded.records if isinstance(record, Failure)] == [None]
    assert not (copy.parent / "mark").exists()


def test_an_error_is_kept_as_type_text_and_frames_without_its_pickle(copy: Path) -> None:
    with Archive(copy) as archive:
        records = archive.records(archive.find("bench"))
    (failure,) = [record for record in records if isinstance(record, Failure)]
    assert failure.chain == ((None, "ValueError: no", ()),)
    with closing(sqlite3.connect(copy)) as connection:
        lines = [line for (line,) in connection.execute("SELECT line FROM record WHERE kind = 'Failure'")]
    assert all('[null, "ValueError: no", []]' in line for line in lines)
    error = History().load("bench").error
    assert (str(error), user_frames(error)) == ("ValueError: no", ()) if error else False


def test_a_name_that_is_no_unicode_is_kept_found_and_tagged(path: Path) -> None:
    name = "caf\udce9"
    with Archive(path) as archive:
        archive.begin("bench", name, name, {}).close("done")
        entry = archive.tag(archive.find(name), "t\udce9")
        assert (entry.name, entry.target, entry.tags) == (r"caf\udce9", r"caf\udce9", (r"t\udce9",))
        assert archive.untag(entry, "t\udce9").tags == ()
        assert archive.rename(entry, "a\udc80").name == r"a\udc80"


def test_on_the_command_line_a_damaged_file_is_one_line() -> None:
    error = HistoryError("the file is damaged: move it away")
    error.__cause__ = sqlite3.DatabaseError("database disk image is malformed")
    assert render_failure(error) == ["HistoryError: the file is damaged: move it away"]
