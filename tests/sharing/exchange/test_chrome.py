"""Traces in the Trace Event Format: every event as the format wants it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pocket_lab.errors import UsageError
from pocket_lab.frames.spans import spans_frame
from pocket_lab.records.point import Point
from pocket_lab.records.record import Record
from pocket_lab.records.spans import Span, Traced
from pocket_lab.sharing.exchange.chrome import save_chrome

POINT = Point("t", 4, 2, "processes", "run")
EVIL = 'a "node"\n</script>\\ü'


def span(id: int, start_s: float, end_s: float, **fields: Any) -> Span:
    told = Span(POINT, 0, id, None, EVIL, "exec", "default", start_s, end_s, "MainThread", None, 1, "ok")
    return replace(told, **fields)


def events_of(records: list[Record], path: Path) -> list[dict[str, Any]]:
    assert save_chrome(path, spans_frame(records), 'the "name"') == path.resolve()
    loaded = json.loads(path.read_text(encoding="utf-8"))
    assert loaded["displayTimeUnit"] == "ms"
    events: list[dict[str, Any]] = loaded["traceEvents"]
    return events


def records() -> list[Record]:
    return [
        Traced(POINT, 1.0, 3, 0.0, 0.0),
        span(0, 0.0, 1.0, node="each"),
        span(1, 0.0, 0.5, parent=0, phase="queue", action="", worker="process 12", item=0),
        span(2, 0.5, 0.75, parent=0, worker="process 12", item=0),
        span(3, 0.5, 0.875, parent=0, worker="process 13", item=1, outcome="failed", attempt=2),
    ]


def test_spans_are_complete_events_in_microseconds_on_named_threads(tmp_path: Path) -> None:
    events = events_of(records(), tmp_path / "trace.json")
    complete = [event for event in events if event["ph"] == "X"]
    assert [(event["name"], event["ts"], event["dur"]) for event in complete] == [
        ("each", 0, 1e6),
        (EVIL, 0.5e6, 0.25e6),
        (EVIL, 0.5e6, 0.375e6),
    ]
    assert complete[2]["args"] == {"run": 0, "item": 1, "action": "default", "attempt": 2, "outcome": "failed"}
    assert complete[0]["args"]["item"] is None
    names = {(event["pid"], event["tid"]): event["args"]["name"] for event in events if event["name"] == "thread_name"}
    assert sorted(names.values()) == ["MainThread", "process 12", "process 13"]
    assert {(event["pid"], event["tid"]) for event in events} == set(names)
    processes = [event["args"]["name"] for event in events if event["name"] == "process_name"]
    assert processes[0] == 'the "name" size 4, processes x 2'
    assert processes[1].endswith("process 12")
    assert len({event["pid"] for event in complete}) == 3


def test_waits_are_pairs_that_may_overlap(tmp_path: Path) -> None:
    begin, end = (
        event for event in events_of(records(), tmp_path / "t.json") if event["cat" if "cat" in event else "ph"] == "queue"
    )
    assert (begin["ph"], begin["ts"], end["ph"], end["ts"]) == ("b", 0, "e", 0.5e6)
    assert all(begin[key] == end[key] for key in ("id", "name", "cat", "pid", "tid"))


def test_each_point_is_a_process_of_its_own(tmp_path: Path) -> None:
    other = replace(POINT, size=8)
    both = [*records()[:2], Traced(other, 1.0, 1, 0.0, 0.0), span(0, 0, 1, point=other)]
    events = [event for event in events_of(both, tmp_path / "t.json") if event["ph"] == "X"]
    assert len({event["pid"] for event in events}) == 2


def test_no_spans_are_a_valid_file_and_a_bad_place_is_one_sentence(tmp_path: Path) -> None:
    assert events_of([], tmp_path / "t.json") == []
    with pytest.raises(UsageError, match="the trace cannot be written to"):
        save_chrome(tmp_path / "missing" / "t.json", spans_frame([]), "t")
