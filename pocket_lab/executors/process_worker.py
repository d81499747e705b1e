"""What runs inside a worker process: chunks of items, and calls on which all workers wait for each other.

And the times of a process that only it can read: of threads in the run queue, which are ready while no core is free.
"""

from __future__ import annotations

import io
import os
import pickle
import sys
import time
from enum import Enum
from functools import partial
from typing import Any, NamedTuple

import cloudpickle

from pocket_lab.errors import ProcessDied, UsageError
from pocket_lab.executors.concurrent import RENDEZVOUS_TIMEOUT_S, run_chunk
from pocket_lab.executors.faults.interrupt_gate import ignore_interrupts
from pocket_lab.executors.faults.lifeline import Lifeline
from pocket_lab.executors.faults.lost_parts import Lost, Parts
from pocket_lab.executors.faults.parcels import dump_parts, dump_result, load, load_parts
from pocket_lab.executors.faults.work_board import Row, WorkBoard
from pocket_lab.executors.outcome import Link, Outcome, Outcomes, pack_error, unpack_error
from pocket_lab.executors.pool import Call
from pocket_lab.executors.worker_state import STATE
from pocket_lab.executors.world.caller import CallContext, Caller
from pocket_lab.executors.world.settings import Settings

PackedOutcome = tuple[int, bytes, bytes | None, int, tuple[Link, ...] | None]
PackedOutcomes = list[PackedOutcome] | tuple[int, bytes]  # one by one, or the number of the first and all values together
PackedItems = bytes | list[bytes]  # together, or each by itself

_MOST_CACHED = 64
_PLAIN = {int, float, bool, complex, str, bytes, type(None)}
_TASKS = "/proc/self/task"
_THREAD = "/proc/thread-self"
_LONGEST_STATISTICS = 4096
_NAN = float("nan")


class WorkerTime(NamedTuple):
    """Seconds of a worker process on a core, and in the run queue (NaN where the system does not report them)."""

    cpu_s: float
    queued_s: float


class Received(NamedTuple):
    """A function, and the context of its caller."""

    function: Call
    context: CallContext


Reply = tuple[PackedOutcomes, float, WorkerTime]  # outcomes, their duration, and the times since the last reply


class Refusal(NamedTuple):
    """Why a worker cannot begin."""

    error: tuple[Link, ...]


class Request(Enum):
    """What a worker has to be sent before it can begin: the function, or each item in a parcel of its own."""

    FUNCTION = 1
    ITEMS_APART = 2


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
    digest: str, pickled: bytes | None, start: int, items: PackedItems, chunk: int, row: Row | None = None
) -> Reply | Request | Refusal:
    """What became of each item, or what has to be sent first; a Refusal where the function cannot be rebuilt here.

    Items are requested apart where they cannot be rebuilt together. The work is noted in `row`, by default the process's own.
    """
    cache = STATE.get_or_create(PayloadCache, PayloadCache)
    try:
        received = cache.load(digest, pickled)
    except Exception as error:  # any class may fail to unpickle in its own way, and any module to be imported
        return Refusal(pack_error(error))
    if received is None:
        return Request.FUNCTION
    function = received.function
    if isinstance(items, bytes):
        opened = load(items)
        if isinstance(opened, Lost):
            return Request.ITEMS_APART
    else:
        opened = [_present(load(item), number) for number, item in enumerate(items, start)]
        function = partial(_call_on_present, function)
    row = row or _row()
    row.begin(chunk)
    outcomes, seconds = received.context.call(run_chunk, function, opened, start, row)
    packed = _packed_together(outcomes) or [
        _pack(outcome) for _, outcome in row.noting((outcome.index, outcome) for outcome in outcomes)
    ]
    row.end()
    return packed, seconds, cache.time_since_last_call()


class _Missing(NamedTuple):
    """Instead of an item that is lost, with the error to raise for it."""

    error: UsageError


def _present(item: Any, number: int) -> Any:
    if not isinstance(item, Lost):
        return item
    error = UsageError(item.sentence(f"item {number}", "sent to another process"))
    error.__cause__ = item.error
    return _Missing(error)


def _call_on_present(function: Call, item: Any) -> Any:
    if isinstance(item, _Missing):
        raise item.error
    return function(item)


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


def unpack_all(packed: PackedOutcomes) -> Outcomes:
    """In the parent: the outcomes that a worker packed."""
    if isinstance(packed, tuple):
        first, values = packed
        return Outcomes(first, pickle.loads(values))
    return Outcomes.listed([unpack(*outcome) for outcome in packed])


def unpack(index: int, pickled: bytes, head: bytes | None, number: int, error: tuple[Link, ...] | None) -> Outcome:
    """In the parent: the outcome that a worker packed; a value that is lost on the way is the error of its item."""
    if error is not None:
        return Outcome(index, None, unpack_error(error))
    if head is not None:
        return Outcome(index, Parts(pickle.loads(head), load_parts(pickled, number)))
    value = load(pickled)
    if value.__class__ is not Lost:
        return Outcome(index, value)
    lost = TypeError(value.sentence(f"the result of item {index}"))
    lost.__cause__ = value.error
    return Outcome(index, None, lost)


def _packed_together(outcomes: Outcomes) -> tuple[int, bytes] | None:
    """Numbers and short texts, which can always be pickled and rebuilt, in one pickle; None where there is anything else."""
    if outcomes.errors or not set(map(type, outcomes.values)) <= _PLAIN:
        return None
    return outcomes.first, pickle.dumps(outcomes.values, pickle.HIGHEST_PROTOCOL)


def _pack(outcome: Outcome) -> PackedOutcome:
    """Values are pickled one by one, so that one that cannot be is the error of its own item."""
    if outcome.error is not None:
        return outcome.index, b"", None, 0, pack_error(outcome.error)
    value = outcome.value
    if value.__class__ is not Parts:
        return outcome.index, dump_result(value), None, 1, None
    head = pickle.dumps(value.head, pickle.HIGHEST_PROTOCOL)
    return outcome.index, dump_parts(value.objects), head, len(value.objects), None


def thread_queued_s() -> float:
    """Seconds in the run queue of this thread so far; NaN where the system does not report them (Linux does)."""
    return _queued_s(f"{_THREAD}/schedstat")


def process_queued_s() -> float:
    """Seconds in the run queue of all living threads of this process so far; NaN where the system does not report them."""
    threads = queued_by_thread()
    return sum(threads.values()) if threads else _NAN


def queued_by_thread() -> dict[str, float]:
    """The same of each thread by its number; empty where the system does not report them."""
    try:
        threads = {thread: _queued_s(f"{_TASKS}/{thread}/schedstat") for thread in os.listdir(_TASKS)}
    except OSError:
        return {}
    return {thread: queued_s for thread, queued_s in threads.items() if queued_s == queued_s}  # one may just have ended


def _queued_s(path: str) -> float:
    try:
        descriptor = os.open(path, os.O_RDONLY)  # a file object would take a multiple of the time, in each batch of a sweep
        try:
            return int(os.read(descriptor, _LONGEST_STATISTICS).split()[1]) / 1e9
        finally:
            os.close(descriptor)
    except (OSError, IndexError, ValueError):
        return _NAN
