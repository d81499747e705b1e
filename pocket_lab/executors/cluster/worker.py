"""What runs inside a worker of Dask: chunks of items, calls of `everywhere`, and the answers until they have been received."""

from __future__ import annotations

import os
import pickle
import threading
import time
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeVar

from pocket_lab.executors.faults.work_board import Row
from pocket_lab.executors.outcome import pack_error
from pocket_lab.executors.process_worker import (
    PackedItems,
    PayloadCache,
    Refusal,
    Reply,
    Request,
    WorkerTime,
    run_payload,
    thread_queued_s,
)
from pocket_lab.executors.worker_state import STATE
from pocket_lab.executors.world.clock import AHEAD_S

T = TypeVar("T")

_MOST_SESSIONS = 16


class Membership(NamedTuple):
    """Which process this is: a worker that starts again under the same address is another one."""

    token: str


class Stranger(NamedTuple):
    """The answer of a process that is not the one to which a chunk was sent."""


class ChunkCall(NamedTuple):
    """A chunk for a slot of a worker; `member` is the process that it is for, `session` the pool that sends it.

    `is_alone` says that the slot is the only one of its process, so that the CPU time of the process is that of the chunk;
    `clock_s` is how far the clock there is ahead.
    """

    member: str
    session: str
    slot: int
    chunk: int
    start: int
    digest: str
    is_alone: bool
    clock_s: float = 0.0


class Answers:
    """The last answer of each slot of each session, in case that the connection breaks before it has been received."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, int], tuple[int, bytes]] = {}

    def keep(self, call: ChunkCall, answer: bytes) -> None:
        """Keep it until the slot has its next chunk."""
        self._last.pop((call.session, call.slot), None)
        self._last[call.session, call.slot] = call.chunk, answer
        sessions = list(dict.fromkeys(session for session, _ in self._last))
        for session in sessions[:-_MOST_SESSIONS]:
            self.forget(session)

    def of(self, call: ChunkCall) -> bytes | None:
        """The answer to this chunk, if it has run already."""
        chunk, answer = self._last.get((call.session, call.slot), (-1, b""))
        return answer if chunk == call.chunk else None

    def forget(self, session: str) -> None:
        """The session has ended."""
        for key in [key for key in list(self._last) if key[0] == session]:
            self._last.pop(key, None)


class _StoppableRow(Row):
    """What one thread of a worker is at work on; `stop` ends its chunk before the next item."""

    def __init__(self, number: int) -> None:
        super().__init__(memoryview(bytearray(4 * 8)).cast("q"), 0)
        self.number = number
        self.is_stopped = False
        self.has_ended = threading.Event()

    def noting(self, items: Iterator[tuple[int, T]]) -> Iterator[tuple[int, T]]:
        """As `Row.noting`, until it is stopped."""
        for numbered in super().noting(items):
            if self.is_stopped:
                return
            yield numbered


class UnderWay:
    """The chunks that this process is at work on, by session and slot."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, int], _StoppableRow] = {}
        self._lock = threading.Lock()

    def begin(self, call: ChunkCall) -> _StoppableRow:
        """The row of a chunk."""
        with self._lock:
            row = self._rows[call.session, call.slot] = _StoppableRow(call.chunk)
        return row

    def wait_for(self, call: ChunkCall) -> None:
        """Wait until the chunk has ended, if another thread is at work on it."""
        row = self._rows.get((call.session, call.slot))
        if row is not None and row.number == call.chunk:
            row.has_ended.wait()

    def end(self, call: ChunkCall) -> None:
        """The chunk has ended."""
        with self._lock:
            row = self._rows.pop((call.session, call.slot), None)
        if row is not None:
            row.has_ended.set()

    def stop(self, session: str) -> None:
        """End the chunks of a session before their next items."""
        with self._lock:
            for (owner, _), row in self._rows.items():
                row.is_stopped = row.is_stopped or owner == session


def run_chunk_call(call: ChunkCall, pickled: bytes | None, items: PackedItems) -> bytes:
    """The answer of `run_payload`, pickled; a chunk that comes a second time, since a connection broke, does not run again."""
    if not _is_member(call.member):
        return pickle.dumps(Stranger())
    answers, under_way = STATE.get_or_create(Answers, Answers), STATE.get_or_create(UnderWay, UnderWay)
    under_way.wait_for(call)
    if (known := answers.of(call)) is not None:
        return known
    begun = under_way.begin(call)
    try:
        answer = _answer(call, pickled, items, STATE.get(Row) or begun)
        if isinstance(answer, Refusal | Request):
            return pickle.dumps(answer)
        sent = pickle.dumps(answer, pickle.HIGHEST_PROTOCOL)
        answers.keep(call, sent)
        return sent
    finally:
        under_way.end(call)


def _answer(call: ChunkCall, pickled: bytes | None, items: PackedItems, row: Row) -> Reply | Request | Refusal:
    """As `run_payload`; its times are those of this chunk alone, the duration with what unpickling and pickling take."""
    STATE.get_or_create(PayloadCache, PayloadCache).time_since_last_call()  # what was used between two chunks is not theirs
    AHEAD_S.set(call.clock_s)
    begun_s, cpu_s, queued_s = time.perf_counter(), time.thread_time(), thread_queued_s()
    try:
        answer = run_payload(call.digest, pickled, call.start, items, call.chunk, row)
    except BaseException as error:  # the worker would end, or answer nothing
        return Refusal(pack_error(error))
    if isinstance(answer, Refusal | Request):
        return answer
    packed, _, times = answer
    if not call.is_alone:
        times = WorkerTime(time.thread_time() - cpu_s, thread_queued_s() - queued_s)
    return packed, time.perf_counter() - begun_s, times


def call_function(member: str, pickled: bytes) -> bytes:
    """The result of a function without arguments, pickled, or what it raised."""
    from pocket_lab.executors.faults.parcels import dump_result

    if not _is_member(member):
        return pickle.dumps((Stranger(), None))
    try:
        return pickle.dumps((None, dump_result(pickle.loads(pickled)())))
    except BaseException as error:  # as above
        return pickle.dumps((pack_error(error), None))


def join() -> str:
    """Make this process a member, unless it is one; returns the token by which it knows what is for it."""
    return STATE.get_or_create(Membership, lambda: Membership(os.urandom(8).hex())).token


def stop_session(session: str) -> None:
    """End the chunks of a session before their next items."""
    if (under_way := STATE.get(UnderWay)) is not None:
        under_way.stop(session)


def end_session(session: str) -> None:
    """Let go of what a session has left."""
    stop_session(session)
    if (answers := STATE.get(Answers)) is not None:
        answers.forget(session)


def _is_member(token: str) -> bool:
    membership: Any = STATE.get(Membership)
    return membership is not None and membership.token == token
