"""A thread that samples the stacks of all other threads a thousand times a second, and those of suspended tasks.

It needs no hook in the interpreter, so that it slows nothing down, sees every thread, and conflicts with no other instrument.
A sample weighs as many seconds as have passed since the one before it: where a call in C held the interpreter lock for
longer, the next sample finds the caller still at that call, since CPython releases the lock only after it.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any, Self

from pocket_lab.executors.worker_state import STATE

Frame = tuple[str, str, int]
AWAITING: Frame = ("[awaiting]", "", 0)
MAIN, OTHER, TASK = "main", "other", "task"

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
    """Samples from `start` to `stop`; `tasks` returns the tasks of an event loop, of which suspended ones are sampled too."""

    def __init__(self, interval_s: float, tasks: Callable[[], Iterable[asyncio.Task[Any]]] | None = None) -> None:
        self._interval_s = interval_s
        self._tasks = tasks
        self._times: dict[tuple[str, tuple[int, ...]], StackTimes] = {}
        self._codes: dict[int, CodeType] = {}
        self._native_ids: dict[int, int | None] = {}
        self._cpu_s: dict[int, float] = {}
        self._main = threading.get_ident()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pocket-lab-sampler", daemon=True)

    def start(self) -> Self:
        """Start the thread, with a short switch interval of the interpreter until `stop`.

        With the usual interval the sampler would get the interpreter lock only when a thread releases it voluntarily, to
        sleep for example, and would never see short work before that.
        """
        self._switch_s = sys.getswitchinterval()
        sys.setswitchinterval(min(self._switch_s, self._interval_s * _SWITCH_SHARE))
        self._thread.start()
        return self

    def stop(self) -> Stacks:
        """Stop the thread; returns (kind of the thread, frames from the outermost, times) for each stack."""
        self._stopped.set()
        self._thread.join()
        sys.setswitchinterval(self._switch_s)
        return [(kind, tuple(self._frame(code_id) for code_id in stack), times) for (kind, stack), times in self._times.items()]

    def close(self) -> None:
        """Stop the thread and drop its stacks."""
        self.stop()

    def _frame(self, code_id: int) -> Frame:
        code = self._codes.get(code_id)
        return AWAITING if code is None else (code.co_qualname, code.co_filename, code.co_firstlineno)

    def _run(self) -> None:
        sampler, before = threading.get_ident(), time.perf_counter()
        self._sample(sampler, 0.0)  # reads the CPU clocks of the threads for the first time
        self._times.clear()
        while not self._stopped.wait(self._interval_s):
            now = time.perf_counter()
            self._sample(sampler, now - before)
            before = now

    def _sample(self, sampler: int, wall_s: float) -> None:
        for thread, frame in sys._current_frames().items():
            if thread != sampler:
                kind = MAIN if thread == self._main else OTHER
                self._add(kind, self._stack_of(frame), wall_s, self._cpu_since_last_sample(thread))
        for task in self._tasks() if self._tasks is not None else ():
            if stack := self._stack_of_task(task):
                self._add(TASK, stack, wall_s, 0.0)

    def _add(self, kind: str, stack: tuple[int, ...], wall_s: float, cpu_s: float) -> None:
        times = self._times.get((kind, stack))
        if times is None:
            times = self._times[kind, stack] = StackTimes()
        times.add(wall_s, cpu_s)

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

    def _cpu_since_last_sample(self, thread: int) -> float:
        """CPU seconds of a thread since the last sample; NaN where the system does not report them."""
        if thread not in self._native_ids:
            self._native_ids |= {known.ident: known.native_id for known in threading.enumerate() if known.ident is not None}
        native_id = self._native_ids.setdefault(thread, None)
        now_s = thread_cpu_s(native_id)
        before_s, self._cpu_s[thread] = self._cpu_s.get(thread, now_s), now_s
        return now_s - before_s


def thread_cpu_s(native_id: int | None) -> float:
    """The CPU seconds of a thread of this process by its native id (Linux: the clock id of a thread); NaN elsewhere."""
    if native_id is None or sys.platform != "linux":
        return float("nan")
    try:
        return time.clock_gettime(~native_id << 3 | 6)
    except OSError:  # the thread has ended
        return float("nan")


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
