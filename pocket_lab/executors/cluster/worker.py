"""What runs inside a worker of Dask: chunks of items, calls of `everywhere`, and the answers until they have been received."""

from __future__ import annotations

import os
import pickle
import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

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

_MOST_SESSIONS = 16


class Membership(NamedTuple):
    """Which process this is: a worker that starts again under the same address is another one."""

    token: str


class Stranger(NamedTuple):
    """The answer of a process that is not the one to which a chunk was sent."""


class ChunkCall(NamedTuple):
    """A chunk for a worker; `member` is the process that it is for, `session` the pool that sends it.

    `chunk` is its number in the session; no other chunk under way has the same `channel`, until its answer has been received.
    `is_alone` says that the process runs one chunk at a time, so that the CPU time of the process is that of the chunk;
    `clock_s` is how far the clock there is ahead.
    """

    member: str
    session: str
    channel: int
    chunk: int
    start: int
    digest: str
    is_alone: bool
    clock_s: float = 0.0


class Answers:
    """The last answer of each channel of each session, in case that the connection breaks before it has been received."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, int], tuple[int, bytes]] = {}

    def keep(self, call: ChunkCall, answer: bytes) -> None:
        """Keep it until the channel has its next chunk; one that was stopped may end after that."""
        key = call.session, call.channel
        newest, _ = self._last.get(key, (-1, b""))
        if call.chunk > newest:
            self._last.pop(key, None)
            self._last[key] = call.chunk, answer
        sessions = list(dict.fromkeys(session for session, _ in self._last))
        for session in sessions[:-_MOST_SESSIONS]:
            self.forget(session)

    def of(self, call: ChunkCall) -> bytes | None:
        """The answer to this chunk, if it has run already."""
        chunk, answer = self._last.get((call.session, call.channel), (-1, b""))
        return answer if chunk == call.chunk else None

    def forget(self, session: str) -> None:
        """The session has ended."""
        for key in [key for key in list(self._last) if key[0] == session]:
            self._last.pop(key, None)


class _StoppableRow(Row):
    """What one thread of a worker is at work on; `stop` ends its chunk before the next item."""

    def __init__(self) -> None:
        super().__init__(memoryview(bytearray(4 * 8)).cast("q"), 0)
        self.is_stopped = False
        self.has_ended = threading.Event()
        self._items: Iterator[object] = iter(())

    def begin_items(self, items: Iterator[object]) -> None:
        """As `Row.begin_items`, which a stop brings to their end."""
        self._items = items
        if self.is_stopped:
            self.stop()

    def stop(self) -> None:
        """The loop over its items has no more of them."""
        self.is_stopped = True
        deque(self._items, maxlen=0)


class UnderWay:
    """The chunks that this process is at work on, by session and number, and the answers that may not have been received."""

    def __init__(self) -> None:
        self.answers = Answers()
        self._rows: dict[tuple[str, int], _StoppableRow] = {}
        self._lock = threading.Lock()

    def begin(self, call: ChunkCall) -> _StoppableRow | bytes:
        """The row of a chunk that begins, or its answer where it has run; waits where another thread is at work on it."""
        while True:
            with self._lock:
                if (answer := self.answers.of(call)) is not None:
                    return answer
                row = self._rows.get((call.session, call.chunk))
                if row is None:
                    row = self._rows[call.session, call.chunk] = _StoppableRow()
                    return row
            row.has_ended.wait()

    def end(self, call: ChunkCall, answer: bytes | None) -> None:
        """The chunk has ended; without an answer it may begin again."""
        with self._lock:
            if answer is not None:
                self.answers.keep(call, answer)
            row = self._rows.pop((call.session, call.chunk))
        row.has_ended.set()

    def stop(self, session: str) -> None:
        """End the chunks of a session before their next items."""
        with self._lock:
            for (owner, _), row in self._rows.items():
                if owner == session:
                    row.stop()

    def forget(self, session: str) -> None:
        """End the chunks of a session that has ended, and let go of its answers."""
        self.stop(session)
        with self._lock:
            self.answers.forget(session)


def run_chunk_call(call: ChunkCall, pickled: bytes | None, items: PackedItems) -> bytes:
    """The answer of `run_payload`, pickled; a chunk that comes a second time, since a connection broke, does not run again."""
    if not _is_member(call.member):
        return pickle.dumps(Stranger())
    under_way = STATE.get_or_create(UnderWay, UnderWay)
    begun = under_way.begin(call)
    if isinstance(begun, bytes):
        return begun
    kept = None
    try:
        answer = _answer(call, pickled, items, STATE.get(Row) or begun)
        sent = pickle.dumps(answer, pickle.HIGHEST_PROTOCOL)
        kept = None if isinstance(answer, Refusal | Request) else sent
        return sent
    finally:
        under_way.end(call, kept)


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
    if (under_way := STATE.get(UnderWay)) is not None:
        under_way.forget(session)


def _is_member(token: str) -> bool:
    membership: Any = STATE.get(Membership)
    return membership is not None and membership.token == token
