"""line_profiler in one process: the functions that are profiled there, and the hits and times of their lines."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from types import CodeType
from typing import Any

from pocket_lab.executors.worker_state import STATE
from pocket_lab.profile.node_code import node_codes

Key = tuple[str, int]
Hits = dict[Key, dict[int, tuple[int, float]]]


class TracedTarget:
    """The functions whose lines are profiled: those of a target's nodes, and others.

    It is sent to worker processes together with the work, as the target and not as its functions, since a node that is
    imported by name there has functions of its own.
    """

    def __init__(self, target: Any, others: Sequence[Any] = ()) -> None:
        self._target = target
        self._others = tuple(others)
        self._functions: list[Any] | None = None

    def __reduce__(self) -> tuple[type[TracedTarget], tuple[Any, tuple[Any, ...]]]:
        return TracedTarget, (self._target, self._others)

    def enable(self) -> None:
        """Profile the functions in this thread until `disable` or `collect_hits` is called in it."""
        if self._functions is None:
            self._functions = [code.function for code in node_codes(self._target, "", self._others)[0]]
        profiler = STATE.get_or_create(_ProcessProfiler, _ProcessProfiler)
        profiler.register(self._functions)
        profiler.enable()

    def __call__(self) -> AbstractContextManager[None]:
        """Enable the profiler for a `WrappedPool`; it stays enabled until `collect_hits`."""
        self.enable()
        return nullcontext()


class _ProcessProfiler:
    """The LineProfiler of this process, the original code of its functions, and the threads in which it is enabled."""

    def __init__(self) -> None:
        from line_profiler import LineProfiler

        self._profiler = LineProfiler()
        self._originals: dict[int, tuple[Any, CodeType]] = {}  # by the id of the function, since a cell may run again
        self._lock = threading.Lock()
        self._thread = threading.local()

    def register(self, functions: Iterable[Any]) -> None:
        """Add functions; line_profiler replaces their code."""
        with self._lock:
            for function in functions:
                if id(function) not in self._originals:
                    self._originals[id(function)] = function, function.__code__
                    self._profiler.add_callable(function)

    def enable(self) -> None:
        """Enable the profiler in this thread, unless it is enabled already: that takes a while."""
        if not getattr(self._thread, "is_enabled", False):
            self._thread.is_enabled = True
            self._profiler.enable_by_count()

    def disable(self) -> None:
        """Disable the profiler in this thread."""
        if self._thread.__dict__.pop("is_enabled", False):
            self._profiler.disable_by_count()

    def close(self) -> Hits:
        """Disable the profiler in this thread and give the functions their own code back; the hits since the start."""
        self.disable()
        with self._lock:
            for function, code in self._originals.values():
                function.__code__ = code
            self._originals.clear()
        hits: Hits = {}
        stats = self._profiler.get_stats()
        for (file, first, _), lines in stats.timings.items():
            found = hits.setdefault((file, first), {})
            for line, count, time in lines:
                earlier, seconds = found.get(line, (0, 0.0))
                found[line] = earlier + count, seconds + time * stats.unit
        return hits


def disable() -> None:
    """Stop profiling in this thread."""
    profiler = STATE.get(_ProcessProfiler)
    if profiler is not None:
        profiler.disable()


def collect_hits() -> tuple[int, Hits]:
    """Stop profiling in this process; its id, and by (file, first line) of each function the hits and seconds of its lines."""
    profiler = STATE.pop(_ProcessProfiler)
    return os.getpid(), {} if profiler is None else profiler.close()
