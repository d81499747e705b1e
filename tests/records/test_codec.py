"""Every record survives the pipe."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pocket_lab.errors import valid_unicode
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.codec import decode, decode_checked, decode_point, encode, valid_record
from pocket_lab.records.environment import Environment
from pocket_lab.records.memory import NodeMemory
from pocket_lab.records.point import Point
from pocket_lab.records.progress import Closed, Failure, Heartbeat, Output, Planned, Started
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Sample
from pocket_lab.records.sources import LineCost
from pocket_lab.records.spans import NodeTime, Span, Traced

texts = st.text()
numbers = st.floats(0, 1e9)
shares = st.floats(0, 1)
counts = st.integers(0, 2**60)
optional = st.none() | counts
combinations = st.lists(st.tuples(texts, texts), max_size=3).map(tuple)
points = st.builds(Point, texts, st.none() | counts, counts, texts, texts, st.none() | numbers, combinations)
links = st.tuples(st.none() | texts, texts, st.lists(st.tuples(texts, counts, texts)).map(tuple))
records = st.one_of(
    st.builds(Planned, st.lists(points).map(tuple), numbers),
    st.builds(Sample, points, counts, counts, numbers, numbers, counts, st.none() | texts),
    st.builds(Closed, points, st.sampled_from(["done", "budget", "cancelled", "failed"])),
    st.builds(Caveat, texts, texts, st.none() | points),
    st.builds(Environment, texts, texts, texts, counts, numbers, st.dictionaries(texts, texts)),
    st.builds(Heartbeat, numbers),
    st.builds(Started, points),
    st.builds(Output, texts, texts),
    st.builds(Failure, st.none() | points, st.lists(links, min_size=1).map(tuple)),
    st.builds(LineCost, points, texts, texts, counts, counts, numbers),
    st.builds(Span, points, counts, counts, optional, *[texts] * 3, st.floats(-1, 0), numbers, texts, optional, counts, texts),
    st.builds(Traced, points, numbers, counts, numbers, numbers),
    st.builds(NodeTime, points, texts, counts, numbers, shares, numbers, counts),
    st.builds(NodeMemory, points, texts, counts, counts, counts, counts, counts, counts, counts),
)


@given(records)
def test_a_record_is_one_line_and_comes_back_equal(record: Record) -> None:
    line = encode(record)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decode(line) == record
    assert decode_checked(line.decode()) == record


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(KeyError):
        decode(b'["Nonsense", {}]')


POINT = {"target": "t", "size": 10, "workers": 1, "executor": "serial", "drive": "run", "rate": None}
SPAN = {
    "point": POINT,
    "run": 0,
    "id": 0,
    "parent": None,
    "node": "n",
    "phase": "exec",
    "action": "",
    "start_s": 0.0,
    "end_s": 1.0,
}
SPAN |= {"worker": "w", "item": None, "attempt": 1, "outcome": "ok"}
LATENCY = {"point": POINT, "round": 1, "histogram": [[1, 2], [3, 4]]}


@pytest.mark.parametrize(
    ("kind", "fields", "name", "value"),
    [
        ("Span", SPAN, "node", 5),
        ("Span", SPAN, "node", None),
        ("Span", SPAN, "run", 1.5),
        ("Span", SPAN, "run", True),
        ("Span", SPAN, "run", 2**63),
        ("Span", SPAN, "start_s", "soon"),
        ("Span", SPAN, "start_s", 10**400),
        ("Span", SPAN, "parent", []),
        ("Span", SPAN, "point", None),
        ("Span", SPAN, "point", {**POINT, "workers": "two"}),
        ("Span", SPAN, "point", {**POINT, "rate": []}),
        ("Span", SPAN, "point", 5),
        ("Latency", LATENCY, "histogram", [[1, 2, 3]]),
        ("Latency", LATENCY, "histogram", [[1, "2"]]),
        ("Latency", LATENCY, "histogram", {"1": 2}),
        ("Closed", {"point": POINT, "status": "done"}, "status", "lost"),
        ("Environment", {"packages": {}}, "packages", {"a": 1}),
        ("Caveat", {"code": "c", "message": "m"}, "colour", 1),
        ("Planned", {"points": [POINT], "budget_s": 1.0}, "points", [POINT, 7]),
    ],
)
def test_a_field_of_another_type_is_refused_by_name(kind: str, fields: dict[str, Any], name: str, value: Any) -> None:
    with pytest.raises((TypeError, AttributeError), match=f"{name}|mapping|argument"):
        decode_checked(json.dumps([kind, {**fields, name: value}]))


@pytest.mark.parametrize("line", ["5", "[]", "[1, 2, 3]", '["Span"]', '["Span", []]', '[["Span"], {}]', "null", '{"Span": {}}'])
def test_a_line_that_is_no_record_is_refused(line: str) -> None:
    with pytest.raises(TypeError, match="no record"):
        decode_checked(line)
    with pytest.raises(TypeError):
        decode_point(line)


ANY = st.lists(st.characters(codec=None, categories=None) | st.sampled_from(["\\", "\\ud800", "u", '"'])).map("".join)


@given(ANY)
def test_lone_surrogates_become_text_and_everything_else_crosses_as_it_is(text: str) -> None:
    expected = Caveat("code", valid_unicode(json.loads(json.dumps(text))))  # in JSON, two halves make a whole
    assert decode(encode(Caveat("code", text))) == valid_record(Caveat("code", text)) == expected
    assert decode_checked(encode(expected).decode()) == expected
    assert decode_checked(json.dumps(["Caveat", {"code": "code", "message": text}])) == expected


@pytest.mark.parametrize(
    ("escape", "text"), [(r"\uD800", r"\uD800"), (r"\uDc80x", r"\uDc80x"), (r"\uD83D\uDE00", "\U0001f600")]
)
def test_escapes_of_another_writer_are_read_too(escape: str, text: str) -> None:
    assert decode_checked(f'["Caveat", {{"code": "c", "message": "{escape}"}}]') == Caveat("c", text)
