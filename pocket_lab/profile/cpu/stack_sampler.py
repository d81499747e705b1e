"""A thread that samples the stacks of all other threads a thousand times a second, and those of suspended tasks.

It needs no hook in the interpreter, so that it slows nothing down, sees every thread, and conflicts with no other instrument.
A sample weighs as many seconds as have passed since the one before it: where a call in C held the interpreter lock for
longer, the next sample finds the caller still at that call, since CPython releases the lock only after it.
"""

from __future__ import annotations

import asyncio
import math
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any, Self

from pocket_lab.executors.event_loop import open_tasks
from pocket_lab.executors.worker_state import STATE
from pocket_lab.graph.runtime.markers import INHERITED, VISIT, inherited, node_of_marker
from pocket_lab.profile.cpu.node_ledger import NodeLedger
from pocket_lab.profile.inheritance import Inheritance
from pocket_lab.stats.median_interval import NAN

Frame = tuple[str, str, int]
AWAITING: Frame = ("[awaiting]", "", 0)
MAIN, WORKER, OTHER, TASK, UNSEEN = "main", "worker", "other", "task", "unseen"

_UNSEEN_ID = -1
_SURE_S = 0.05  # CPU seconds that are no accident of the samples
_SWITCH_SHARE = 0.05  # of the sampling interval, after which a thread has to release the interpreter lock


@dataclass(slots=True)
class StackTimes:
    """What was sampled at one stack: wall and CPU seconds, and the number of samples."""

    wall_s: float = 0.0
    cpu_s: float = 0.0
    samples: int = 0

    def add(self, wall_s: float, cpu_s: float) -> None:
        """One more sample."""
        self.wall_s += wall_s
        self.cpu_s += cpu_s
        self.samples += 1


Stacks = list[tuple[str, tuple[Frame, ...], StackTimes]]


class StackSampler:
    """Samples from `start` to `stop`, also the suspended tasks of every loop of ours (any executor may have async nodes).

    Threads and callbacks that a node starts meanwhile inherit the node. Where they and visits begin and end, the clock of the
    thread is read, so that the CPU time of a node is exact; samples tell how it is divided among the stacks of the node.
    """

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._times: dict[tuple[str, tuple[int, ...]], StackTimes] = {}
        self._codes: dict[int, CodeType] = {}
        self._clocks: weakref.WeakKeyDictionary[threading.Thread, _Clock] = weakref.WeakKeyDictionary()
        self._unnamed: dict[int, _Clock] = {}
        self._no_clock = _Clock(None, NAN)
        self._inheritance = Inheritance()
        self._ledger = NodeLedger(lambda thread: self._kind(thread.ident, thread) != OTHER)
        self._has_begun = False
        self._process_s = 0.0
        self._main = threading.get_ident()
        self._stopped = threading.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pocket-lab-sampler", daemon=True)

    def start(self) -> Self:
        """Start the thread, with a short switch interval of the interpreter until `stop`.

        With the usual interval the sampler would get the interpreter lock only when a thread releases it voluntarily, to
        sleep for example, and would never see short work before that.
        """
        self._switch_s = sys.getswitchinterval()
        sys.setswitchinterval(min(self._switch_s, self._interval_s * _SWITCH_SHARE))
        self._inheritance.start()
        self._thread.start()
        self._ready.wait()
        self._ledger.start()
        return self

    def stop(self) -> Stacks:
        """Stop the thread; returns (kind of the thread, frames from the outermost, times) for each stack."""
        unfinished = self._unfinished()  # before the end, so that a thread which ends meanwhile is charged
        self._ledger.stop()
        self._stopped.set()
        self._thread.join()
        self._inheritance.close()
        self._settle(unfinished)
        sys.setswitchinterval(self._switch_s)
        return [(kind, tuple(self._frame(code_id) for code_id in stack), times) for (kind, stack), times in self._times.items()]

    def close(self) -> None:
        """Stop the thread and drop its stacks."""
        self.stop()

    def _frame(self, code_id: int) -> Frame:
        code = self._codes.get(code_id)
        if code_id == _UNSEEN_ID:
            return UNSEEN, "", 0
        return AWAITING if code is None else (code.co_qualname, code.co_filename, code.co_firstlineno)

    def _run(self) -> None:
        sampler, before = threading.get_ident(), time.perf_counter()
        self._sample(sampler, 0.0)  # reads the CPU clocks of the threads for the first time
        self._times.clear()
        begun_s, self._has_begun = time.process_time() - time.thread_time(), True
        self._ready.set()
        is_stopped = False
        while not is_stopped:
            is_stopped = self._stopped.wait(self._interval_s)  # one last sample, so that no CPU time is left
            now = time.perf_counter()
            self._sample(sampler, now - before)
            before = now
        self._process_s = time.process_time() - time.thread_time() - begun_s

    def _sample(self, sampler: int, wall_s: float) -> None:
        for thread, frame in sys._current_frames().items():
            if thread != sampler:
                here = threading._active.get(thread)  # type: ignore[attr-defined]
                clock = self._clock_of_unnamed(thread) if here is None else self._clock(here)
                self._add(self._kind(thread, here), self._stack_of(frame), wall_s, self._count(clock, clock.now_s()))
        for task in open_tasks():
            if stack := self._stack_of_task(task):
                self._add(TASK, stack, wall_s, 0.0)

    def _kind(self, ident: int | None, thread: threading.Thread | None) -> str:
        """Whether it is the calling thread, a worker of ours, or a thread that the target or a library has started."""
        if ident == self._main:
            return MAIN
        return WORKER if thread is not None and thread.name.startswith("pocket-lab") else OTHER

    def _settle(self, unfinished: list[tuple[int, str, float]]) -> None:
        """Scale the times of the stacks of each node to what it was charged, which is exact; the rest is in no sample.

        The sampler gets the interpreter lock most easily where a thread releases it, so that a node that sleeps has samples
        that belong to the one before it.
        """
        nodes = {code_id: _marked_node(code) for code_id, code in self._codes.items()}
        sampled: dict[str, list[StackTimes]] = {}
        visited: dict[str, list[StackTimes]] = {}
        for (kind, stack), times in self._times.items():
            node = next((name for code_id in reversed(stack) if (name := nodes.get(code_id)) is not None), None)
            if node is not None and times.cpu_s > 0:
                sampled.setdefault(node, []).append(times)
            if node is not None and kind in (MAIN, WORKER):
                visited.setdefault(node, []).append(times)
        for node, wall_s in self._ledger.wall_seconds().items():
            whole_s = math.fsum(times.wall_s for times in visited.get(node, []))
            for times in visited.get(node, []):
                times.wall_s *= wall_s / whole_s if whole_s else 1.0
        for node, cpu_s in self._ledger.seconds(unfinished).items():
            parts = sampled.get(node, [])
            whole_s = math.fsum(times.cpu_s for times in parts)
            if not parts and cpu_s > 0:
                self._add(OTHER, (self._code_id(inherited(node).__code__),), 0.0, cpu_s)
            for times in parts:
                times.cpu_s *= cpu_s / whole_s
        known_s = math.fsum(times.cpu_s for times in self._times.values() if times.cpu_s == times.cpu_s)
        if (rest_s := self._process_s - known_s) > 0:
            if rest_s > max(_SURE_S, self._process_s / 100):
                self._add(UNSEEN, (_UNSEEN_ID,), 0.0, rest_s)
            else:
                self._add(WORKER, (), 0.0, rest_s)

    def _unfinished(self) -> list[tuple[int, str, float]]:
        """The threads that still work for a node: their native ids, the nodes, and what their CPU clocks say."""
        found = []
        for ident, innermost in sys._current_frames().items():
            thread, frame = threading._active.get(ident), innermost  # type: ignore[attr-defined]
            while frame is not None and (node := _marked_node(frame.f_code)) is None:
                frame = frame.f_back  # type: ignore[assignment]
            if frame is not None and node is not None:
                native_id = self._ledger.native_ids.get(ident) if thread is None else thread.native_id
                if native_id is not None:
                    found.append((native_id, node, thread_cpu_s(native_id) or 0.0))
        return found

    def _add(self, kind: str, stack: tuple[int, ...], wall_s: float, cpu_s: float) -> StackTimes:
        times = self._times.get((kind, stack))
        if times is None:
            times = self._times[kind, stack] = StackTimes()
        times.add(wall_s, cpu_s)
        return times

    def _stack_of(self, frame: FrameType | None) -> tuple[int, ...]:
        stack = []
        while frame is not None:
            stack.append(self._code_id(frame.f_code))
            frame = frame.f_back
        return tuple(reversed(stack))

    def _stack_of_task(self, task: asyncio.Task[Any]) -> tuple[int, ...]:
        """The coroutines that await each other; empty for a running task, which is on the stack of its thread."""
        codes = list(_suspended(task.get_coro()))
        return (*map(self._code_id, codes), 0) if codes else ()

    def _code_id(self, code: CodeType) -> int:
        """The id of a code object, whose hash is slow; the object is kept, so that no other one gets the same id."""
        code_id = id(code)
        self._codes[code_id] = code
        return code_id

    def _clock_of_unnamed(self, ident: int) -> _Clock:
        """The clock of a thread that `threading` does not know, once it has worked for a node."""
        native_id = self._ledger.native_ids.get(ident)
        if native_id is None:
            return self._no_clock
        return self._unnamed.setdefault(native_id, _Clock(native_id, 0.0))

    def _clock(self, thread: threading.Thread) -> _Clock:
        """The clock of a thread; that of one that began meanwhile began at zero."""
        clock = self._clocks.get(thread)
        if clock is None:
            clock = self._clocks[thread] = _Clock(thread.native_id, 0.0)
            if not self._has_begun:
                clock.cpu_s = clock.now_s()
        return clock

    def _count(self, clock: _Clock, now_s: float) -> float:
        """CPU seconds of a thread since its clock was read last; NaN where the system does not report them."""
        cpu_s = max(now_s - clock.cpu_s, 0.0) if now_s == now_s else NAN
        clock.cpu_s = now_s
        return cpu_s


@dataclass(slots=True)
class _Clock:
    """The CPU clock of a thread, and what it said when it was read last."""

    native_id: int | None
    cpu_s: float

    def now_s(self) -> float:
        """What it says now; the same as before where the thread has ended."""
        now_s = thread_cpu_s(self.native_id)
        return self.cpu_s if now_s is None else now_s


def thread_cpu_s(native_id: int | None) -> float | None:
    """The CPU seconds of a thread of this process by its native id (Linux: the clock id of a thread).

    None for a thread that has ended; NaN elsewhere.
    """
    if native_id is None or sys.platform != "linux":
        return NAN
    try:
        return time.clock_gettime(~native_id << 3 | 6)
    except OSError:
        return None


def _marked_node(code: CodeType) -> str | None:
    """The node that was charged below this frame: that of a visit, or of what it has started."""
    return node_of_marker(code.co_filename) if code.co_name in (VISIT, INHERITED) else None


def _suspended(awaited: Any) -> Iterator[CodeType]:
    while awaited is not None and getattr(awaited, "cr_frame", None) is not None and not awaited.cr_running:
        yield awaited.cr_code
        awaited = awaited.cr_await


def start_in_worker(interval_s: float) -> None:
    """Start to sample the threads of this worker process."""
    STATE.replace(StackSampler, lambda: StackSampler(interval_s).start())


def stop_in_worker() -> Stacks:
    """The stacks sampled in this worker process since the start; empty if it has not been started here."""
    sampler = STATE.pop(StackSampler)
    return [] if sampler is None else sampler.stop()
