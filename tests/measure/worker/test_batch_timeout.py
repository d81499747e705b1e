"""Hanging is silence about anything new: neither a heartbeat nor what the target prints ends it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from pocket_lab.errors import ProcessDied
from pocket_lab.measure.worker import batch_timeout as hang
from pocket_lab.measure.worker.batch_timeout import within_timeout
from pocket_lab.records.caveat import Caveat
from pocket_lab.records.point import Point
from pocket_lab.records.progress import Heartbeat, Output, Started
from pocket_lab.records.record import Record
from pocket_lab.records.samples import Sample

POINT = Point("t", None, 1, "serial", "run")
BEAT, PRINTED = Heartbeat(0.0), Output("stdout", "x")
STARTED, SAMPLED = Started(POINT), Sample(POINT, 1, 1, 0.1, 0.1, 1)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(hang, "monotonic", lambda: now[0])
    return now


def ticking(clock: list[float], records: Iterable[Record], tick_s: float = 1.0) -> Iterator[Record]:
    """Each record comes a tick after the one before."""
    for record in records:
        clock[0] += tick_s
        yield record


def told(clock: list[float], records: list[Record], timeout_s: float | None) -> tuple[list[Record], str]:
    """What came through, and the words with which it ended."""
    passed: list[Record] = []
    try:
        passed.extend(within_timeout(ticking(clock, records), timeout_s))
    except ProcessDied as died:
        return passed, str(died)
    return passed, ""


def test_records_pass_unchanged_while_something_happens(clock: list[float]) -> None:
    records: list[Record] = [STARTED, BEAT, BEAT, SAMPLED, PRINTED, BEAT, Caveat("a", "b"), BEAT, BEAT]
    assert told(clock, records, 2.5) == (records, "")


@pytest.mark.parametrize("silence", [BEAT, PRINTED], ids=["a heartbeat", "what the target prints"])
def test_silence_longer_than_the_timeout_ends_it(clock: list[float], silence: Record) -> None:
    passed, words = told(clock, [STARTED, *[silence] * 9, SAMPLED], 2.5)
    assert passed == [STARTED, silence, silence]
    assert words == "a batch took longer than point_timeout=2.50 s and was ended"


def test_each_new_record_starts_the_clock_anew(clock: list[float]) -> None:
    records: list[Record] = [STARTED, BEAT, SAMPLED, BEAT] * 50
    assert told(clock, records, 1.5) == (records, "")


def test_a_late_sample_is_a_sample(clock: list[float]) -> None:
    passed, words = told(clock, [STARTED, SAMPLED], 0.5)
    assert (passed, words) == ([STARTED, SAMPLED], "")


def test_without_a_timeout_nothing_is_ended(clock: list[float]) -> None:
    records: list[Record] = [STARTED, *[BEAT, PRINTED] * 1000]
    assert told(clock, records, None) == (records, "")
