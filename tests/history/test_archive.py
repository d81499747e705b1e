"""What is written comes back: every kind of record, in its order, under its name."""

from __future__ import annotations

import gc
import json
import math
import os
import threading
import time
from collections.abc import Iterable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pocket_lab.errors import HistoryError, valid_unicode
from pocket_lab.history.archive import Archive
from pocket_lab.history.entry import BROKEN_OFF, Entry
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.codec import encode
from pocket_lab.records.memory import NodeActivity
from pocket_lab.records.point import Point, column_of
from pocket_lab.records.progress import Closed, Failure, Heartbeat, Output, Started
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Block, Sample
from pocket_lab.records.spans import NodeTime, Span

POINT = Point("graph", 10, 2, "threads", "run")
NAN = float("nan")
SAMPLE_FIELDS = [field.name for field in fields(Sample) if field.name != "point"]


def keep(archive: Archive, records: Iterable[Record], name: str = "first", verb: str = "bench") -> Entry:
    session = archive.begin(verb, name, "graph", {"sizes": [1, 2]})
    for record in records:
        session.write(record)
    session.close("done")
    return archive.find(session.id)


def lines(records: Iterable[Record]) -> list[bytes]:
    """Texts, in which NaN equals NaN; errors without the pickles that a file does not keep."""
    return [encode(record) for record in map(kept, records)]


def kept(record: Record) -> Record:
    if not isinstance(record, Failure):
        return record
    return replace(record, chain=tuple((None, text, frames) for _, text, frames in record.chain))


def valid(value: object) -> object:
    return valid_unicode(json.loads(json.dumps(value))) if isinstance(value, str) else value


def sample(number: int, point: Point = POINT) -> Sample:
    return Sample(point, number, 10, 0.25 + number, 0.125, 10)


any_text = st.text(st.characters(exclude_categories=()))  # what `os.fsdecode` makes of odd file names included
seconds = st.floats(0, 1e9) | st.just(math.nan)
count = st.integers(0, 2**63 - 1)
any_params = st.lists(st.tuples(any_text, any_text), max_size=2).map(tuple)
any_point = st.builds(Point, any_text, st.none() | count, count, any_text, any_text, st.none() | seconds, any_params)
some_seconds = st.floats(0, 1e9, exclude_min=True) | st.just(math.nan)
any_sample = st.builds(Sample, any_point, count, count, some_seconds, seconds, count, st.none() | any_text)
kept_kinds = [kind for kind in get_args(Record) if kind not in (Sample, Heartbeat, Started, Output)]
st.register_type_strategy(int, count)  # a count of a record is below 2^63
st.register_type_strategy(float, seconds)
begin = st.floats(-1, 0)
bounded: dict[Any, Any] = {
    NodeTime: st.builds(NodeTime, share=st.floats(0, 1)),
    Span: st.builds(Span, start_s=begin, busy_s=st.none() | seconds, cost_s=seconds, resumptions=count),
    NodeActivity: st.builds(NodeActivity, start_s=begin),
}
any_record = st.one_of(any_sample, *(bounded.get(kind, st.from_type(kind)) for kind in kept_kinds)).filter(
    lambda record: not isinstance(record, Failure) or record.chain != ()  # the chain of an error contains at least the error
)


def test_every_kind_of_record_comes_back_in_its_place(archive: Archive) -> None:
    @given(st.lists(any_record, max_size=8))
    def check(records: list[Record]) -> None:
        entry = keep(archive, records)
        others = [record for record in records if not isinstance(record, Sample)]
        samples = [record for record in records if isinstance(record, Sample)]
        assert lines(archive.records(entry)) == lines(records)
        assert lines(archive.other_records(entry)) == lines(others)
        assert entry.samples == len(samples)
        columns = archive.sample_columns(entry)
        for field in fields(Point):  # a combination of parameters is one text
            assert repr(columns[field.name].tolist()) == repr([valid(column_of(s.point, field.name)) for s in samples])
        for name in SAMPLE_FIELDS:
            assert repr(columns[name].tolist()) == repr([valid(getattr(s, name)) for s in samples])

    check()


def test_many_records_written_at_once_stand_in_their_place(archive: Archive) -> None:
    spans = [Span(POINT, 0, id, None, "n", "exec", "default", id, id + 1, "w", None, 1, "ok") for id in range(2500)]
    session = archive.begin("trace", "many", "graph", {})
    session.write(Caveat("first", "first"))
    session.write_all(spans)
    session.write_all([])
    session.write(Closed(POINT, "done"))
    session.close("done")
    assert archive.records(archive.find("many")) == [Caveat("first", "first"), *spans, Closed(POINT, "done")]
    with pytest.raises(HistoryError, match="has ended"):
        session.write_all(spans)


def test_each_field_of_a_sample_and_its_point_is_a_column(archive: Archive) -> None:
    columns = archive.sample_columns(keep(archive, [sample(1)]))
    assert list(columns) == [field.name for field in fields(Point)] + SAMPLE_FIELDS


def test_columns_are_in_the_order_of_the_stream_and_make_a_frame(archive: Archive) -> None:
    points = [POINT, Point("graph", None, 1, "serial", "load", 2.5)]
    written = [sample(number, points[number % 2]) for number in range(1, 101)]
    frame = pd.DataFrame(archive.sample_columns(keep(archive, [Block(1), *written, Block(2)])))
    assert frame["round"].tolist() == list(range(1, 101))
    assert frame["wall_s"].tolist() == [s.wall_s for s in written]
    assert frame["size"].tolist()[:2] == [None, 10]
    assert frame["executor"].tolist()[:2] == ["serial", "threads"]
    assert frame["wall_s"].dtype == float
    assert frame["round"].dtype == int


def test_a_failed_sample_keeps_its_error_and_its_nan(archive: Archive) -> None:
    failed = Sample(POINT, 1, 0, NAN, NAN, 0, "ValueError: of \udcff a name\0")
    entry = keep(archive, [failed, sample(2)])
    first, second = archive.records(entry)
    assert isinstance(first, Sample)
    assert math.isnan(first.wall_s)
    assert math.isnan(first.cpu_s)
    assert first.error == r"ValueError: of \udcff a name" + "\0"
    assert second == sample(2)
    columns = archive.sample_columns(entry)
    assert [math.isnan(value) for value in columns["wall_s"]] == [True, False]
    assert list(columns["error"]) == [first.error, None]


def test_a_run_without_samples_has_empty_columns(archive: Archive) -> None:
    columns = archive.sample_columns(keep(archive, [Caveat("code", "message")]))
    assert {len(column) for column in columns.values()} == {0}


def test_what_passes_by_is_not_kept(archive: Archive) -> None:
    entry = keep(archive, [Heartbeat(1.0), Started(POINT), Output("stdout", "secret"), Closed(POINT, "done")])
    assert archive.records(entry) == [Closed(POINT, "done")]
    assert b"secret" not in archive.path.read_bytes() + Path(f"{archive.path}-wal").read_bytes()


def test_an_entry_tells_what_the_run_was(archive: Archive) -> None:
    start = time.time()
    session = archive.begin("bench", "fast", "graph", {"sizes": [1, 2], "budget": 3.5})
    session.write(sample(1))
    (open_entry,) = archive.entries()
    assert (open_entry.status, open_entry.ended_at, open_entry.samples) == (BROKEN_OFF, None, 1)
    session.write(sample(2))
    session.close("budget")
    session.close("failed")
    (entry,) = archive.entries()
    assert (entry.id, entry.name, entry.verb, entry.target) == (session.id, "fast", "bench", "graph")
    assert (entry.status, entry.samples, entry.tags) == ("budget", 2, ())
    assert entry.options == {"sizes": [1, 2], "budget": 3.5}
    assert entry.ended_at is not None
    assert start <= entry.started_at <= entry.ended_at <= time.time()
    assert entry.version.count(".") == 2


def test_a_closed_run_takes_no_record(archive: Archive) -> None:
    session = archive.begin("bench", "a", "graph", {})
    session.close("done")
    with pytest.raises(HistoryError, match="has ended: resume it"):
        session.write(sample(1))


def test_a_name_finds_its_newest_run(archive: Archive) -> None:
    first, second, third = keep(archive, []), keep(archive, [sample(1)]), keep(archive, [], verb="compare")
    assert archive.find("first") == third
    assert archive.find("first", "bench") == second
    assert archive.find(first.id) == archive.find(str(first.id)) == first
    assert [entry.id for entry in archive.entries()] == [third.id, second.id, first.id]
    named_by_digits = keep(archive, [], name=str(first.id))
    assert archive.find(str(first.id)) == named_by_digits
    assert archive.find(first.id) == first


@pytest.mark.parametrize("key", [None, 1.5, ["one"]])
def test_a_key_is_a_name_or_a_whole_number(archive: Archive, key: Any) -> None:
    session = archive.begin("bench", "one", "graph", {})
    assert archive.find(np.int64(session.id)).name == "one"
    with pytest.raises(HistoryError, match="give the name of a run, or its number"):
        archive.find(key)


def test_what_is_not_there_names_what_is(archive: Archive) -> None:
    with pytest.raises(HistoryError, match=r'no run named "fast" in .*history\.db: it holds no run yet'):
        archive.find("fast")
    for name in ("tokenize-before", "tokenize-after", "other"):
        keep(archive, [], name=name)
    with pytest.raises(HistoryError, match=r'nearest names are "tokenize-after", "tokenize-before"$'):
        archive.find("tokenize-aftr")
    with pytest.raises(HistoryError, match=r'no run 99 of bench .* newest names are "other"'):
        archive.find(99, "bench")
    with pytest.raises(HistoryError, match=r"of compare .* holds no run of compare yet"):
        archive.find("other", "compare")


def test_a_number_that_a_name_does_not_have_names_those_that_it_has(archive: Archive) -> None:
    first, second = (keep(archive, [], name="fit") for _ in range(2))
    other = keep(archive, [], name="other")
    with pytest.raises(
        HistoryError,
        match=rf'no run 77 named "fit" of bench in .*: the runs of that name are "fit#{second.id}", "fit#{first.id}"$',
    ):
        archive.find("fit#77", "bench")
    with pytest.raises(HistoryError, match=rf'no run 77 named "other" in .*: the run of that name is "other#{other.id}"$'):
        archive.find("other#77")
    with pytest.raises(HistoryError, match=rf'no run {other.id} named "fit" in .*: run {other.id} is "other" of bench$'):
        archive.find(f"fit#{other.id}")
    with pytest.raises(HistoryError, match=rf'no run {other.id} of compare in .*: run {other.id} is "other" of bench$'):
        archive.find(other.id, "compare")
    with pytest.raises(HistoryError, match=r'no run 77 named "fitt" in .*: the nearest name is "fit"$'):
        archive.find("fitt#77")
    with pytest.raises(HistoryError, match="there is no run 77 in "):
        archive.find("77")
    for _ in range(9):
        keep(archive, [], name="fit")
    with pytest.raises(HistoryError, match=r"the newest of its 11 runs are "):
        archive.find("fit#77")


def test_tags_come_and_go(archive: Archive) -> None:
    entry = keep(archive, [])
    assert archive.tag(entry, "slow", "ci").tags == ("ci", "slow")
    assert archive.tag(entry, "ci", "new").tags == ("ci", "new", "slow")
    assert archive.untag(entry, "ci", "absent").tags == ("new", "slow")
    assert archive.find("first").tags == ("new", "slow")
    with pytest.raises(HistoryError, match="a tag has at least one letter"):
        archive.tag(entry, "good", " ")
    assert archive.find("first").tags == ("new", "slow")


def test_a_renamed_run_has_only_its_new_name(archive: Archive) -> None:
    entry = archive.rename(keep(archive, [sample(1)]), "second")
    assert (entry.name, entry.samples) == ("second", 1)
    assert archive.find("second") == entry
    with pytest.raises(HistoryError, match=r'(nearest|newest) name is "second"$'):
        archive.find("first")
    with pytest.raises(HistoryError, match="a name has at least one letter"):
        archive.rename(entry, "")


def test_a_deleted_run_gives_its_space_back_and_leaves_the_others(archive: Archive) -> None:
    small = keep(archive, [sample(1), Closed(POINT, "done")], name="small")
    archive._database.shrink()
    before = archive.path.stat().st_size
    large = archive.tag(keep(archive, (sample(number) for number in range(20_000)), name="large"), "tag")
    archive._database.shrink()
    assert archive.path.stat().st_size > before + 500_000
    archive.delete(large)
    assert archive.path.stat().st_size <= before + 3 * 4096
    assert archive.entries() == [small]
    assert archive.records(small) == [sample(1), Closed(POINT, "done")]
    for use in (archive.delete, archive.records, archive.other_records, archive.sample_columns, archive.resume, archive.tag):
        with pytest.raises(HistoryError, match=r'"large".* was deleted'):
            use(large)
    assert keep(archive, []).id > large.id, "an id is never given twice"


def test_a_run_that_is_deleted_while_it_is_written_says_so(archive: Archive) -> None:
    session = archive.begin("bench", "a", "graph", {})
    session.write(sample(1))
    archive.delete(archive.find("a"))
    for late in (sample(2), sample(3, Point("other", 1, 1, "serial", "run")), Closed(POINT, "done")):
        with pytest.raises(HistoryError, match="was deleted"):
            session.write(late)
    with pytest.raises(HistoryError, match="was deleted"):
        session.close("done")


def test_a_resumed_run_goes_on_where_it_stopped(archive: Archive) -> None:
    other = Point("graph", 20, 2, "threads", "run")
    entry = keep(archive, [sample(1), Closed(POINT, "budget")])
    session = archive.resume(entry)
    assert session.id == entry.id
    assert archive.find("first").status == BROKEN_OFF
    late = [sample(2), sample(3, other), Closed(POINT, "done"), sample(4, other)]
    for record in late:
        session.write(record)
    session.close("done")
    now = archive.find("first")
    assert (now.status, now.samples) == ("done", 4)
    assert archive.records(now) == [sample(1), Closed(POINT, "budget"), *late]
    assert archive.sample_columns(now)["size"].tolist() == [10, 10, 20, 20]


def test_two_that_resume_one_run_are_told_and_lose_nothing(path: Path) -> None:
    with Archive(path) as one, Archive(path) as two:
        entry = keep(one, [sample(1)])
        first, second = one.resume(entry), two.resume(entry)
        first.write(sample(2))
        with pytest.raises(HistoryError, match="another process writes into the same run"):
            second.write(sample(3))
        first.write(sample(4))
        assert one.records(entry) == [sample(1), sample(2), sample(4)]


def test_threads_share_an_archive(archive: Archive) -> None:
    sessions = [archive.begin("bench", f"run-{number}", "graph", {}) for number in range(4)]

    def write(number: int) -> None:
        for index in range(500):
            sessions[number].write(sample(index))
        sessions[number].close("done")

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert all(entry.samples <= 500 for entry in archive.entries())
    for thread in threads:
        thread.join()
    for number in range(4):
        assert archive.records(archive.find(f"run-{number}")) == [sample(index) for index in range(500)]


def test_closing_leaves_no_descriptor_and_says_so_later(path: Path) -> None:
    archive = Archive(path)
    session = archive.begin("bench", "a", "graph", {})
    session.write(sample(1))
    archive.close()
    archive.close()
    gc.collect()
    if Path("/proc/self/fd").exists():
        targets = []
        for descriptor in os.listdir("/proc/self/fd"):
            try:
                targets.append(os.readlink(f"/proc/self/fd/{descriptor}"))
            except FileNotFoundError:
                continue
        assert not [target for target in targets if str(path) in target]
    assert os.listdir(path.parent) == ["history.db"]
    for use in (lambda: session.write(sample(2)), lambda: session.close("done"), archive.entries):
        with pytest.raises(HistoryError, match="is closed"):
            use()
    with Archive(path) as again:
        assert again.find("a").samples == 1
