"""Numbers that nothing can have measured are refused when a record is read, by the name of the field."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, get_args

import pytest

from pocket_lab.records.codec import decode_checked, encode
from pocket_lab.records.leaks import Filling, MemoryReading, Retained
from pocket_lab.records.memory import HeapPoint, LineMemory, NodeActivity, NodeMemory, RunMemory
from pocket_lab.records.point import Point
from pocket_lab.records.ranges import SIGNED
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Latency, Metric, Reference, Waits
from pocket_lab.records.sources import LineCost, Stack
from pocket_lab.records.spans import NodeTime, Span, Traced
from pocket_lab.records.traffic import NodeTraffic

POINT = Point("t", 1, 1, "serial", "run")
NAN = float("nan")
WHOLE: list[Any] = [
    Waits(POINT, 4, 1.0, 1.0, NAN, 3),
    NodeTime(POINT, "n", 1, 1.0, 1.0, 0.0, 0),
    NodeMemory(POINT, "n", 1, 1, 1, 1, 1, 0, 0),
    RunMemory(POINT, 1, 1, 1, 0, 0, 1, 1, 1.7e9, 1.0),
    LineMemory(POINT, "n", "f.py", 1, 1, 1, 1, 1, 0, 0),
    HeapPoint(POINT, 0.0, 1, 1),
    LineCost(POINT, "n", "f.py", 1, 1, 1.0),
    Stack(POINT, "n", (("f", "f.py", 1),), 1.0, "s"),
    Traced(POINT, 1.0, 1, 1e-6, 1e-6),
    Reference(1, 1.0, 1e-3, 1e-3, 1e-3),
    MemoryReading(POINT, 0, "main", 1, 1, 1),
    Filling(POINT, "c", 1, 2, 1.0, 8.0),
    Retained(POINT, "n", "f.py", 1, 8.0, 1.0),
]
SPAN = Span(POINT, 0, 0, None, "n", "exec", "default", -0.001, 1.0, "main", None, 1, "ok")


def read(record: Any, **changed: Any) -> Record:
    values = {field.name: changed.get(field.name, getattr(record, field.name)) for field in fields(record)}
    return decode_checked(encode(type(record)(**values)).decode())


@pytest.mark.parametrize("record", WHOLE, ids=lambda record: type(record).__name__)
def test_every_number_of_a_record_is_refused_below_zero_and_where_it_is_endless(record: Any) -> None:
    assert read(record) is not None
    names = [field.name for field in fields(record) if type(getattr(record, field.name)) in (int, float)]
    assert names
    for name in names:
        for value in (-1, -1.0, float("inf")):
            if type(value) is type(getattr(record, name)):
                with pytest.raises(ValueError, match=f"^{name} is -?(1|1.0|inf), which is impossible"):
                    read(record, **{name: value})
    if hasattr(record, "point"):
        with pytest.raises(ValueError, match="workers is -2"):
            read(record, point=Point("t", 1, -2, "serial", "run"))


def test_what_may_be_below_zero_is_kept_and_not_known_is_no_number() -> None:
    for record in (SPAN, Metric(POINT, "n", "loss", -3.5, ""), NodeActivity(POINT, "n", -0.1, 0.2)):
        assert read(record) == record
    assert read(Latency(POINT, 0, ((-40, 2), (3, 1)))) is not None


@pytest.mark.parametrize(
    ("record", "changed", "words"),
    [
        (SPAN, {"end_s": -5.0}, "end_s is -5.0, before start_s"),
        (SPAN, {"end_s": 1e12}, "end_s is 1000000000000.0, which is impossible"),
        (WHOLE[1], {"share": 1.5}, "share is 1.5, which is impossible"),
        (Latency(POINT, 0, ((3, 1),)), {"histogram": ((3, -1),)}, "histogram is"),
        (Latency(POINT, 0, ((3, 1),)), {"late": -1}, "late is -1"),
        (NodeTraffic("g", "n", 1, 0, 1.0, 1.7e9, 1.0, 1.0, ((-1, 1),), ((3, 1),)), {"recent": ((-1, -7),)}, "recent is"),
        (WHOLE[6], {"time_s": 2e9}, "time_s is 2000000000.0"),
    ],
)
def test_other_impossible_values_are_named(record: Any, changed: dict[str, Any], words: str) -> None:
    assert read(record) == record
    with pytest.raises(ValueError, match=words):
        read(record, **changed)


def test_every_kind_with_a_number_has_been_thought_of() -> None:
    """A new field may be below zero only by a row of its own."""
    known = {kind.__name__: {field.name for field in fields(kind)} for kind in get_args(Record)}
    assert all(name in known[kind] for kind, name in SIGNED)
