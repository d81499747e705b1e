"""line_profiler in one process: the code that is profiled there, and the hits and times of its lines."""

from __future__ import annotations

import math
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from types import CellType, CodeType, FunctionType
from typing import Any, NamedTuple

from pocket_lab.executors.worker_state import STATE
from pocket_lab.profile.given_work import GivenWork
from pocket_lab.profile.lines.code_blocks import CodeBlock, TracedFunction, traced_code
from pocket_lab.profile.lines.first_line import with_first_line
from pocket_lab.profile.lines.repeated_events import RepeatedEvents
from pocket_lab.profile.lines.traced_functions import Helper

Lines = dict[int, tuple[int, float]]
Hits = list[tuple[CodeBlock, Lines]]


class TracedTarget:
    """The functions whose lines are profiled: those of a target's nodes, and helpers.

    It is sent to worker processes together with the work, as the target and not as its functions, since a node that is
    imported by name there has functions of its own.
    """

    def __init__(
        self, target: Any, label: str, helpers: Sequence[Helper] = (), functions: Sequence[TracedFunction] | None = None
    ) -> None:
        self._target = target
        self._label = label
        self._helpers = tuple(helpers)
        self._functions = functions  # in another process they are found again

    def __reduce__(self) -> tuple[type[TracedTarget], tuple[Any, str, tuple[Helper, ...]]]:
        return TracedTarget, (self._target, self._label, self._helpers)

    def enable(self) -> None:
        """Profile the functions in this thread until `disable` or `collect_hits` is called in it."""
        if self._functions is None:
            self._functions = traced_code(self._target, self._label, self._helpers)[0]
        profiler = STATE.get_or_create(_ProcessProfiler, _ProcessProfiler)
        profiler.register(self._functions)
        profiler.enable()

    def __call__(self) -> AbstractContextManager[None]:
        """Enable the profiler for a `WrappedPool`; it stays enabled until `collect_hits`."""
        self.enable()
        return nullcontext()


class _ProcessProfiler:
    """The LineProfiler of this process, the original code of its functions, and the threads in which it is enabled.

    `taken` is the number of threads in which code of the target set another trace function, or none, and left it so.

    With sys.monitoring (Python 3.12) it counts in every thread as soon as it is enabled in one. Otherwise it is enabled in each
    thread of the pool by the instrument, and in other threads for the calls that they are given meanwhile.
    """

    def __init__(self) -> None:
        from line_profiler import LineProfiler

        self._profiler = LineProfiler()
        self._traced_locally = self._profiler.set_frame_local_trace
        self._profiler.set_frame_local_trace = True  # counts go on in a function that calls sys.settrace (Python 3.11)
        self._originals: dict[int, tuple[FunctionType, CodeType]] = {}  # by the id of the function: a cell may run again
        self._blocks: list[CodeBlock] = []
        self._lock = threading.Lock()
        self._thread = threading.local()
        self._counts_every_thread = False
        self._is_closed = False
        self.taken = 0
        self._given_work: GivenWork | None = None
        self._repeated = RepeatedEvents()
        self._begun_s = time.process_time()
        self._traced_s: list[float] = []  # CPU seconds of threads while it was enabled in them

    def register(self, functions: Sequence[TracedFunction]) -> None:
        """Add functions: their code is replaced, with that of the functions inside them."""
        with self._lock:
            for traced in functions:
                function = traced.function
                if id(function) not in self._originals:
                    self._originals[id(function)] = function, function.__code__
                    function.__code__ = self._counted(function.__code__, iter(traced.blocks))

    def _counted(self, code: CodeType, blocks: Iterator[CodeBlock]) -> CodeType:
        """The code as line_profiler counts it.

        line_profiler tells code objects apart by their bytes, which it makes unique, but names its counts by file, name and
        line: it sees the index of the block as the file.
        """
        if sys.version_info >= (3, 12):
            code = with_first_line(code)
        file, index = code.co_filename, len(self._blocks)
        self._blocks.append(next(blocks))
        inner = tuple(self._counted(part, blocks) if isinstance(part, CodeType) else part for part in code.co_consts)
        carrier = FunctionType(
            code.replace(co_consts=inner, co_filename=str(index)), {}, closure=tuple(CellType() for _ in code.co_freevars)
        )
        self._profiler.add_function(carrier)
        counted = carrier.__code__.replace(co_filename=file)
        self._repeated.add(counted, index)
        return counted

    def enable(self) -> None:
        """Enable the profiler in this thread, until `disable`, and in those that start from now on."""
        self._thread.is_kept = True
        self._enable()
        with self._lock:
            if not self._counts_every_thread and self._given_work is None:
                self._given_work = GivenWork(self._counting)
                self._given_work.start()

    def disable(self) -> None:
        """Disable the profiler in this thread."""
        self._thread.is_kept = False
        self._disable()

    def _enable(self) -> None:
        """Enable line_profiler in this thread, unless it is enabled already: that takes a while."""
        if self._counts_every_thread or getattr(self._thread, "is_enabled", False):
            return
        self._thread.is_enabled = True
        self._thread.begun_s = time.thread_time()
        self._profiler.enable_by_count()
        self._counts_every_thread = _monitors_every_thread()
        self._thread.trace = sys.gettrace()
        if self._counts_every_thread:
            self._repeated.start()

    def _disable(self) -> None:
        if self._thread.__dict__.pop("is_enabled", False):
            self._repeated.stop()
            if sys.gettrace() is not self._thread.trace:
                with self._lock:
                    self.taken += 1
            self._profiler.disable_by_count()
            self._traced_s.append(time.thread_time() - self._thread.begun_s)

    def _counting(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function with the profiler enabled in its thread, and left enabled there only if it asks for that."""

        def count(*args: Any, **options: Any) -> Any:
            if self._is_closed or getattr(self._thread, "is_enabled", False):
                return function(*args, **options)
            self._enable()
            try:
                return function(*args, **options)
            finally:
                if not getattr(self._thread, "is_kept", False):
                    self._disable()

        return count

    def close(self) -> tuple[Hits, float]:
        """Disable the profiler in this thread and give the functions their own code back.

        The hits since the start, and the CPU seconds of threads in which it was not enabled.
        """
        self.disable()
        used_s = time.process_time() - self._begun_s
        untraced_s = 0.0 if self._counts_every_thread else max(used_s - math.fsum(self._traced_s), 0.0)
        with self._lock:
            self._is_closed = True
            if self._given_work is not None:
                self._given_work.close()
            for function, code in self._originals.values():
                function.__code__ = code
            self._originals.clear()
        self._profiler.set_frame_local_trace = self._traced_locally
        stats = self._profiler.get_stats()
        hits: Hits = [(block, {}) for block in self._blocks]
        for (index, _, _), lines in stats.timings.items():
            repeated = {line: self._repeated.counts[int(index), line] for line, _, _ in lines}
            counts = {line: (count - repeated[line], time * stats.unit) for line, count, time in lines if line > 0}
            hits[int(index)][1].update(counts)
        return hits, untraced_s


def _monitors_every_thread() -> bool:
    """Whether line_profiler uses sys.monitoring, which knows no threads: one that leaves it would end the counts of all."""
    return sys.version_info >= (3, 12) and sys.monitoring.get_tool(sys.monitoring.PROFILER_ID) == "line_profiler"


def disable() -> None:
    """Stop profiling in this thread."""
    profiler = STATE.get(_ProcessProfiler)
    if profiler is not None:
        profiler.disable()


class Collected(NamedTuple):
    """What the profiler of a process has counted.

    And the CPU seconds of threads that it did not trace, and the number of those in which the target took tracing away from it.
    """

    process: int
    hits: Hits
    untraced_s: float
    taken: int


def collect_hits() -> Collected:
    """Stop profiling in this process; its id, and the hits and seconds of the lines of each block of code."""
    profiler = STATE.pop(_ProcessProfiler)
    hits, untraced_s = ([], 0.0) if profiler is None else profiler.close()
    return Collected(os.getpid(), hits, untraced_s, 0 if profiler is None else profiler.taken)
