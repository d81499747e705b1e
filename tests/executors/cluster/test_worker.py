"""Inside a worker: a chunk that is sent again, since a connection broke, runs once, whoever comes first."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from pocket_lab.executors.cluster import worker
from pocket_lab.executors.cluster.worker import ChunkCall, UnderWay

CALL = ChunkCall("member", "session", channel=0, chunk=1, start=0, digest="", is_alone=False)


def test_a_chunk_that_comes_while_another_thread_is_at_work_on_it_waits_for_its_answer() -> None:
    under_way = UnderWay()
    begun = under_way.begin(CALL)
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(under_way.begin(CALL))) for _ in range(3)]
    for thread in threads:
        thread.start()
    threads[0].join(0.05)
    assert not found
    assert not isinstance(begun, bytes)
    under_way.end(CALL, b"answer")
    for thread in threads:
        thread.join()
    assert found == [b"answer"] * 3
    assert under_way.begin(CALL) == b"answer"


def test_a_chunk_that_ended_without_an_answer_runs_again() -> None:
    under_way = UnderWay()
    for _ in range(2):
        assert not isinstance(under_way.begin(CALL), bytes)
        under_way.end(CALL, None)


def test_the_next_chunk_of_a_lane_replaces_an_answer_and_one_that_ends_late_does_not() -> None:
    under_way, later = UnderWay(), CALL._replace(chunk=2)
    under_way.begin(CALL)
    under_way.begin(later)
    under_way.end(later, b"later")
    under_way.end(CALL, b"earlier")
    assert under_way.begin(later) == b"later"
    assert not isinstance(under_way.begin(CALL), bytes)
    under_way.end(CALL, None)


def test_a_session_that_ends_stops_its_chunks_and_lets_go_of_its_answers_and_of_no_others() -> None:
    under_way, other = UnderWay(), CALL._replace(session="other")
    for call in (CALL, other):
        under_way.begin(call)
        under_way.end(call, b"answer")
    running = [under_way.begin(call._replace(chunk=2)) for call in (CALL, other)]
    under_way.forget("session")
    assert [row.is_stopped for row in running if not isinstance(row, bytes)] == [True, False]
    assert under_way.begin(other) == b"answer"
    assert not isinstance(under_way.begin(CALL), bytes)


def test_the_oldest_sessions_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_MOST_SESSIONS", 2)
    under_way = UnderWay()
    for session in "abc":
        under_way.begin(CALL._replace(session=session))
        under_way.end(CALL._replace(session=session), session.encode())
    assert [under_way.answers.of(CALL._replace(session=session)) for session in "abc"] == [None, b"b", b"c"]


def test_a_chunk_that_is_stopped_has_no_further_items_whether_it_has_begun_or_not() -> None:
    under_way = UnderWay()
    begun, waiting = under_way.begin(CALL), under_way.begin(CALL._replace(chunk=2))
    assert not isinstance(begun, bytes)
    assert not isinstance(waiting, bytes)
    items = iter([1, 2, 3])
    begun.begin_items(items)
    assert next(items) == 1
    under_way.stop("session")
    assert list(items) == []
    waiting.begin_items(later := iter([1, 2, 3]))
    assert list(later) == []
