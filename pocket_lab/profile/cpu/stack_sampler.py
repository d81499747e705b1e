"""A thread that looks at the stacks of all others a thousand times a second, and at those of suspended tasks.

It needs no hook in the interpreter, so that it slows nothing down, sees every thread, and excludes no other instrument.
A look weighs as long as it was since the last one: where a call in C held the interpreter lock for longer, the look that
follows finds the caller still at that call, since CPython gives the lock away only after it.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any

Frame = tuple[str, str, int]
_PATIENCE = 0.05
AWAITING: Frame = ("[awaiting]", "", 0)
MAIN, OTHER, TASK = "main", "other", "task"


@dataclass(slots=True)
class Seen:
    """What was found at one stack: wall and CPU seconds, and in how many looks."""

    wall_s: float = 0.0
    cpu_s: float = 0.0
    looks: int = 0

    def add(self, wall_s: float, cpu_s: float) -> None:
        """Another look."""
        self.wall_s += wall_s
        self.cpu_s += cpu_s
        self.looks += 1


class StackSampler:
    """Looks from `start` to `stop`; `tasks` gives the tasks of an event loop, whose suspended ones are looked at too."""

    def __init__(self, interval_s: float, tasks: Callable[[], Iterable[asyncio.Task[Any]]] | None = None) -> None:
        self._interval_s = interval_s
        self._tasks = tasks
        self._seen: dict[tuple[str, tuple[int, ...]], Seen] = {}
        self._codes: dict[int, CodeType] = {}
        self._native: dict[int, int | None] = {}
        self._cpu_s: dict[int, float] = {}
        self._home = threading.get_ident()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look_on, name="pocket-lab-sampler", daemon=True)

    def start(self) -> None:
        """Begin; as long as it looks, a thread that asks for the interpreter lock gets it soon.

        Otherwise it would come when a thread goes to sleep of its own will, and see what is short before that never.
        """
        self._switch_s = sys.getswitchinterval()
        sys.setswitchinterval(min(self._switch_s, self._interval_s * _PATIENCE))
        self._thread.start()

    def stop(self) -> list[tuple[str, tuple[Frame, ...], Seen]]:
        """End, and give (whose, frames from the outermost, what was seen) for each stack."""
        self._ended.set()
        self._thread.join()
        sys.setswitchinterval(self._switch_s)
        return [(whose, tuple(self._frame(number) for number in stack), seen) for (whose, stack), seen in self._seen.items()]

    def _frame(self, number: int) -> Frame:
        code = self._codes.get(number)
        return AWAITING if code is None else (code.co_qualname, code.co_filename, code.co_firstlineno)

    def _look_on(self) -> None:
        here, before = threading.get_ident(), time.perf_counter()
        self._look(here, 0.0)  # where the CPU clocks of the threads stand
        self._seen.clear()
        while not self._ended.wait(self._interval_s):
            now = time.perf_counter()
            self._look(here, now - before)
            before = now

    def _look(self, here: int, wall_s: float) -> None:
        for thread, frame in sys._current_frames().items():
            if thread != here:
                whose = MAIN if thread == self._home else OTHER
                self._add(whose, self._stack_of(frame), wall_s, self._cpu_since(thread))
        for task in self._tasks() if self._tasks is not None else ():
            if stack := self._stack_of_task(task):
                self._add(TASK, stack, wall_s, 0.0)

    def _add(self, whose: str, stack: tuple[int, ...], wall_s: float, cpu_s: float) -> None:
        seen = self._seen.get((whose, stack))
        if seen is None:
            seen = self._seen[whose, stack] = Seen()
        seen.add(wall_s, cpu_s)

    def _stack_of(self, frame: FrameType | None) -> tuple[int, ...]:
        stack = []
        while frame is not None:
            stack.append(self._number(frame.f_code))
            frame = frame.f_back
        return tuple(reversed(stack))

    def _stack_of_task(self, task: asyncio.Task[Any]) -> tuple[int, ...]:
        """The coroutines that await each other; nothing where the task runs, since its thread shows that."""
        codes = list(_suspended(task.get_coro()))
        return (*map(self._number, codes), 0) if codes else ()

    def _number(self, code: CodeType) -> int:
        """Its identity, since a code object takes its time to be hashed; it is kept, so that no other gets the same."""
        number = id(code)
        self._codes[number] = code
        return number

    def _cpu_since(self, thread: int) -> float:
        """The CPU seconds of a thread since the last look; NaN where the system does not tell."""
        if thread not in self._native:
            self._native |= {known.ident: known.native_id for known in threading.enumerate() if known.ident is not None}
        native = self._native.setdefault(thread, None)
        now_s = thread_cpu_s(native)
        before_s, self._cpu_s[thread] = self._cpu_s.get(thread, now_s), now_s
        return now_s - before_s


def thread_cpu_s(native: int | None) -> float:
    """The CPU seconds of a thread of this process by its native id (Linux: the clock id of a thread); NaN elsewhere."""
    if native is None or sys.platform != "linux":
        return float("nan")
    try:
        return time.clock_gettime(~native << 3 | 6)
    except OSError:  # it has ended
        return float("nan")


def _suspended(awaited: Any) -> Iterator[CodeType]:
    while awaited is not None and getattr(awaited, "cr_frame", None) is not None and not awaited.cr_running:
        yield awaited.cr_code
        awaited = awaited.cr_await


Stacks = list[tuple[str, tuple[Frame, ...], Seen]]

_running: StackSampler | None = None


def start_sampling(interval_s: float, tasks: Callable[[], Iterable[asyncio.Task[Any]]] | None = None) -> None:
    """Begin to look at the threads of this process."""
    global _running
    _running = StackSampler(interval_s, tasks)
    _running.start()


def stop_sampling() -> tuple[int, Stacks]:
    """The process id, and what was seen since the start."""
    global _running
    sampler, _running = _running, None
    return os.getpid(), [] if sampler is None else sampler.stop()
