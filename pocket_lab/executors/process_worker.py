"""What runs inside a worker process: chunks of items, and calls on which all workers wait for each other.

And the times of a process that only it can read: of threads in the run queue, which are ready while no core is free.
"""

from __future__ import annotations

import io
import os
import pickle
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import cloudpickle

from pocket_lab.errors import ProcessDied
from pocket_lab.executors.concurrent import RENDEZVOUS_TIMEOUT_S, run_chunk
from pocket_lab.executors.faults.interrupt_gate import ignore_interrupts
from pocket_lab.executors.faults.lifeline import Lifeline
from pocket_lab.executors.faults.work_board import Row, WorkBoard
from pocket_lab.executors.outcome import Link, Outcome, pack_error, unpack_error
from pocket_lab.executors.pickling import dumps
from pocket_lab.executors.pool import Call
from pocket_lab.executors.worker_state import STATE
from pocket_lab.executors.world.caller import CallContext, Caller
from pocket_lab.executors.world.settings import Settings

PackedOutcome = tuple[int, bytes, tuple[Link, ...] | None]

_MOST_CACHED = 64
_TASKS = Path("/proc/self/task")
_THREAD = Path("/proc/thread-self")
_NAN = float("nan")


class WorkerTime(NamedTuple):
    """Seconds of a worker process on a core, and in the run queue (NaN where the system does not report them)."""

    cpu_s: float
    queued_s: float


class Received(NamedTuple):
    """A function, and the context of its caller."""

    function: Call
    context: CallContext


class PayloadCache:
    """The functions that a worker process has received, by digest, and the times that it has reported."""

    def __init__(self) -> None:
        self.reported = WorkerTime(0.0, process_queued_s())
        self._received: dict[str, Received] = {}

    def load(self, digest: str, pickled: bytes | None) -> Received | None:
        """The function with this digest, unpickled once; None if it is not cached and has not been sent."""
        received = self._received.get(digest)
        if received is None and pickled is not None:
            while len(self._received) >= _MOST_CACHED:
                del self._received[next(iter(self._received))]
            source = io.BytesIO(pickled)
            caller: Caller = pickle.load(source)
            caller.prepare()
            unpickler = pickle.Unpickler(source)
            received = self._received[digest] = Received(unpickler.load(), caller.context())
            vars(sys.modules["__main__"]).update(unpickler.load())  # where whoever looks them up by name finds them
            if (settings := STATE.get(Settings)) is not None:
                settings.apply_filters()  # more of their categories may be loaded now
        return received

    def time_since_last_call(self) -> WorkerTime:
        """The times of this process since the last call, or since the process started."""
        before, self.reported = self.reported, WorkerTime(time.process_time(), process_queued_s())
        return WorkerTime(self.reported.cpu_s - before.cpu_s, self.reported.queued_s - before.queued_s)


def start_worker(lifeline: Lifeline, board: WorkBoard, settings: Settings) -> None:
    """Begin a worker process with the settings of the parent.

    Ctrl-C is left to the parent, which ends the pool, and the process ends with the parent.
    """
    ignore_interrupts()
    lifeline.hold()
    STATE.get_or_create(Row, board.row_of_this_process)
    STATE.get_or_create(Settings, lambda: settings).apply()


def run_payload(
    digest: str, pickled: bytes | None, start: int, packed_items: bytes, chunk: int
) -> tuple[list[PackedOutcome], float, WorkerTime] | None:
    """An outcome for each item, the duration and the worker's times since the last call; None to request the function."""
    cache = STATE.get_or_create(PayloadCache, PayloadCache)
    received = cache.load(digest, pickled)
    if received is None:
        return None
    row = _row()
    row.begin(chunk)
    items = row.noting(enumerate(cloudpickle.loads(packed_items), start))
    outcomes, seconds = received.context.call(run_chunk, received.function, items)
    packed = [_pack(outcome) for _, outcome in row.noting((outcome.index, outcome) for outcome in outcomes)]
    row.end()
    return packed, seconds, cache.time_since_last_call()


def call_together(pickled: bytes, rendezvous: int, workers: int) -> Any:
    """Call the function as soon as so many workers have come to the rendezvous, so that no worker calls it twice."""
    function, row = cloudpickle.loads(pickled), _row()
    row.arrive(rendezvous)
    end = time.monotonic() + RENDEZVOUS_TIMEOUT_S
    while row.arrived(rendezvous) < workers:
        if time.monotonic() > end:
            raise ProcessDied(f"fewer than {workers} worker processes came within {RENDEZVOUS_TIMEOUT_S:g} s")
        time.sleep(0.001)
    return function()


def _row() -> Row:
    row = STATE.get(Row)
    assert row is not None, "a worker begins with start_worker"
    return row


def unpack(index: int, value: bytes, error: tuple[Link, ...] | None) -> Outcome:
    """In the parent: the outcome that a worker packed; a value that cannot be rebuilt is the error of its item."""
    if error is not None:
        return Outcome(index, None, unpack_error(error))
    try:
        return Outcome(index, pickle.loads(value))
    except Exception as failure:  # any class may fail to unpickle in its own way
        return Outcome(index, None, failure)


def _pack(outcome: Outcome) -> PackedOutcome:
    """Values are pickled one by one, so that one that cannot be is the error of its own item."""
    if outcome.error is None:
        try:
            return outcome.index, _pickle(outcome.value), None
        except Exception as error:  # any class may fail to pickle in its own way
            unsent = TypeError(f"the result cannot be sent back from its process: {error}")
            return outcome.index, b"", pack_error(unsent)
    return outcome.index, b"", pack_error(outcome.error)


def _pickle(value: Any) -> bytes:
    """The value pickled by the standard library, which is fast, or else by cloudpickle."""
    try:
        return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    except Exception:  # as above
        return dumps(value)


def thread_queued_s() -> float:
    """Seconds in the run queue of this thread so far; NaN where the system does not report them (Linux does)."""
    return _queued_s(_THREAD / "schedstat")


def process_queued_s() -> float:
    """Seconds in the run queue of all living threads of this process so far; NaN where the system does not report them."""
    threads = queued_by_thread()
    return sum(threads.values()) if threads else _NAN


def queued_by_thread() -> dict[str, float]:
    """The same of each thread by its number; empty where the system does not report them."""
    try:
        threads = {thread: _queued_s(_TASKS / thread / "schedstat") for thread in os.listdir(_TASKS)}
    except OSError:
        return {}
    return {thread: queued_s for thread, queued_s in threads.items() if queued_s == queued_s}  # one may just have ended


def _queued_s(path: Path) -> float:
    try:
        return int(path.read_bytes().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return _NAN
