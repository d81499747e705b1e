"""line_profiler inside one process: which functions it follows here, and what it has counted since it was last asked."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import CodeType
from typing import Any

Key = tuple[str, int]
Hits = dict[Key, dict[int, tuple[int, float]]]

_lock = threading.Lock()
_profiler: Any = None
_followed: dict[int, tuple[Any, CodeType]] = {}  # functions with their own code, which line_profiler replaces


class Following:
    """Calling it gives a context in which these functions are followed, in this thread.

    It can be sent to a worker process together with the code that calls the functions: there it follows those of that process.
    """

    def __init__(self, functions: Sequence[Any]) -> None:
        self._functions = tuple(functions)

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """On for this thread; line_profiler counts how often it was switched on in each."""
        profiler = self._registered()
        profiler.enable_by_count()
        try:
            yield
        finally:
            profiler.disable_by_count()

    def _registered(self) -> Any:
        """The profiler of this process, which knows the functions: by their identity, since a cell may be run again."""
        global _profiler
        from line_profiler import LineProfiler

        with _lock:
            if _profiler is None:
                _profiler = LineProfiler()
            for function in self._functions:
                if id(function) not in _followed:
                    _followed[id(function)] = function, function.__code__
                    _profiler.add_callable(function)
            return _profiler


def take_hits() -> tuple[int, Hits]:
    """The process id, and by (file, first line) of each function the hits and seconds of its lines; forgets all of it."""
    global _profiler
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
