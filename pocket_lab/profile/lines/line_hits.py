"""line_profiler inside one process: which functions it follows here, and what it has counted since it was last asked."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from types import CodeType
from typing import Any

from pocket_lab.profile.node_code import node_codes

Key = tuple[str, int]
Hits = dict[Key, dict[int, tuple[int, float]]]

_lock = threading.Lock()
_profiler: Any = None
_followed: dict[int, tuple[Any, CodeType]] = {}  # functions with their own code, which line_profiler replaces
_here = threading.local()


class Following:
    """The functions of a target, and others, are followed in each thread in which it is `on`, until `off` is called there.

    It can be sent to a worker process together with the work, and then follows the functions of that process: it has the
    target and not its functions, since a node that is found by its name there brings its own.
    """

    def __init__(self, target: Any, also: Sequence[Any] = ()) -> None:
        self._target = target
        self._also = tuple(also)
        self._functions: list[Any] | None = None

    def __reduce__(self) -> tuple[type[Following], tuple[Any, tuple[Any, ...]]]:
        return Following, (self._target, self._also)

    def on(self) -> None:
        """Follow them in this thread, if it does not yet: line_profiler takes its time to be switched."""
        profiler = self._registered()
        if getattr(_here, "profiler", None) is not profiler:
            _here.profiler = profiler
            profiler.enable_by_count()

    def __call__(self) -> AbstractContextManager[None]:
        """On, for a `WrappedPool`, and left on: `take_hits` ends it."""
        self.on()
        return nullcontext()

    def _registered(self) -> Any:
        """The profiler of this process, which knows the functions: by their identity, since a cell may be run again."""
        global _profiler
        from line_profiler import LineProfiler

        with _lock:
            if _profiler is None:
                _profiler = LineProfiler()
            if self._functions is None:
                self._functions = [code.function for code in node_codes(self._target, "", self._also)[0]]
            for function in self._functions:
                if id(function) not in _followed:
                    _followed[id(function)] = function, function.__code__
                    _profiler.add_callable(function)
            return _profiler


def off() -> None:
    """Follow nothing in this thread any more."""
    profiler = _here.__dict__.pop("profiler", None)
    if profiler is not None:
        profiler.disable_by_count()


def take_hits() -> tuple[int, Hits]:
    """The process id, and by (file, first line) of each function the hits and seconds of its lines; off, and all forgotten."""
    global _profiler
    off()
    with _lock:
        profiler, _profiler = _profiler, None
        for function, code in _followed.values():
            function.__code__ = code
        _followed.clear()
    hits: Hits = {}
    if profiler is not None:
        stats = profiler.get_stats()
        for (file, first, _), lines in stats.timings.items():
            found = hits.setdefault((file, first), {})
            for line, count, time in lines:
                seen, seconds = found.get(line, (0, 0.0))
                found[line] = seen + count, seconds + time * stats.unit
    return os.getpid(), hits
