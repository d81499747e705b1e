"""Every record survives the pipe."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pocket_lab.records.caveat import Caveat
from pocket_lab.records.codec import decode, encode
from pocket_lab.records.environment import Environment
from pocket_lab.records.memory import NodeMemory
from pocket_lab.records.point import Point
from pocket_lab.records.progress import Closed, Failure, Heartbeat, Output, Planned, Started
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Sample
from pocket_lab.records.sources import LineCost
from pocket_lab.records.spans import NodeTime, Span, Traced

texts = st.text()
numbers = st.floats(allow_nan=False)
counts = st.integers(0, 2**60)
optional = st.none() | counts
points = st.builds(Point, texts, st.none() | counts, counts, texts, texts, st.none() | numbers)
links = st.tuples(texts, texts, st.lists(st.tuples(texts, counts, texts)).map(tuple))
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
    st.builds(Span, points, counts, counts, optional, *[texts] * 3, numbers, numbers, texts, optional, counts, texts),
    st.builds(Traced, points, numbers, counts, numbers, numbers),
    st.builds(NodeTime, points, texts, counts, numbers, numbers, numbers, counts),
    st.builds(NodeMemory, points, texts, counts, counts, counts, counts, counts, counts, counts),
)


@given(records)
def test_a_record_is_one_line_and_comes_back_equal(record: Record) -> None:
    line = encode(record)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decode(line) == record


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(KeyError):
        decode(b'["Nonsense", {}]')
